// A sheet to draw on with mouse, pen or finger; images are dropped, pasted, opened or taken here too.

import { element } from "./elements.js";
import { SAMPLES } from "./samples.js";

const SIZE = 280;
const LONGEST_FILE = 32 * 1024 * 1024;

export class Drawing {
  /** @param {(file: File) => void} changed @param {(problem: string) => void} refused @param {string[]} samples */
  constructor(changed, refused, samples) {
    this.changed = changed;
    this.refused = refused;
    this.light = false;
    /** @type {{x: number, y: number}[][]} */
    this.strokes = [];
    /** @type {ImageBitmap | null} */
    this.image = null;
    /** @type {File | null} */
    this.file = null;
    this.canvas = element("canvas", {
      width: SIZE, height: SIZE, tabindex: "0", class: "sheet", role: "img",
      "aria-label": "Sheet to draw on. Drop or paste an image here, or choose a sample below.",
    });
    this.thickness = element("input", { type: "range", min: "8", max: "40", value: "22", "aria-label": "Thickness of the pen" });
    this.chooser = element("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.open(this.chooser.files[0]) });
    this.video = element("video", { playsinline: true, muted: true, hidden: true, class: "sheet" });
    this.shutter = button("Take the photo", () => this.takePhoto());
    this.shutter.hidden = true;
    this.root = element("div", { class: "drawing" }, this.canvas, this.video, this.shutter,
      element("div", { class: "row" }, button("Undo", () => this.undo()), button("Clear", () => this.clear()),
        button("Invert", () => this.invert()), element("label", { class: "pen" }, "Pen ", this.thickness)),
      element("div", { class: "row" }, button("Open an image …", () => this.chooser.click()),
        "mediaDevices" in navigator ? button("Camera", () => this.startCamera()) : null, this.chooser),
      element("div", { class: "row samples", role: "group", "aria-label": "Samples" }, ...samples.map((name) => this.sample(name))));
    this.listen();
    this.paint();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      if (this.image) this.clear();
      this.strokes.push([this.point(event)]);
      this.paint();
    });
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (!canvas.hasPointerCapture(event.pointerId) || !this.strokes.length) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.strokes[this.strokes.length - 1].push(this.point(each));
      this.paint();
      this.send();
    });
    canvas.addEventListener("pointerup", () => this.send());
    canvas.addEventListener("dragover", (/** @type {Event} */ event) => event.preventDefault());
    canvas.addEventListener("drop", (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      this.open(event.dataTransfer?.files[0]);
    });
  }

  /** @param {PointerEvent} event */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * SIZE) / box.width, y: ((event.clientY - box.top) * SIZE) / box.height };
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const [paper, ink] = this.light ? ["#15141a", "#ffffff"] : ["#ffffff", "#15141a"];
    pen.fillStyle = paper;
    pen.fillRect(0, 0, SIZE, SIZE);
    if (this.image) {
      const scale = Math.min(SIZE / this.image.width, SIZE / this.image.height);
      const [width, height] = [this.image.width * scale, this.image.height * scale];
      pen.drawImage(this.image, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
    }
    pen.strokeStyle = ink;
    pen.lineWidth = Number(this.thickness.value);
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of this.strokes) {
      pen.beginPath();
      pen.moveTo(stroke[0].x, stroke[0].y);
      for (const { x, y } of stroke) pen.lineTo(x, y);
      pen.stroke();
    }
  }

  /** Hands on what is on the sheet, a dropped file as it is. */
  send() {
    if (this.image && this.file) this.changed(this.file);
    else if (this.strokes.length) {
      this.canvas.toBlob((/** @type {Blob} */ blob) => this.changed(new File([blob], "drawing.png", { type: "image/png" })));
    }
  }

  undo() {
    this.strokes.pop();
    this.redo();
  }

  invert() {
    this.light = !this.light;
    this.redo();
  }

  redo() {
    this.paint();
    this.send();
  }

  clear() {
    this.strokes = [];
    this.image = this.file = null;
    this.paint();
  }

  /** @param {File | undefined} file */
  async open(file) {
    if (!file) return;
    if (file.size > LONGEST_FILE) {
      this.refused(`${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MB; at most 32 MB are sent. Choose a smaller image.`);
      return;
    }
    this.strokes = [];
    this.file = file;
    try {
      this.image = await createImageBitmap(file);
    } catch {
      this.image = null; // not shown here, but the service may read it, or says why not
      this.paint();
      this.changed(file);
      return;
    }
    this.redo();
  }

  /** @param {string} name */
  sample(name) {
    const canvas = element("canvas", { width: SIZE, height: SIZE, "aria-hidden": true });
    SAMPLES[name](canvas.getContext("2d"));
    const made = element("button", { type: "button", class: "sample", title: name, "aria-label": `Sample: ${name}` }, canvas);
    made.addEventListener("click", () => canvas.toBlob((/** @type {Blob} */ blob) => this.open(new File([blob], `${name}.png`, { type: "image/png" }))));
    return made;
  }

  async startCamera() {
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      this.refused(`The browser gives no camera here: ${/** @type {Error} */ (error).message}`);
      return;
    }
    this.video.hidden = this.shutter.hidden = false;
    this.canvas.hidden = true;
    await this.video.play();
  }

  takePhoto() {
    const photo = element("canvas", { width: this.video.videoWidth, height: this.video.videoHeight });
    photo.getContext("2d").drawImage(this.video, 0, 0);
    for (const track of this.video.srcObject.getTracks()) track.stop();
    this.video.hidden = this.shutter.hidden = true;
    this.canvas.hidden = false;
    photo.toBlob((/** @type {Blob} */ blob) => this.open(new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.9);
  }
}

/** @param {string} text @param {() => void} press */
function button(text, press) {
  return element("button", { type: "button", class: "quiet", onclick: press }, text);
}
