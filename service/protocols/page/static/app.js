// Chooses the view by the address's fragment, and holds what all views share.

import { element } from "./elements.js";
import { Operate } from "./operate.js";
import { Search } from "./search.js";
import { get, key } from "./service.js";
import { Try } from "./try.js";

const VIEWS = { try: Try, search: Search, models: Operate };
const view = /** @type {HTMLElement} */ (document.getElementById("view"));
const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
/** @type {{close?: () => void, root: HTMLElement} | null} */
let shown = null;

/** Views that were opened keep what was typed and drawn in them. @type {Map<string, any>} */
const opened = new Map();

async function route() {
  const [name, model] = decodeURIComponent(location.hash.slice(1)).split("/");
  const wanted = name in VIEWS ? name : "try";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${wanted}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  let models;
  try {
    models = (await get("v1/models")).body.data;
    banner.hidden = true;
  } catch (error) {
    say(/** @type {any} */ (error));
    if (shown) return;
    view.replaceChildren(element("div", { class: "empty" }, element("p", {}, "The list of models did not come."),
      element("button", { type: "button", class: "primary", onclick: route }, "Try again")));
    return;
  }
  shown?.close?.();
  if (!opened.has(wanted)) opened.set(wanted, new VIEWS[/** @type {keyof VIEWS} */ (wanted)]());
  shown = opened.get(wanted);
  view.replaceChildren(/** @type {any} */ (shown).root);
  await /** @type {any} */ (shown).open(models, model);
}

/** @param {{message: string, status?: number, requestId?: string}} error */
function say(error) {
  banner.hidden = false;
  banner.textContent = error.message + (error.requestId ? ` (request ${error.requestId})` : "");
  if (error.status === 401) /** @type {HTMLButtonElement} */ (document.getElementById("key-button")).focus();
}

function keys() {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("key-dialog"));
  const input = /** @type {HTMLInputElement} */ (document.getElementById("key-input"));
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("key-button"));
  const name = () => (button.textContent = key.get() ? "Signed in" : "Sign in");
  button.addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "forget") key.set("");
    else if (dialog.returnValue === "save") key.set(input.value.trim());
    input.value = "";
    name();
    route();
  });
  name();
}

keys();
addEventListener("hashchange", route);
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault(); // the fragment names the view
  view.focus();
});
route();
