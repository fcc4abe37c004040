/**
 * Holds all that the page knows, as one frozen value after another.
 * Knows no page and no server; every view is drawn from the newest value and nothing else.
 *
 * @typedef {object} Route  what the server recognised
 * @property {string} category
 * @property {"known" | "unsure" | "unknown"} decision
 * @property {Record<string, number>} probabilities  likeliest first
 *
 * @typedef {object} State
 * @property {import("./drawing.js").History} history
 * @property {readonly import("./drawing.js").Point[] | null} wet  the stroke under the pen
 * @property {Route | null} route
 * @property {import("./continuation.js").Offer | null} offer
 * @property {string | null} fixed  the category that the person chose
 * @property {readonly string[]} only  what the person plays with; all categories where it is empty
 * @property {number} temperature
 * @property {number} seed
 * @property {boolean} together  the machine adds a stroke after each of the person's
 * @property {boolean} music
 * @property {boolean} connected
 * @property {string} notice  one sentence about what just happened, or nothing
 * @property {string[]} categories  all that the model knows
 */

import { newHistory } from "./drawing.js";

/** @type {State} */
export const INITIAL = Object.freeze({
  history: newHistory(),
  wet: null,
  route: null,
  offer: null,
  fixed: null,
  only: [],
  temperature: 0.4,
  seed: 0,
  together: false,
  music: false,
  connected: true,
  notice: "",
  categories: [],
});

/** Hold the newest value and call the listeners when there is a newer one. */
export class StateStore {
  #value;
  #listeners = [];

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  /** Change some fields. */
  set(fields) {
    const before = this.#value;
    this.#value = Object.freeze({ ...before, ...fields });
    for (const listener of this.#listeners) listener(this.#value, before);
  }

  /** @param {(now: State, before: State) => void} listener */
  subscribe(listener) {
    this.#listeners.push(listener);
  }
}

/** Return what a drawing may be: what the person picked, or else all that the model knows. */
export const playable = ({ only, categories }) => (only.length ? only : categories);

/** Return the drawing with the stroke under the pen. */
export const drawingOf = ({ history, wet }) =>
  wet ? [...history.present, Object.freeze({ points: wet, by: "me" })] : history.present;
