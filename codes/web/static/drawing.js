/**
 * Defines drawings and their undo history: frozen values, so that undo is only looking back.
 * Knows points; knows no pixels, no page and no machine.
 *
 * In the paper's units the square from (0, 0) to (1000, 1000) is always in view, on every screen.
 *
 * @typedef {[number, number] | [number, number, number]} Point  x, y and, from a pen that feels it, pressure (0 to 1)
 * @typedef {"me" | "machine"} Author
 * @typedef {{points: readonly Point[], by: Author}} Stroke
 * @typedef {readonly Stroke[]} Drawing
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 * @typedef {{past: readonly Drawing[], present: Drawing, future: readonly Drawing[]}} History
 */

export const SIDE = 1000;
/** @type {Box} what is in view on every screen */
export const SQUARE = Object.freeze({ left: 0, top: 0, right: SIDE, bottom: SIDE });
export const CENTRE = [SIDE / 2, SIDE / 2];
const MAX_STEPS = 200;

/** @returns {Stroke} */
export const stroke = (points, by) => Object.freeze({ points: Object.freeze(points), by });

/** Return the history of a drawing that has none. */
export const newHistory = (drawing = []) => Object.freeze({ past: [], present: drawing, future: [] });

/** Return the history after a change to `drawing`; undone changes are dropped. */
export const changed = ({ past, present }, drawing) =>
  Object.freeze({ past: [...past, present].slice(-MAX_STEPS), present: drawing, future: [] });

/** Return the history with its last change undone; the same one if there is none. */
export function undone(history) {
  if (!history.past.length) return history;
  const { past, present, future } = history;
  return Object.freeze({ past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] });
}

/** Return the history with the last undone change made again; the same one if there is none. */
export function redone(history) {
  if (!history.future.length) return history;
  const { past, present, future } = history;
  return Object.freeze({ past: [...past, present], present: future[0], future: future.slice(1) });
}

/** Return the history as it was when `drawing` was last present; the same one if it never was. */
export function rewound(history, drawing) {
  let back = history;
  while (back.present !== drawing && back.past.length) back = undone(back);
  return back.present === drawing ? back : history;
}

/** Return the drawing without what the machine added after the person's last stroke. */
export function ownPart(drawing) {
  const end = drawing.findLastIndex(({ by }) => by === "me") + 1;
  return end === drawing.length ? drawing : drawing.slice(0, end);
}

export const distance = ([x, y], [u, v]) => Math.hypot(u - x, v - y);

/** Return where the pen was last, or the middle of an empty paper. */
export const penAt = (drawing) => drawing.at(-1)?.points.at(-1) ?? CENTRE;

// Pens report more places than anybody sees; the server would drop places this close to each other.
const MIN_STEP = 2;

/** Return a line with more places added; places too close to the last one are left out. */
export function extended(points, places) {
  const line = [...points];
  for (const place of places) if (distance(line.at(-1), place) >= MIN_STEP) line.push(place);
  return line;
}

/** @returns {Box} the smallest box around all points, or null where there are none. */
export function boxOf(drawing) {
  const points = drawing.flatMap((each) => each.points);
  if (!points.length) return null;
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return Object.freeze(box);
}

/** Return true if the second box lies within the first. */
export const contains = (outer, inner) =>
  inner.left >= outer.left && inner.top >= outer.top && inner.right <= outer.right && inner.bottom <= outer.bottom;

/** @returns {Box} the smallest box around two boxes, and `margin` more on each side of the second. */
export const around = (one, other, margin) =>
  Object.freeze({
    left: Math.min(one.left, other.left - margin),
    top: Math.min(one.top, other.top - margin),
    right: Math.max(one.right, other.right + margin),
    bottom: Math.max(one.bottom, other.bottom + margin),
  });

export const longestSide = (box) => Math.max(box.right - box.left, box.bottom - box.top);
