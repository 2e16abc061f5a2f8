// How near texts and images are to each other, as a heat map.

import { said } from "./classify.js";
import { element, field, shown } from "./elements.js";
import { SAMPLES } from "./samples.js";
import { base64, send } from "./service.js";

export class Similarity {
  /** @param {any} model @param {any[]} models @param {import("./copy.js").CopyAs} copy */
  constructor(model, models, copy) {
    this.model = model;
    this.copy = copy;
    this.takesImages = model.modalities.includes("image");
    this.takesTexts = model.modalities.includes("text");
    /** @type {File[]} */
    this.images = [];
    const ask = () => this.ask();
    this.rows = element("textarea", { rows: "5" }, "a smiling face\nI love you\nhot weather\nsomething that sails");
    this.columns = element("textarea", { rows: "3" }, this.takesImages ? "" : "happiness\na holiday on the beach");
    this.chooser = element("input", { type: "file", accept: "image/*", multiple: true, "aria-label": "Images", onchange: () => this.add(this.chooser.files) });
    this.chips = element("div", { class: "row samples" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cosines" });
    this.root = element("div", { class: "two" },
      element("section", { "aria-label": "Input" },
        this.takesTexts ? field("Rows: texts, one a line", this.rows) : null,
        this.takesImages ? element("div", { class: "field" }, element("span", {}, "Columns: images"), this.chooser, this.chips) : null,
        this.takesTexts ? field("Columns: texts, one a line", this.columns) : null,
        element("button", { type: "button", class: "primary", onclick: ask }, "Compare")),
      element("section", { class: "answer answered", "aria-label": "Answer" }, this.problem, this.table));
    this.root.addEventListener("dragover", (/** @type {Event} */ event) => event.preventDefault());
    this.root.addEventListener("drop", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      this.add(event.dataTransfer?.files);
    });
    this.ready = this.takesImages ? this.addSamples() : Promise.resolve();
  }

  async run() {
    await this.ready;
    await this.ask();
  }

  async addSamples() {
    const files = await Promise.all(["a smile", "a heart", "a sun", "a ship"].map(sampleFile));
    this.add(files, false);
  }

  /** @param {ArrayLike<File> | undefined | null} files @param {boolean} [asks] */
  add(files, asks = true) {
    this.images.push(...Array.from(files ?? []).slice(0, 32 - this.images.length));
    this.chips.replaceChildren(...this.images.map((file) => element("button", {
      type: "button", class: "sample", title: `Remove ${file.name}`, "aria-label": `Remove ${file.name}`,
      onclick: () => { this.images = this.images.filter((each) => each !== file); this.add([], true); },
    }, picture(file))));
    if (asks) this.ask();
  }

  async ask() {
    const lines = (/** @type {any} */ area) => area.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
    const images = await Promise.all(this.images.map(async (file) => ({ image: await base64(file) })));
    const columns = [...images, ...(this.takesTexts ? lines(this.columns) : [])];
    const rows = this.takesTexts ? lines(this.rows) : images;
    if (!rows.length || !columns.length) {
      this.table.replaceChildren(element("p", { class: "empty" }, "Enter a row and a column."));
      return;
    }
    const call = { method: "POST", path: "v1/similarity", json: { model: this.model.id, a: rows, b: columns } };
    try {
      const { body } = await send(call);
      this.problem.hidden = true;
      this.show(rows, columns, body.scores);
      this.copy.show(call);
    } catch (error) {
      this.problem.textContent = said(error);
      this.problem.hidden = false;
    }
  }

  /** @param {any[]} rows @param {any[]} columns @param {number[][]} scores */
  show(rows, columns, scores) {
    const flat = scores.flat();
    const [least, most] = [Math.min(...flat), Math.max(...flat)];
    const heading = (/** @type {any} */ each, /** @type {string} */ scope) => element("th", { scope }, typeof each === "string" ? each : picture(this.images[(scope === "col" ? columns : rows).indexOf(each)]));
    this.table.replaceChildren(element("table", { class: "heat" },
      element("thead", {}, element("tr", {}, element("td", {}), ...columns.map((each) => heading(each, "col")))),
      element("tbody", {}, ...scores.map((row, y) => element("tr", {}, heading(rows[y], "row"), ...row.map((score) => {
        const cell = element("td", {}, shown(score));
        cell.style.setProperty("--heat", `${Math.round((100 * (score - least)) / (most - least || 1))}%`);
        return cell;
      }))))));
  }
}

/** @param {string} name @returns {Promise<File>} */
export function sampleFile(name) {
  const canvas = element("canvas", { width: 280, height: 280 });
  SAMPLES[name](canvas.getContext("2d"));
  return new Promise((done) => canvas.toBlob((/** @type {Blob} */ blob) => done(new File([blob], `${name}.png`, { type: "image/png" }))));
}

/** @param {File} file */
export function picture(file) {
  const image = element("img", { alt: file.name, width: 56, height: 56 });
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  return image;
}
