// Models of raw tensors: restored images side by side, texts to texts, and JSON for all the rest.

import { said, seen } from "./classify.js";
import { Drawing } from "./drawing.js";
import { element, field, shown } from "./elements.js";
import { samplesFor } from "./samples.js";
import { latest, send } from "./service.js";

/** @param {any} model @param {any} inputs @param {string} signature @returns {import("./service.js").Call} */
function infer(model, inputs, signature) {
  return { method: "POST", path: `v2/models/${model.id}/infer`, json: { parameters: { signature_name: signature }, inputs } };
}

/** @param {any} model @param {(signature: any) => boolean} suits @returns {[string, any]} */
const find = (model, suits) => /** @type {[string, any]} */ (Object.entries(model.signatures).find(([, each]) => suits(each)));

export class Reconstruct {
  /** @param {any} model @param {any[]} models @param {import("./copy.js").CopyAs} copy */
  constructor(model, models, copy) {
    this.model = model;
    this.copy = copy;
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.saw = element("canvas", { class: "saw", role: "img", "aria-label": "What the model saw" });
    this.restored = element("canvas", { class: "saw restored", role: "img", "aria-label": "What it restored" });
    const ask = latest((/** @type {File} */ file) => this.ask(file));
    this.drawing = new Drawing(ask, (text) => this.refuse(text), samplesFor(model));
    this.root = element("div", { class: "two" },
      element("section", { "aria-label": "Input" }, this.drawing.root),
      element("section", { class: "answer", "aria-label": "Answer" }, this.problem,
        element("p", { class: "empty hint" }, "Draw on the sheet, drop an image, or press a sample."),
        element("div", { class: "pair" },
          element("figure", {}, this.saw, element("figcaption", {}, "What the model saw")),
          element("figure", {}, this.restored, element("figcaption", {}, "What it restored")))));
  }

  /** @param {File} file */
  async ask(file) {
    try {
      const { body } = await send(seen(this.model.id, file));
      const image = new Image();
      image.src = body.images[0];
      await image.decode();
      const { width, height, channels } = this.model.input;
      this.saw.width = width;
      this.saw.height = height;
      const pen = this.saw.getContext("2d", { willReadFrequently: true });
      pen.drawImage(image, 0, 0);
      const pixels = pen.getImageData(0, 0, width, height).data;
      const data = Array.from(pixels).filter((_, index) => index % 4 < channels);
      const [name] = find(this.model, (each) => each.inputs.images && each.task === "infer");
      const call = infer(this.model, [{ name: "images", datatype: "UINT8", shape: [1, height, width, channels], data }], name);
      const reply = await send(call);
      paint(this.restored, reply.body.outputs[0].data, this.model.input);
      this.root.classList.add("answered");
      this.problem.hidden = true;
      this.copy.show(call);
    } catch (error) {
      this.refuse(said(error));
    }
  }

  /** @param {string} text */
  refuse(text) {
    this.problem.textContent = text;
    this.problem.hidden = false;
  }
}

/** @param {any} canvas @param {number[]} values 0–1 @param {{width: number, height: number, channels: number}} size */
function paint(canvas, values, { width, height, channels }) {
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * at + channel] = 255 * values[at * channels + Math.min(channel, channels - 1)];
    image.data[4 * at + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
}

export class Transduce {
  /** @param {any} model @param {any[]} models @param {import("./copy.js").CopyAs} copy */
  constructor(model, models, copy) {
    this.model = model;
    this.copy = copy;
    this.text = element("input", { type: "text", value: "le 3 avril 1987", spellcheck: "false", autocomplete: "off", oninput: () => this.ask(this.text.value) });
    this.answer = element("output", { class: "big" });
    this.note = element("p", { class: "legend" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    const examples = ["le 3 avril 1987", "March 12th, 2004", "24. Dezember 1999", "5 de mayo de 2021", "07/11/68"];
    this.ask = latest((/** @type {string} */ text) => this.transduce(text));
    this.root = element("div", { class: "two" },
      element("section", { "aria-label": "Input" }, field("Text", this.text),
        element("div", { class: "row" }, ...examples.map((each) => element("button", { type: "button", class: "quiet", onclick: () => { this.text.value = each; this.run(); } }, each)))),
      element("section", { class: "answer answered", "aria-label": "Answer", "aria-live": "polite" }, this.problem, this.answer, this.note));
  }

  run() {
    this.ask(this.text.value);
  }

  /** @param {string} text */
  async transduce(text) {
    const source = Array.from(text, (each) => each.codePointAt(0));
    if (!source.length) return;
    const [name] = find(this.model, (each) => each.inputs.source && each.outputs.target);
    const call = infer(this.model, [{ name: "source", datatype: "INT32", shape: [1, source.length], data: source }], name);
    try {
      const { body } = await send(call);
      const outputs = Object.fromEntries(body.outputs.map((/** @type {any} */ each) => [each.name, each.data]));
      this.answer.textContent = String.fromCodePoint(...outputs.target.filter(Boolean));
      this.note.textContent = outputs.log_probability ? `Probability ${shown(Math.exp(outputs.log_probability[0]))}. Text travels as Unicode code points.` : "";
      this.problem.hidden = true;
      this.copy.show(call);
    } catch (error) {
      this.problem.textContent = said(error);
      this.problem.hidden = false;
    }
  }
}

const TYPES = /** @type {Record<string, string>} */ ({ float32: "FP32", float64: "FP64", float16: "FP16", bool: "BOOL", string: "BYTES" });

export class Tensors {
  /** @param {any} model @param {any[]} models @param {import("./copy.js").CopyAs} copy */
  constructor(model, models, copy) {
    this.model = model;
    this.copy = copy;
    this.signature = element("select", { onchange: () => this.fill() }, ...Object.keys(model.signatures).map((name) => element("option", {}, name)));
    this.json = element("textarea", { rows: "14", class: "code", spellcheck: "false" });
    this.output = element("pre", { tabindex: "0", "aria-label": "Reply" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.root = element("div", { class: "two" },
      element("section", { "aria-label": "Input" }, field("Signature", this.signature), field("Inputs in JSON", this.json),
        element("button", { type: "button", class: "primary", onclick: () => this.ask() }, "Run")),
      element("section", { class: "answer answered", "aria-label": "Answer" }, this.problem, this.output));
    this.fill();
  }

  fill() {
    const { inputs } = this.model.signatures[this.signature.value];
    const example = Object.entries(inputs).map(([name, { dtype, shape }]) => {
      const sizes = (shape ?? [1]).map((/** @type {number | null} */ size) => size ?? 1);
      const count = sizes.reduce((/** @type {number} */ product, /** @type {number} */ size) => product * size, 1);
      const value = dtype === "string" ? "text" : dtype === "bool" ? false : 1;
      return { name, datatype: TYPES[dtype] ?? dtype.toUpperCase(), shape: sizes, data: Array(count).fill(value) };
    });
    this.json.value = `[\n${example.map((each) => `  ${JSON.stringify(each)}`).join(",\n")}\n]`;
  }

  async ask() {
    let inputs;
    try {
      inputs = JSON.parse(this.json.value);
    } catch (error) {
      this.refuse(`This is no JSON: ${/** @type {Error} */ (error).message}`);
      return;
    }
    const call = infer(this.model, inputs, this.signature.value);
    try {
      const { body, ms } = await send(call);
      this.problem.hidden = true;
      this.output.textContent = `// ${shown(ms)} ms\n${JSON.stringify(body, null, 1).slice(0, 20000)}`;
      this.copy.show(call);
    } catch (error) {
      this.refuse(said(error));
    }
  }

  /** @param {string} text */
  refuse(text) {
    this.problem.textContent = text;
    this.problem.hidden = false;
  }
}
