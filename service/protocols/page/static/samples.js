// Samples of our own making, drawn by code.

const INK = "#15141a";

/** @param {string} path SVG path in 280×280 @param {number} [width] */
const stroke = (path, width = 24) => (/** @type {CanvasRenderingContext2D} */ pen) => {
  paper(pen);
  pen.strokeStyle = INK;
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  pen.stroke(new Path2D(path));
};

/** @param {[string, string][]} shapes color and path @param {string} background */
const filled = (shapes, background) => (/** @type {CanvasRenderingContext2D} */ pen) => {
  paper(pen, background);
  for (const [color, path] of shapes) {
    pen.fillStyle = color;
    pen.fill(new Path2D(path));
  }
};

/** @param {CanvasRenderingContext2D} pen @param {string} [color] */
function paper(pen, color = "#ffffff") {
  pen.fillStyle = color;
  pen.fillRect(0, 0, 280, 280);
}

const CLOTH = "#d9d9d9";

/** @type {Record<string, (pen: CanvasRenderingContext2D) => void>} */
export const SAMPLES = {
  "a two": stroke("M82 96C88 50 190 44 194 104C197 146 110 176 80 232C120 214 160 236 206 224"),
  "a three": stroke("M84 78C120 34 200 56 186 104C178 132 150 136 130 136C170 134 206 156 194 196C182 240 104 240 78 208"),
  "a four": stroke("M164 48L80 168H214M172 120L166 238"),
  "a seven": stroke("M76 66H200C170 120 140 180 128 236"),
  "a shirt": filled([[CLOTH, "M88 40L40 74L58 122L84 108V246H196V108L222 122L240 74L192 40C176 62 104 62 88 40Z"]], "#000000"),
  "a trouser": filled([[CLOTH, "M96 24H184L198 256H156L140 100L124 256H82Z"]], "#000000"),
  "a shoe": filled([[CLOTH, "M24 132C60 150 96 150 120 116C150 150 196 166 246 172C262 184 262 200 254 208H24Z"]], "#000000"),
  "a ship": filled([["#2d6cb3", "M0 190H280V280H0Z"], ["#a33a2a", "M36 168H244L214 216H66Z"], ["#f3f1ea", "M90 112H176V168H90Z"], ["#33333b", "M188 84H210V168H188Z"]], "#b9d8ee"),
  "a smile": filled([["#ffcc33", "M140 24A116 116 0 1 1 139 24Z"], ["#4a3211", "M98 98A14 20 0 1 1 97 98ZM182 98A14 20 0 1 1 181 98ZM78 164C104 220 176 220 202 164C170 184 110 184 78 164Z"]], "#ffffff"),
  "a heart": filled([["#dd2e44", "M140 244C30 168 24 110 44 74C70 34 124 44 140 88C156 44 210 34 236 74C256 110 250 168 140 244Z"]], "#ffffff"),
  "a sun": filled([["#f6a623", "M140 16L160 62L120 62ZM140 264L160 218L120 218ZM16 140L62 120L62 160ZM264 140L218 120L218 160ZM52 52L98 70L70 98ZM228 52L210 98L182 70ZM52 228L70 182L98 210ZM228 228L182 210L210 182Z"], ["#ffcc33", "M140 76A64 64 0 1 1 139 76Z"]], "#ffffff"),
};

/**
 * The samples that suit a model, by what it takes.
 * @param {any} model of GET /v1/models
 * @returns {string[]}
 */
export function samplesFor(model) {
  if (model.input?.fit === "mnist" || /mnist/.test(model.id) && !/fashion/.test(model.id)) return ["a two", "a three", "a four", "a seven"];
  if (model.input?.channels === 1) return ["a shirt", "a trouser", "a shoe"];
  if (model.modalities?.length) return ["a smile", "a heart", "a sun", "a ship"];
  return ["a ship", "a sun", "a shoe", "a smile"];
}
