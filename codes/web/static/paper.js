/**
 * Draws on one canvas, sharp on every screen, in the paper's units.
 * Knows how ink looks; knows nothing of why it is there.
 */

import { SIDE, SQUARE, around, boxOf, contains } from "./drawing.js";
import { trace } from "./path.js";

const WIDTH = 8;
// A pen that feels pressure draws from this share of the width to this one.
const LIGHTEST = 0.35;
const HEAVIEST = 1.5;

export class Paper {
  #context;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {number} width  of the ink, in pixels of the page; by default it grows with the paper
   */
  constructor(canvas, width = 0) {
    this.canvas = canvas;
    this.width = width;
    this.#context = canvas.getContext("2d");
    this.view = { scale: 1, x: 0, y: 0 };
  }

  /** Take the size that the page gives the canvas, with the paper's square in the middle. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const density = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.look(SQUARE);
  }

  /** @returns {import("./drawing.js").Box} what of the paper is in view. */
  get inView() {
    const { scale, x, y } = this.view;
    const { width, height } = this.canvas;
    return { left: -x / scale, top: -y / scale, right: (width - x) / scale, bottom: (height - y) / scale };
  }

  /** Show the paper's square, and as much more as is needed for all of a drawing to be in view. */
  lookAtAll(drawing) {
    this.look(SQUARE);
    const box = boxOf(drawing);
    if (box && !contains(this.inView, box)) this.look(around(SQUARE, box, WIDTH));
  }

  /** Show this box of the paper, as large as possible. */
  look(box) {
    const { width, height } = this.canvas;
    const scale = Math.min(width / (box.right - box.left), height / (box.bottom - box.top));
    const x = (width - scale * (box.left + box.right)) / 2;
    const y = (height - scale * (box.top + box.bottom)) / 2;
    this.view = { scale, x, y };
  }

  /** Show these strokes whole, with a margin; `foot`: the share of the height that stays free below them. */
  lookAt(drawing, foot = 0) {
    const box = boxOf(drawing);
    if (!box) return;
    const margin = 0.08 * Math.max(box.right - box.left, box.bottom - box.top, SIDE / 4);
    const below = (box.bottom - box.top + 2 * margin) * (foot / (1 - foot));
    this.look({
      left: box.left - margin,
      top: box.top - margin,
      right: box.right + margin,
      bottom: box.bottom + margin + below,
    });
  }

  /** Return where on the paper something on the screen is. */
  pointAt({ clientX, clientY }) {
    const edge = this.canvas.getBoundingClientRect();
    const density = this.canvas.width / edge.width;
    const { scale, x, y } = this.view;
    return [((clientX - edge.left) * density - x) / scale, ((clientY - edge.top) * density - y) / scale];
  }

  clear() {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Draw strokes over what is there.
   *
   * @param {import("./drawing.js").Drawing} drawing
   * @param {number} alpha  how faint
   */
  draw(drawing, alpha = 1) {
    const context = this.#context;
    const colours = getComputedStyle(this.canvas);
    context.setTransform(this.view.scale, 0, 0, this.view.scale, this.view.x, this.view.y);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = this.#lineWidth();
    context.globalAlpha = alpha;
    for (const { points, by } of drawing) {
      context.strokeStyle = colours.getPropertyValue(by === "me" ? "--ink" : "--pencil");
      if (points[0].length === 3) this.#press(points);
      else this.#line(points);
    }
    context.globalAlpha = 1;
  }

  /** Draw a small cross where the keyboard's pen is, and a ring around it while the pen is down. */
  cross([x, y], down) {
    const context = this.#context;
    const size = 14;
    context.setTransform(this.view.scale, 0, 0, this.view.scale, this.view.x, this.view.y);
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--pencil");
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(x - size, y);
    context.lineTo(x + size, y);
    context.moveTo(x, y - size);
    context.lineTo(x, y + size);
    if (down) context.ellipse(x, y, size, size, 0, 0, 2 * Math.PI);
    context.stroke();
  }

  #lineWidth() {
    const density = window.devicePixelRatio || 1;
    return this.width ? (this.width * density) / this.view.scale : WIDTH;
  }

  #line(points) {
    this.#context.beginPath();
    trace(this.#context, points);
    this.#context.stroke();
  }

  /** Draw a line as wide as the pen was pressed, piece by piece. */
  #press(points) {
    const full = this.#context.lineWidth;
    for (let i = 0; i < points.length; i += 1) {
      const piece = points.slice(Math.max(0, i - 1), i + 1);
      this.#context.lineWidth = full * (LIGHTEST + (HEAVIEST - LIGHTEST) * points[i][2]);
      this.#line(piece);
    }
    this.#context.lineWidth = full;
  }
}
