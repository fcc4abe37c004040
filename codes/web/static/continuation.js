/**
 * Builds what the machine adds to a drawing, row by row as it comes, and keeps how much of it is on offer.
 * All values are frozen. Knows rows and strokes; knows neither the socket nor the paper.
 *
 * @typedef {import("./drawing.js").Stroke} Stroke
 * @typedef {{at: number[], air: boolean, strokes: readonly Stroke[], ended: boolean}} Continuation
 *   `air`: the next row moves without drawing; `ended`: the machine says that nothing is missing.
 *
 * @typedef {object} Offer
 * @property {import("./drawing.js").Drawing} base  what the person had drawn
 * @property {string[]} categories  of each variation
 * @property {Continuation[]} drawings  of each variation; the first is the suggestion
 * @property {boolean} done  no more rows will come
 * @property {number} taken  strokes of the suggestion that the person has taken already
 * @property {boolean} hidden  the person wants none of the suggestion
 */

import { boxOf, contains, penAt, stroke } from "./drawing.js";

/** Return a continuation without rows, its pen in the air where the person lifted it. */
const emptyContinuation = (at) => Object.freeze({ at, air: true, strokes: [], ended: false });

/** Return the continuation with one row `[dx, dy, lift, end]` more. */
function withRow(continuation, [dx, dy, lift, end]) {
  if (end) return Object.freeze({ ...continuation, ended: true });
  const { at, air, strokes } = continuation;
  const to = [at[0] + dx, at[1] + dy];
  const line = air ? [to] : [...strokes.at(-1).points, to];
  const before = air ? strokes : strokes.slice(0, -1);
  return Object.freeze({ at: to, air: Boolean(lift), strokes: [...before, stroke(line, "machine")], ended: false });
}

/** @returns {Offer} */
export const newOffer = (base, categories, hidden = false) =>
  Object.freeze({
    base,
    categories,
    drawings: categories.map(() => emptyContinuation(penAt(base))),
    done: false,
    taken: 0,
    hidden,
  });

/** Return the offer with rows `[variation, dx, dy, lift, end]` more. */
export function withRows(offer, rows) {
  const drawings = [...offer.drawings];
  for (const [variation, ...row] of rows) drawings[variation] = withRow(drawings[variation], row);
  return Object.freeze({ ...offer, drawings });
}

/** Return how many strokes of the suggestion are whole, so that they can be taken. */
export function wholeStrokes({ drawings, done }) {
  const { strokes, air, ended } = drawings[0];
  return done || air || ended ? strokes.length : Math.max(0, strokes.length - 1);
}

/** Return the offer cut to the first stroke of its suggestion, with nothing more to come. */
export function onlyFirstStroke(offer) {
  const [first] = offer.drawings;
  const drawings = [Object.freeze({ ...first, strokes: first.strokes.slice(0, 1), ended: false })];
  return Object.freeze({ ...offer, drawings, done: true });
}

/**
 * Return the offer with another suggestion where its own leaves the box that is in view: the first variation of the same
 * category that stays within it, if there is one. The two change places.
 */
export function fittingFirst(offer, box) {
  const [first] = offer.drawings;
  const stays = ({ strokes }) => strokes.length > 0 && contains(box, boxOf(strokes));
  if (offer.taken || !first.strokes.length || stays(first)) return offer;
  const isBetter = (each, index) => offer.categories[index] === offer.categories[0] && stays(each);
  const better = offer.drawings.findIndex(isBetter);
  if (better < 0) return offer;
  const drawings = offer.drawings.with(better, first).with(0, offer.drawings[better]);
  return Object.freeze({ ...offer, categories: [...offer.categories], drawings });
}

/** Return the suggestion's strokes that were not taken yet; none where it is hidden. */
export const remaining = (offer) =>
  !offer || offer.hidden || !offer.drawings.length ? [] : offer.drawings[0].strokes.slice(offer.taken);

/** Return true if the drawing is the one the offer was made for, perhaps with the machine's strokes after it. */
export const fits = (offer, drawing) =>
  offer.base.every((each, index) => drawing[index] === each) &&
  drawing.slice(offer.base.length).every(({ by }) => by === "machine");

/** Return true if the machine thinks that the drawing needs nothing more. */
export const isFinished = (offer) =>
  Boolean(offer?.done && offer.drawings.length && offer.drawings[0].ended && !offer.drawings[0].strokes.length);
