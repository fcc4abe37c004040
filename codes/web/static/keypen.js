/**
 * Draws with the keyboard: the arrows move the pen, the space bar puts it down and lifts it.
 * Knows keys and a place on the paper; its strokes are handled like all others.
 */

import { CENTRE, SIDE } from "./drawing.js";

const STEP = 20;
const FAR = 100;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyPen {
  at = CENTRE;
  down = false;
  /** True from the first key until another pen is used. */
  shown = false;
  #listener;

  /** @param {{onStart: Function, onMove: Function, onEnd: Function}} listener  called with points of the paper */
  constructor(listener) {
    this.#listener = listener;
  }

  /** Use a key; return false if it means nothing here. */
  press({ key, shiftKey }) {
    if (key === " ") this.#toggle();
    else if (key in MOVES) this.#move(MOVES[key], shiftKey ? FAR : STEP);
    else return false;
    this.shown = true;
    return true;
  }

  /** Lift the pen if it is down. */
  lift() {
    if (!this.down) return;
    this.down = false;
    this.#listener.onEnd();
  }

  /** Lift and hide the pen, because another one is used. */
  hide() {
    this.lift();
    this.shown = false;
  }

  #toggle() {
    if (this.down) return this.lift();
    this.down = true;
    return this.#listener.onStart([this.at]);
  }

  #move([dx, dy], step) {
    const within = (value) => Math.min(SIDE, Math.max(0, value));
    this.at = [within(this.at[0] + dx * step), within(this.at[1] + dy * step)];
    if (this.down) this.#listener.onMove([this.at]);
  }
}
