// Try a model: the panel that suits what it takes.

import { Classify } from "./classify.js";
import { CopyAs } from "./copy.js";
import { element, field } from "./elements.js";
import { Similarity } from "./similarity.js";
import { Reconstruct, Tensors, Transduce } from "./tensors.js";

export class Try {
  constructor() {
    /** @type {any[]} */
    this.models = [];
    /** @type {Map<string, any>} */
    this.panels = new Map();
    this.chosen = element("select", { onchange: () => (location.hash = `try/${this.chosen.value}`) });
    this.about = element("p", { class: "about" });
    this.kinds = element("div", { class: "row", role: "group", "aria-label": "What to do" });
    this.panel = element("div", {});
    this.copy = new CopyAs();
    this.root = element("div", { class: "try" },
      element("div", { class: "choose" }, field("Model", this.chosen), this.about), this.kinds, this.panel, this.copy.root);
  }

  /** @param {any[]} models @param {string} [name] */
  async open(models, name) {
    this.models = models.filter((model) => model.tasks?.length);
    if (!this.models.length) {
      this.root.replaceChildren(element("div", { class: "empty" },
        element("h1", {}, "No model is ready"), element("p", {}, "Put an export into the models folder: it is loaded as it comes. "),
        element("a", { href: "#models" }, "See the states of the models")));
      return;
    }
    this.chosen.replaceChildren(...this.models.map((model) => element("option", { value: model.id }, model.id)));
    const first = this.models.find((model) => model.id === "mnist-lenet5") ?? this.models.find((model) => model.tasks.includes("classify"));
    const model = this.models.find((each) => each.id === name) ?? first ?? this.models[0];
    this.chosen.value = model.id;
    this.about.replaceChildren(model.description || "No description.", element("br", {}),
      element("small", {}, `Version ${model.version} · ${model.runtime ?? model.state} · ${model.device ?? ""} · ${model.precision ?? ""}`));
    const kinds = panels(model);
    this.kinds.replaceChildren(...(kinds.length > 1 ? kinds : []).map(([title, Panel]) => element("button", {
      type: "button", class: "tab", onclick: () => this.show(model, title, Panel),
    }, title)));
    this.show(model, ...kinds[0]);
  }

  /** @param {any} model @param {string} title @param {any} Panel */
  show(model, title, Panel) {
    for (const tab of this.kinds.children) tab.setAttribute("aria-pressed", String(tab.textContent === title));
    const name = `${model.id} ${title}`;
    if (!this.panels.has(name)) this.panels.set(name, new Panel(model, this.models, this.copy));
    this.copy.root.hidden = true;
    this.panel.replaceChildren(this.panels.get(name).root);
    this.panels.get(name).run?.();
  }
}

/** @param {any} model @returns {[string, any][]} titles and panels, the plainest first */
function panels(model) {
  /** @type {[string, any][]} */
  const found = [];
  const signatures = Object.values(model.signatures ?? {});
  const both = model.modalities?.length === 2;
  if (model.tasks.includes("classify")) found.push(["Classify", Classify]);
  if (both) found.push(["Choose among labels", Classify]);
  if (model.modalities?.length) found.push(["Similarity", Similarity]);
  if (model.input && signatures.some((each) => each.inputs.images && each.task === "infer")) found.push(["Restore", Reconstruct]);
  if (signatures.some((each) => each.inputs.source && each.outputs.target)) found.push(["Text to text", Transduce]);
  found.push(["Tensors", Tensors]);
  return found;
}
