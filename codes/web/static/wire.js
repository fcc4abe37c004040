/**
 * Converts drawings to and from the server's form: polylines in JSON, with the units of one Quick, Draw! pixel.
 * Knows the form (docs/formats.md); knows no sockets.
 */

import { SIDE, boxOf, longestSide, stroke } from "./drawing.js";

// A whole sketch has a longest side of 255 pixels, on a canvas of 280; drawn without a canvas, about 200.
const CANVAS_PIXELS = 280;
const BOUNDS_PIXELS = 200;
// A drawing smaller than this share of the paper is meant to be small: the paper says nothing about its scale.
const TINY_SHARE = 0.15;
// Coordinates are sent in tenths of a unit of the paper.
const FRACTION = 10;

const rounded = (value) => Math.round(value * FRACTION) / FRACTION;

/** Return how many units of the paper make one Quick, Draw! pixel for this drawing. */
function unitOf(drawing) {
  const side = longestSide(boxOf(drawing));
  const asOnPaper = side === 0 || (side >= TINY_SHARE * SIDE && side <= SIDE);
  return asOnPaper ? SIDE / CANVAS_PIXELS : side / BOUNDS_PIXELS;
}

/** Return the drawing in the server's form; `penDown` if its last stroke is still being drawn. */
export const toWire = (drawing, penDown = false) => ({
  strokes: drawing.map(({ points }) => points.map(([x, y]) => [rounded(x), rounded(y)])),
  pen_down: penDown,
  unit: unitOf(drawing),
});

/**
 * Return a sketch of the server as a drawing on our paper: at its own scale, where it was if that is in view,
 * else in the middle; it is made smaller only if it would not fit.
 *
 * @param {{strokes: number[][][], unit: number}} sketch
 * @returns {import("./drawing.js").Drawing}
 */
export function fromWire(sketch) {
  const scaled = scaledToPaper(sketch);
  const box = boxOf(scaled);
  const inView = box.left >= 0 && box.top >= 0 && box.right <= SIDE && box.bottom <= SIDE;
  return inView ? scaled : centred(scaled);
}

/** Return a sketch of the server as a drawing in the middle of our paper. */
export const inMiddle = (sketch) => centred(scaledToPaper(sketch));

function scaledToPaper({ strokes, unit }) {
  const wanted = SIDE / CANVAS_PIXELS / (unit ?? 1);
  const raw = strokes.map((points) => stroke(points, "me"));
  const scale = Math.min(wanted, (0.9 * SIDE) / Math.max(longestSide(boxOf(raw)), 1e-9));
  return transformed(raw, scale, 0, 0);
}

function centred(drawing) {
  const { left, top, right, bottom } = boxOf(drawing);
  return transformed(drawing, 1, SIDE / 2 - (left + right) / 2, SIDE / 2 - (top + bottom) / 2);
}

const transformed = (drawing, scale, dx, dy) =>
  drawing.map(({ points, by }) =>
    stroke(
      points.map(([x, y]) => [x * scale + dx, y * scale + dy]),
      by,
    ),
  );

/** Return the index of the first stroke of the machine if all that follow are its own; else null. */
export function machineStart(drawing) {
  const first = drawing.findIndex((each) => each.by === "machine");
  const takesOver = first > 0 && drawing.slice(first).every((each) => each.by === "machine");
  return takesOver ? first : null;
}
