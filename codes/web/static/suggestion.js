/**
 * Draws the faint suggestion at the speed of a pen.
 * Knows the offer and how much time has passed; knows no paper and no server.
 */

import { remaining } from "./continuation.js";
import { PEN_SPEED, revealed, travelTo } from "./reveal.js";

export class Suggestion {
  #categories = null;
  #travel = 0;

  /**
   * Return what the pen has drawn `seconds` later.
   *
   * @param {import("./continuation.js").Offer | null} offer
   * @returns {{strokes: import("./drawing.js").Stroke[], moving: boolean}}  `moving`: there is more to come
   */
  after(seconds, offer) {
    if (this.#categories !== offer?.categories) {
      this.#categories = offer?.categories;
      this.#travel = 0;
    }
    if (!remaining(offer).length) return { strokes: [], moving: false };
    const { strokes } = offer.drawings[0];
    const end = travelTo(strokes, strokes.length);
    const travel = Math.max(this.#travel + seconds * PEN_SPEED, travelTo(strokes, offer.taken));
    this.#travel = Math.min(end, travel);
    return { strokes: revealed(strokes, this.#travel).strokes.slice(offer.taken), moving: this.#travel < end };
  }
}
