// An index: filled by images and lines of text, asked by text or image.

import { said } from "./classify.js";
import { CopyAs } from "./copy.js";
import { element, field, shown } from "./elements.js";
import { base64, get, post, send } from "./service.js";

const AT_ONCE = 16;

export class Search {
  constructor() {
    this.copy = new CopyAs();
    this.model = element("select", {});
    this.name = element("input", { type: "text", value: "my-index", list: "indexes", autocomplete: "off", pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*" });
    this.known = element("datalist", { id: "indexes" });
    this.lines = element("textarea", { rows: "5" }, "a cat that sleeps in the sun\nfireworks at midnight\na rainy Monday\nbirthday cake");
    this.files = element("input", { type: "file", accept: "image/*", multiple: true });
    this.folder = element("input", { type: "file", webkitdirectory: true, "aria-label": "A folder of images" });
    this.progress = element("progress", { max: "1", value: "0", hidden: true, "aria-label": "Progress" });
    this.cancel = element("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.stop?.abort() }, "Cancel");
    this.state = element("p", { role: "status", class: "legend" });
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.text = element("input", { type: "search", value: "party", "aria-label": "Text to search for" });
    this.image = element("input", { type: "file", accept: "image/*", onchange: () => this.byImage() });
    this.results = element("ol", { class: "results", "aria-label": "Results" });
    /** @type {AbortController | null} */
    this.stop = null;
    this.root = this.layout();
  }

  layout() {
    return element("div", { class: "search" }, element("h1", {}, "Search"),
      element("div", { class: "two" },
        element("section", { "aria-label": "Fill" }, element("h2", {}, "Fill an index"), field("Index", this.name), this.known, field("Model", this.model),
          field("Texts, one a line", this.lines), field("Images", this.files), field("Or a folder of them", this.folder),
          element("div", { class: "row" }, element("button", { type: "button", class: "primary", onclick: () => this.fill() }, "Add"), this.cancel, this.progress), this.state),
        element("section", { class: "answer answered", "aria-label": "Ask" }, element("h2", {}, "Ask it"),
          element("form", { class: "row", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); this.query({ text: this.text.value }); } },
            this.text, element("button", { class: "primary" }, "Search")),
          field("Or by an image", this.image), this.problem, this.results)), this.copy.root);
  }

  /** @param {any[]} models */
  async open(models) {
    const encoders = models.filter((each) => each.modalities?.length);
    this.model.replaceChildren(...encoders.map((each) => element("option", { value: each.id }, each.id)));
    try {
      const { body } = await get("v1/indexes");
      this.known.replaceChildren(...body.data.map((/** @type {any} */ each) => element("option", { value: each.name })));
    } catch (error) {
      this.refuse(error);
    }
  }

  path() {
    return `v1/indexes/${encodeURIComponent(this.name.value.trim())}`;
  }

  async fill() {
    const texts = this.lines.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
    const images = [...this.files.files, ...this.folder.files].filter((file) => file.type.startsWith("image/"));
    const all = [...texts.map((/** @type {string} */ text) => ({ id: `text-${text.slice(0, 80)}`, text })), ...images];
    this.stop = new AbortController();
    this.progress.hidden = this.cancel.hidden = false;
    this.progress.max = all.length || 1;
    let added = 0;
    try {
      for (let at = 0; at < all.length; at += AT_ONCE) {
        const items = await Promise.all(all.slice(at, at + AT_ONCE).map(async (each) => each instanceof File
          ? { id: each.name, image: await base64(each), metadata: { file: each.name } } : each));
        await post(`${this.path()}/items`, { model: this.model.value, items }, this.stop.signal);
        this.progress.value = added += items.length;
        this.state.textContent = `${added} of ${all.length} added`;
      }
      this.problem.hidden = true;
    } catch (error) {
      if (this.stop.signal.aborted) this.state.textContent = `Cancelled; ${added} of ${all.length} are in the index.`;
      else this.refuse(error);
    }
    this.progress.hidden = this.cancel.hidden = true;
  }

  async byImage() {
    if (this.image.files[0]) await this.query({ image: await base64(this.image.files[0]) });
  }

  /** @param {{text?: string, image?: string}} what */
  async query(what) {
    const call = { method: "POST", path: `${this.path()}/query`, json: { ...what, top_k: 12 } };
    try {
      const { body } = await send(call);
      this.problem.hidden = true;
      this.results.replaceChildren(...await Promise.all(body.results.map((/** @type {any} */ hit) => this.hit(hit))));
      if (!body.results.length) this.results.replaceChildren(element("li", { class: "empty" }, "Nothing is in this index yet."));
      this.copy.show(call);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @param {any} hit */
  async hit(hit) {
    let shownItem = element("p", {}, hit.text ?? hit.id);
    if (hit.text === undefined) {
      const { body } = await get(`${this.path()}/items/${encodeURIComponent(hit.id)}`);
      if (body.image) shownItem = element("img", { alt: hit.id, src: `data:image/*;base64,${body.image}` });
    }
    const metadata = Object.entries(hit.metadata).map(([name, value]) => `${name}: ${value}`).join(", ");
    return element("li", {}, shownItem, element("small", {}, `${shown(hit.score)}${metadata ? ` · ${metadata}` : ""}`));
  }

  /** @param {any} error */
  refuse(error) {
    this.problem.textContent = said(error);
    this.problem.hidden = false;
  }
}
