/**
 * Draws the faint suggestion at the speed of a pen.
 * Knows the offer and how much time has passed; knows no paper and no server.
 */

import { remaining } from "./continuation.js";
import { PEN_SPEED, revealed, wayTo } from "./reveal.js";

export class Suggestion {
  #of = null;
  #way = 0;

  /**
   * Return what the pen has drawn `seconds` later.
   *
   * @param {import("./continuation.js").Offer | null} offer
   * @returns {{strokes: import("./drawing.js").Stroke[], moving: boolean}}  `moving`: there is more to come
   */
  after(seconds, offer) {
    if (this.#of !== offer?.categories) {
      this.#of = offer?.categories;
      this.#way = 0;
    }
    if (!remaining(offer).length) return { strokes: [], moving: false };
    const { strokes } = offer.drawings[0];
    const end = wayTo(strokes, strokes.length);
    const way = Math.max(this.#way + seconds * PEN_SPEED, wayTo(strokes, offer.taken));
    this.#way = Math.min(end, way);
    return { strokes: revealed(strokes, this.#way).strokes.slice(offer.taken), moving: this.#way < end };
  }
}
