/**
 * What a drawing is, and its undo history: values that never change, so that undo is only looking back.
 * Knows points; knows no pixels, no page and no machine.
 *
 * The paper's units: the square from (0, 0) to (1000, 1000) is always in view, whatever the screen.
 *
 * @typedef {[number, number] | [number, number, number]} Point  x, y and, from a pen that feels it, pressure (0 to 1)
 * @typedef {"me" | "machine"} Hand
 * @typedef {{points: readonly Point[], by: Hand}} Stroke
 * @typedef {readonly Stroke[]} Drawing
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 * @typedef {{past: readonly Drawing[], present: Drawing, future: readonly Drawing[]}} History
 */

export const SIDE = 1000;
export const CENTRE = [SIDE / 2, SIDE / 2];
const MOST_STEPS = 200;

/** @returns {Stroke} */
export const stroke = (points, by) => Object.freeze({ points: Object.freeze(points), by });

/** The history of a drawing that has none. */
export const begun = (drawing = []) => Object.freeze({ past: [], present: drawing, future: [] });

/** The history after a change to `drawing`; what had been undone is gone. */
export const changed = ({ past, present }, drawing) =>
  Object.freeze({ past: [...past, present].slice(-MOST_STEPS), present: drawing, future: [] });

/** The history with its last change only taken back; itself where there is none. */
export function undone(history) {
  if (!history.past.length) return history;
  const { past, present, future } = history;
  return Object.freeze({ past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] });
}

/** The history with the change that was undone last made again; itself where there is none. */
export function redone(history) {
  if (!history.future.length) return history;
  const { past, present, future } = history;
  return Object.freeze({ past: [...past, present], present: future[0], future: future.slice(1) });
}

/** The history back at the newest time that `drawing` was there; itself where it never was. */
export function rewound(history, drawing) {
  let back = history;
  while (back.present !== drawing && back.past.length) back = undone(back);
  return back.present === drawing ? back : history;
}

/** The drawing without what the machine added after the person's last stroke. */
export function ownPart(drawing) {
  const end = drawing.findLastIndex(({ by }) => by === "me") + 1;
  return end === drawing.length ? drawing : drawing.slice(0, end);
}

export const distance = ([x, y], [u, v]) => Math.hypot(u - x, v - y);

/** Where the pen was last, or the middle of an empty paper. */
export const penAt = (drawing) => drawing.at(-1)?.points.at(-1) ?? CENTRE;

// Pens report more places than anybody sees; these are closer than what the server keeps apart.
const CLOSE = 2;

/** A line with more places the pen was at; those that hardly moved are left out. */
export function extended(points, places) {
  const line = [...points];
  for (const place of places) if (distance(line.at(-1), place) >= CLOSE) line.push(place);
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

export const longestSide = (box) => Math.max(box.right - box.left, box.bottom - box.top);
