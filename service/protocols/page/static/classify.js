// Classify what is drawn while it is drawn: bars, what the model saw, why, and another model beside.

import { Drawing } from "./drawing.js";
import { element, field, percent, shown } from "./elements.js";
import { samplesFor } from "./samples.js";
import { latest, send } from "./service.js";

const SHOWN = 5;

export class Classify {
  /** @param {any} model @param {any[]} models @param {import("./copy.js").CopyAs} copy */
  constructor(model, models, copy) {
    this.model = model;
    this.copy = copy;
    /** @type {File | null} */
    this.file = null;
    this.zeroShot = !model.tasks.includes("classify");
    this.labels = element("textarea", { rows: "4", oninput: () => this.ask(this.file) }, "smiling face\nred heart\nsun\nship");
    const others = models.filter((each) => each.id !== model.id && each.tasks.includes("classify"));
    this.other = element("select", { onchange: () => this.ask(this.file) }, element("option", { value: "" }, "nothing"),
      ...others.map((each) => element("option", { value: each.id }, each.id)));
    this.bars = element("ol", { class: "bars", "aria-label": "Classes" });
    this.otherBars = element("ol", { class: "bars", "aria-label": "Classes by the other model" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.said = element("p", { class: "visually-hidden", role: "status" });
    this.saw = element("canvas", { class: "saw", role: "img", "aria-label": "What the model saw" });
    this.facts = element("dl", { class: "facts" });
    this.why = element("button", { type: "button", class: "primary", disabled: true, onclick: () => this.explain() }, "Where did it look?");
    this.legend = element("p", { class: "legend" });
    this.drawing = new Drawing((file) => this.ask(file), (text) => this.refuse(text), samplesFor(model));
    this.ask = latest((/** @type {File | null} */ file) => this.classify(file));
    this.root = this.layout();
  }

  layout() {
    const compare = this.zeroShot ? null : field("Compare with", this.other);
    return element("div", { class: "two" },
      element("section", { "aria-label": "Input" }, this.drawing.root, this.zeroShot ? field("Labels, one a line", this.labels) : null, compare),
      element("section", { class: "answer", "aria-label": "Answer" }, this.problem, this.said,
        element("p", { class: "empty hint" }, "Draw on the sheet, drop an image, or press a sample."),
        this.bars, this.otherBars,
        element("figure", { class: "seen" }, this.saw, element("figcaption", {}, "What the model saw", this.legend, this.zeroShot ? null : this.why)),
        this.facts));
  }

  run() {
    if (this.file) this.ask(this.file);
  }

  /** @param {string} model @param {File} file @returns {import("./service.js").Call} */
  call(model, file) {
    /** @type {[string, string | File][]} */
    const form = [["image", file], ["model", model]];
    if (this.zeroShot) {
      for (const label of this.labels.value.split("\n")) if (label.trim()) form.push(["candidate_labels", label.trim()]);
    }
    form.push(["top_k", String(SHOWN)]);
    return { method: "POST", path: "v1/classify", form };
  }

  /** @param {File | null} file */
  async classify(file) {
    if (!file) return;
    this.file = file;
    const call = this.call(this.model.id, file);
    try {
      const [reply, saw] = await Promise.all([send(call), send(seen(this.model.id, file))]);
      this.root.classList.add("answered");
      this.problem.hidden = true;
      this.show(this.bars, reply.body.results[0].predictions);
      await this.showSeen(saw.body.images[0]);
      this.legend.textContent = "";
      this.showFacts(reply);
      this.copy.show(call);
      this.why.disabled = false;
      await this.compare(file);
    } catch (error) {
      this.refuse(said(error));
    }
  }

  /** @param {File} file */
  async compare(file) {
    this.otherBars.hidden = !this.other.value;
    if (!this.other.value) return;
    const reply = await send(this.call(this.other.value, file));
    this.show(this.otherBars, reply.body.results[0].predictions, `${this.other.value} `);
  }

  /** @param {any} list @param {{label: string, score: number}[]} predictions @param {string} [by] */
  show(list, predictions, by = "") {
    list.replaceChildren(...predictions.map(({ label, score }) => {
      const bar = element("span", { class: "bar" });
      bar.style.width = `${100 * score}%`;
      return element("li", {}, element("span", { class: "label" }, label), element("span", { class: "track" }, bar), element("span", { class: "score" }, percent(score)));
    }));
    if (by) list.prepend(element("li", { class: "by" }, by));
    else this.said.textContent = `${predictions[0].label}, ${percent(predictions[0].score)}`;
  }

  /** @param {string} uri */
  async showSeen(uri) {
    const image = new Image();
    image.src = uri;
    await image.decode();
    this.saw.width = image.width;
    this.saw.height = image.height;
    this.saw.getContext("2d").drawImage(image, 0, 0);
  }

  /** @param {{body: any, ms: number, headers: Headers}} reply */
  showFacts(reply) {
    const { width, height, channels, fit } = this.model.input;
    const facts = [
      ["Answered by", `${reply.body.model}, version ${reply.body.version}`],
      ["Runs on", [this.model.runtime, this.model.device, this.model.precision].filter(Boolean).join(" · ")],
      ["Sees", `${width} × ${height} × ${channels}, ${fit}`],
      ["Round trip", `${shown(reply.ms)} ms`],
      ...stages(reply.headers),
    ];
    this.facts.replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }

  async explain() {
    if (!this.file) return;
    const call = { method: "POST", path: "v1/explain", form: /** @type {[string, string | File][]} */ ([["image", this.file], ["model", this.model.id], ["grid", "7"]]) };
    this.why.disabled = true;
    this.legend.textContent = "Asking …";
    try {
      const { body, ms } = await send(call);
      await this.showSeen(body.image);
      overlay(this.saw, body.importance);
      this.legend.textContent = `Red: hidden, “${body.label}” loses its score; blue: it gains. ${body.runs} runs in ${shown(ms)} ms.`;
      this.copy.show(call);
    } catch (error) {
      this.legend.textContent = "";
      this.refuse(said(error));
    }
    this.why.disabled = false;
  }

  /** @param {string} text */
  refuse(text) {
    this.problem.textContent = text;
    this.problem.hidden = false;
  }
}

/** @param {string} model @param {File} file @returns {import("./service.js").Call} */
export function seen(model, file) {
  return { method: "POST", path: "v1/preprocess", form: [["image", file], ["model", model]] };
}

/** @param {any} error */
export function said(error) {
  return error.message + (error.requestId ? ` (request ${error.requestId})` : "");
}

/** What the service says of its stages in Server-Timing. @param {Headers} headers */
function stages(headers) {
  return (headers.get("server-timing") ?? "").split(",").filter(Boolean).map((each) => {
    const [name, ...parameters] = each.trim().split(";");
    return [`· ${name}`, `${parameters.find((one) => one.startsWith("dur="))?.slice(4) ?? "–"} ms`];
  });
}

/**
 * Lays importance over the image, enlarged so that both are seen.
 * @param {any} canvas @param {number[][]} importance
 */
function overlay(canvas, importance) {
  const scale = Math.max(1, Math.round(224 / canvas.width));
  const image = element("canvas", { width: canvas.width, height: canvas.height });
  image.getContext("2d").drawImage(canvas, 0, 0);
  canvas.width *= scale;
  canvas.height *= scale;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const most = Math.max(0.01, ...importance.flat().map(Math.abs));
  const [height, width] = [canvas.height / importance.length, canvas.width / importance.length];
  importance.forEach((row, y) => row.forEach((value, x) => {
    pen.fillStyle = `rgb(${value > 0 ? "232 62 37" : "52 120 246"} / ${0.8 * Math.sqrt(Math.abs(value / most))})`;
    pen.fillRect(x * width, y * height, width + 0.5, height + 0.5);
  }));
}
