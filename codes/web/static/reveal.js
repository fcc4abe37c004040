/**
 * Shows strokes as a pen draws them: how far it is after so many units of travel, and where half of it is drawn.
 * Knows geometry; knows no clock.
 */

import { distance, stroke } from "./drawing.js";

// Units of the paper a second; about as fast as people draw.
export const PEN_SPEED = 1300;
// A move through the air is this much faster.
const AIR = 3;

/**
 * Return what is drawn of `strokes` after `travel` units. The way to the first stroke costs nothing, so that the first
 * ink shows at once.
 *
 * @returns {{strokes: import("./drawing.js").Stroke[], left: number}} `left`: travel that was not used up.
 */
export function revealed(strokes, travel) {
  const shown = [];
  let left = travel;
  for (const [index, each] of strokes.entries()) {
    if (index) left -= distance(strokes[index - 1].points.at(-1), each.points[0]) / AIR;
    if (left < 0) break;
    const part = cut(each.points, left);
    shown.push(part.points.length === each.points.length && part.left >= 0 ? each : stroke(part.points, each.by));
    left = part.left;
    if (left < 0) break;
  }
  return { strokes: shown, left: Math.max(0, left) };
}

/** Return the travel to the end of the first `count` strokes. */
export function travelTo(strokes, count) {
  let travel = 0;
  for (const [index, { points }] of strokes.slice(0, count).entries()) {
    if (index) travel += distance(strokes[index - 1].points.at(-1), points[0]) / AIR;
    for (let i = 1; i < points.length; i += 1) travel += distance(points[i - 1], points[i]);
  }
  return travel;
}

/**
 * Return the first half of a drawing and what follows it, by whole strokes; a single stroke is cut in its middle.
 *
 * @returns {{first: import("./drawing.js").Stroke[], rest: import("./drawing.js").Stroke[]}}
 */
export function halves(drawing) {
  const lengths = drawing.map((each) => travelTo([each], 1));
  const half = lengths.reduce((sum, length) => sum + length, 0) / 2;
  if (drawing.length === 1) return halvesOfStroke(drawing[0], half);
  let [count, length] = [1, lengths[0]];
  while (count < drawing.length - 1 && Math.abs(length + lengths[count] - half) < Math.abs(length - half)) {
    length += lengths[count];
    count += 1;
  }
  return { first: drawing.slice(0, count), rest: drawing.slice(count) };
}

function halvesOfStroke({ points, by }, half) {
  const first = cut(points, half).points;
  return { first: [stroke(first, by)], rest: [stroke([first.at(-1), ...points.slice(first.length - 1)], by)] };
}

/** Return the first `travel` units of a line, cut between two points if need be; then `left` is below 0. */
function cut(points, travel) {
  let left = travel;
  for (let i = 1; i < points.length; i += 1) {
    const step = distance(points[i - 1], points[i]);
    if (step > left) {
      const share = left / step;
      const [x, y] = points[i - 1];
      const tip = [x + (points[i][0] - x) * share, y + (points[i][1] - y) * share];
      return { points: [...points.slice(0, i), tip], left: -1 };
    }
    left -= step;
  }
  return { points, left };
}
