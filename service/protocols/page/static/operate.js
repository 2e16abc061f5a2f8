// What is served, live; with a key that may, what operators do.

import { said } from "./classify.js";
import { element, shown } from "./elements.js";
import { get, key, send } from "./service.js";

const EVERY_MS = 2000;
const POINTS = 40;

export class Operate {
  constructor() {
    /** @type {Map<string, {count: number, ns: number, at: number, rates: number[], ms: number | null}>} */
    this.seen = new Map();
    this.problem = element("p", { class: "problem", role: "alert", hidden: true });
    this.did = element("p", { class: "legend", role: "status" });
    this.totals = element("p", { class: "legend" });
    this.table = element("tbody", {});
    this.timer = 0;
    const heads = ["Model", "Version", "State", "Runs on", "Golden error", "Requests / s", "Mean", ""];
    this.root = element("div", { class: "operate" }, element("h1", {}, "Models"), this.problem, this.did, this.totals,
      element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Models" },
        element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name || element("span", { class: "visually-hidden" }, "Actions"))))), this.table)));
  }

  /** @param {any[]} models */
  async open(models) {
    this.models = models;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.refresh(), EVERY_MS);
    await this.refresh();
  }

  close() {
    clearInterval(this.timer);
  }

  async refresh() {
    if (this.table.contains(document.activeElement) && document.activeElement?.matches("input")) return; // somebody types
    try {
      const [models, stats] = await Promise.all([get("v1/models"), get("v2/models/stats")]);
      for (const each of stats.body.model_stats) this.count(each);
      const focused = document.activeElement?.getAttribute("data-key");
      this.table.replaceChildren(...models.body.data.flatMap((/** @type {any} */ model) => this.rows(model)));
      if (focused) this.table.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
      await this.total();
      this.problem.hidden = true;
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @param {any} stats of one version */
  count(stats) {
    const name = `${stats.name}/${stats.version}`;
    const { count, ns } = stats.inference_stats.success;
    const before = this.seen.get(name), at = performance.now();
    const rates = before?.rates ?? [];
    let ms = before?.ms ?? null;
    if (before && at > before.at) {
      const more = Math.max(0, count - before.count);
      rates.push((1000 * more) / (at - before.at));
      if (more) ms = (ns - before.ns) / more / 1e6;
    }
    this.seen.set(name, { count, ns, at, rates: rates.slice(-POINTS), ms });
  }

  async total() {
    const { body } = await get("metrics");
    const quantile = quantiles(String(body));
    const memory = /^process_resident_memory_bytes (\S+)/m.exec(String(body));
    this.totals.textContent = [
      memory ? `Memory ${shown(Number(memory[1]) / 2 ** 20)} MB` : "",
      quantile ? `all requests since the start: p50 ≤ ${shown(1000 * quantile(0.5))} ms, p99 ≤ ${shown(1000 * quantile(0.99))} ms` : "",
    ].filter(Boolean).join(" · ");
  }

  /** @param {any} model */
  rows(model) {
    return model.versions.map((/** @type {any} */ version, /** @type {number} */ index) => {
      const answers = version.version === model.version;
      const seen = this.seen.get(`${model.id}/${version.version}`);
      const labels = Object.entries(model.labels_of_versions).filter(([, each]) => each === version.version).map(([label]) => label);
      return element("tr", {},
        element("th", { scope: "row" }, index ? "" : element("a", { href: `#try/${model.id}` }, model.id)),
        element("td", {}, String(version.version), ...labels.map((label) => element("span", { class: "tag" }, label))),
        element("td", {}, element("span", { class: `state ${version.state}`, title: version.reason }, version.state), version.state === "ready" ? null : element("small", {}, version.reason)),
        element("td", {}, answers ? [model.runtime, model.device, model.precision].filter(Boolean).join(" · ") : ""),
        element("td", {}, answers && model.golden_error !== null ? model.golden_error.toExponential(1) : ""),
        element("td", {}, seen?.rates.length ? chart(seen.rates) : "", " ", seen?.rates.length ? shown(seen.rates[seen.rates.length - 1]) : "–"),
        element("td", {}, seen?.ms ? `${shown(seen.ms)} ms` : "–"),
        element("td", { class: "row" }, ...(index ? [] : this.actions(model))));
    });
  }

  /** @param {any} model */
  actions(model) {
    if (!key.get()) return [];
    const path = `v1/admin/models/${model.id}`;
    const act = (/** @type {string} */ name, /** @type {string} */ what, /** @type {(given: string) => any} */ call, /** @type {string} */ example = "") => element("button", {
      type: "button", class: "quiet", "data-key": `${model.id} ${name}`, "aria-label": `${name} ${model.id}`, onclick: () => this.act(what, call, example),
    }, name);
    return [
      act("Load", `Load ${model.id}, or what is new of it?`, () => ({ method: "POST", path: `${path}/load` })),
      act("Unload", `Unload every version of ${model.id}? Requests for it fail until it is loaded again.`, () => ({ method: "POST", path: `${path}/unload` })),
      act("Label", `Move a label of ${model.id} to a version, as “label = version”?`, (given) => ({ method: "PUT", path: `${path}/labels`, json: pair(given) }), `stable = ${model.version}`),
      act("Share", `Give a label of ${model.id} a share of the traffic, as “label = share”?`, (given) => ({ method: "PUT", path: `${path}/traffic`, json: pair(given) }), "canary = 5%"),
      act("Roll back", `Set the traffic of every canary of ${model.id} to 0?`, () => ({ method: "POST", path: `${path}/rollback` })),
    ];
  }

  /** @param {string} what @param {(given: string) => any} call @param {string} example of what is to be given, if anything */
  async act(what, call, example) {
    const given = await confirmed(what, example);
    if (given === null) return;
    try {
      const { body } = await send(call(given));
      const shares = Object.entries(body.traffic.shares).map(([label, share]) => `${label} ${share}`).join(", ");
      const states = body.versions.map((/** @type {any} */ each) => `version ${each.version} ${each.state}`).join(", ");
      this.did.textContent = `${body.model}: ${states}; traffic: ${shares}. It holds ${body.holds}.`;
      await this.refresh();
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @param {any} error */
  refuse(error) {
    this.problem.textContent = said(error);
    this.problem.hidden = false;
  }
}

/** @param {string} text such as `stable = 1` @returns {Record<string, any>} */
function pair(text) {
  const [label, value = ""] = text.split("=").map((each) => each.trim());
  return { [label]: value.endsWith("%") ? value : value === "null" ? null : Number(value) };
}

/** @param {string} question @param {string} example @returns {Promise<string | null>} what was given; null for no */
function confirmed(question, example) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm-dialog"));
  /** @type {HTMLElement} */ (document.getElementById("confirm-text")).textContent = question;
  /** @type {HTMLElement} */ (document.getElementById("confirm-name")).textContent = example.replace(/=.*/, "= …");
  /** @type {HTMLElement} */ (document.getElementById("confirm-field")).hidden = !example;
  const input = /** @type {HTMLInputElement} */ (document.getElementById("confirm-input"));
  input.value = example;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes" ? input.value : null), { once: true }));
}

/** @param {number[]} values */
function chart(values) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const most = Math.max(1e-9, ...values);
  line.setAttribute("points", values.map((value, index) => `${(80 * index) / (POINTS - 1)},${19 - (18 * value) / most}`).join(" "));
  made.setAttribute("viewBox", "0 0 80 20");
  made.setAttribute("class", "chart");
  made.setAttribute("aria-hidden", "true");
  made.append(line);
  return made;
}

/**
 * Upper bounds of quantiles, of the histogram of all routes.
 * @param {string} metrics
 * @returns {((quantile: number) => number) | null}
 */
function quantiles(metrics) {
  /** @type {Map<number, number>} */
  const buckets = new Map();
  for (const [, bound, count] of metrics.matchAll(/^lutrin_request_seconds_bucket\{le="([^"]+)"[^}]*\} (\S+)/gm)) {
    const edge = bound === "+Inf" ? Infinity : Number(bound);
    buckets.set(edge, (buckets.get(edge) ?? 0) + Number(count));
  }
  const edges = [...buckets].sort(([a], [b]) => a - b);
  const all = edges.length ? edges[edges.length - 1][1] : 0;
  return all ? (quantile) => (edges.find(([, count]) => count >= quantile * all) ?? [Infinity])[0] : null;
}
