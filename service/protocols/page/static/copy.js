// A request as curl, Python and JavaScript, exactly as the page sent it.

import { element } from "./elements.js";
import { address, key } from "./service.js";

/** @typedef {import("./service.js").Call} Call */

/** @param {string} text for a shell */
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** @param {string} text an object literal's JSON, as Python writes it */
const python = (text) => text.replace(/"(?:[^"\\]|\\.)*"|\btrue\b|\bfalse\b|\bnull\b/g,
  (token) => ({ true: "True", false: "False", null: "None" })[token] ?? token);

/** @param {Call} call */
export function curl(call) {
  const lines = [`curl ${call.method === "POST" ? "" : `-X ${call.method} `}${quoted(address(call.path))}`];
  if (key.get()) lines.push(`-H 'Authorization: Bearer '"$LUTRIN_KEY"`);
  for (const [name, value] of call.form ?? []) {
    lines.push(typeof value === "string" ? `--form-string ${quoted(`${name}=${value}`)}` : `-F ${quoted(`${name}=@${value.name}`)}`);
  }
  if (call.json !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(call.json))}`);
  return lines.join(" \\\n  ");
}

/** @param {Call} call */
export function httpx(call) {
  const given = [`    ${JSON.stringify(address(call.path))},`];
  if (key.get()) given.push(`    headers={"Authorization": f"Bearer {os.environ['LUTRIN_KEY']}"},`);
  const texts = (call.form ?? []).filter(([, value]) => typeof value === "string");
  const files = (call.form ?? []).filter(([, value]) => typeof value !== "string");
  if (files.length) {
    given.push(`    files=[${files.map(([name, value]) => `("${name}", open(${JSON.stringify(/** @type {File} */ (value).name)}, "rb"))`).join(", ")}],`);
  }
  const fields = [...new Set(texts.map(([name]) => name))].map((name) => {
    const values = texts.filter(([each]) => each === name).map(([, value]) => value);
    return [name, values.length > 1 ? values : values[0]];
  });
  if (texts.length) given.push(`    data=${JSON.stringify(Object.fromEntries(fields))},`);
  if (call.json !== undefined) given.push(`    json=${python(JSON.stringify(call.json))},`);
  return [
    ...(key.get() ? ["import os"] : []), "import httpx", "",
    `reply = httpx.${call.method.toLowerCase()}(`, ...given, ")", "print(reply.raise_for_status().json())",
  ].join("\n");
}

/** @param {Call} call */
export function javascript(call) {
  const lines = [], options = [`  method: "${call.method}",`];
  const headers = [];
  if (key.get()) headers.push("Authorization: `Bearer ${key}`");
  if (call.form) {
    lines.push("const form = new FormData();");
    for (const [name, value] of call.form) {
      lines.push(typeof value === "string"
        ? `form.append("${name}", ${JSON.stringify(value)});`
        : `form.append("${name}", file); // a File or Blob: ${value.name}`);
    }
    options.push("  body: form,");
  }
  if (call.json !== undefined) {
    headers.push('"Content-Type": "application/json"');
    options.push(`  body: JSON.stringify(${JSON.stringify(call.json)}),`);
  }
  if (headers.length) options.push(`  headers: { ${headers.join(", ")} },`);
  lines.push(`const reply = await fetch(${JSON.stringify(address(call.path))}, {`, ...options, "});", "console.log(await reply.json());");
  return lines.join("\n");
}

const LANGUAGES = { curl, Python: httpx, JavaScript: javascript };

/** The last request in each language, with buttons that copy it. */
export class CopyAs {
  constructor() {
    /** @type {Call | null} */
    this.call = null;
    this.language = "curl";
    this.code = element("code", {});
    this.files = element("span", {});
    this.said = element("span", { role: "status" });
    this.tabs = Object.keys(LANGUAGES).map((name) => element("button", {
      type: "button", class: "tab", "aria-pressed": String(name === this.language), onclick: () => this.choose(name),
    }, name));
    this.root = element("section", { class: "copy", hidden: true },
      element("h2", {}, "Copy as"),
      element("div", { class: "row" }, ...this.tabs,
        element("button", { type: "button", class: "quiet", onclick: () => this.copy() }, "Copy"), this.files, this.said),
      element("pre", { tabindex: "0", "aria-label": "The last request" }, this.code));
  }

  /** @param {Call} call */
  show(call) {
    this.call = call;
    this.root.hidden = false;
    const text = this.text();
    // Shown short; copied whole.
    this.code.textContent = text.replace(/[A-Za-z0-9+/=]{401,}|(?:[0-9.]+,){100,}/g, (long) => `${long.slice(0, 60)}… (${long.length - 60} more)`);
    this.files.replaceChildren(...(call.form ?? []).filter(([, value]) => typeof value !== "string").map(([, value]) => {
      const file = /** @type {File} */ (value);
      return element("button", { type: "button", class: "quiet", onclick: () => save(file) }, `Save ${file.name}`);
    }));
  }

  text() {
    return this.call ? LANGUAGES[/** @type {keyof LANGUAGES} */ (this.language)](this.call) : "";
  }

  /** @param {string} name */
  choose(name) {
    this.language = name;
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
    if (this.call) this.show(this.call);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.text());
      this.said.textContent = "Copied.";
    } catch {
      getSelection()?.selectAllChildren(this.code);
      this.said.textContent = "The browser does not allow it here; the text is selected.";
    }
  }
}

/** @param {File} file */
function save(file) {
  const url = URL.createObjectURL(file);
  element("a", { href: url, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
