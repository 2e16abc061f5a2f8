// DOM elements in one expression: element("button", {class: "primary", onclick: run}, "Run").

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on…` are listeners, the rest attributes
 * @param {...(Node | string | null | undefined)} children
 * @returns {any} the element
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * A labeled form field.
 * @param {string} text
 * @param {HTMLElement} input
 * @returns {HTMLElement}
 */
export function field(text, input) {
  return element("label", { class: "field" }, element("span", {}, text), input);
}

/**
 * A number for people: three digits that matter.
 * @param {number} value
 */
export function shown(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

/** @param {number} score 0–1 */
export function percent(score) {
  return score < 0.001 ? "< 0.1 %" : `${(100 * score).toFixed(1)} %`;
}
