/**
 * Draws a smooth line through points. Sketches are thinned to few points, so straight lines between them would show as
 * corners; sharp turns are kept, since they were meant.
 * Knows geometry, the path of a 2-d context and that of an SVG; knows nothing else.
 */

import { distance } from "./drawing.js";

const SHARP = Math.cos((58 * Math.PI) / 180);
const REACH = 0.36;
// Coordinates of an SVG are written in hundredths of a unit of the paper: a dot is a line of one hundredth.
const FRACTION = 100;

/**
 * Add the line to the context's path.
 *
 * @param {CanvasRenderingContext2D | Path2D} path
 * @param {readonly import("./drawing.js").Point[]} points
 */
export function trace(path, points) {
  const [x, y] = points[0];
  path.moveTo(x, y);
  if (points.length === 1) path.lineTo(x + 0.01, y);
  const tangents = points.map((_, index) => tangent(points, index));
  for (let i = 1; i < points.length; i += 1) curve(path, points[i - 1], points[i], tangents[i - 1], tangents[i]);
}

/** Return the same lines as the `d` of an SVG path. */
export function pathData(drawing) {
  const path = new SvgPath();
  for (const { points } of drawing) trace(path, points);
  return path.data;
}

/** Writes down what `trace` asks of a path. */
class SvgPath {
  data = "";
  moveTo = (...to) => this.#add("M", to);
  lineTo = (...to) => this.#add("L", to);
  bezierCurveTo = (...to) => this.#add("C", to);

  #add(letter, numbers) {
    this.data += letter + numbers.map((number) => Math.round(number * FRACTION) / FRACTION).join(" ");
  }
}

function curve(path, from, to, leaving, arriving) {
  const reach = distance(from, to) * REACH;
  if (reach === 0) return;
  path.bezierCurveTo(
    from[0] + leaving[0] * reach,
    from[1] + leaving[1] * reach,
    to[0] - arriving[0] * reach,
    to[1] - arriving[1] * reach,
    to[0],
    to[1],
  );
}

/** Return the direction of the line at a point, a unit vector; (0, 0) at its ends and at corners. */
function tangent(points, index) {
  if (index === 0 || index === points.length - 1) return [0, 0];
  const [a, b] = [direction(points[index - 1], points[index]), direction(points[index], points[index + 1])];
  if (a[0] * b[0] + a[1] * b[1] < SHARP) return [0, 0];
  return direction([0, 0], [a[0] + b[0], a[1] + b[1]]);
}

function direction(from, to) {
  const length = distance(from, to);
  return length ? [(to[0] - from[0]) / length, (to[1] - from[1]) / length] : [0, 0];
}
