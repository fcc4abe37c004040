/**
 * Draws the large paper: dry ink, and over it what moves: the stroke under the pen, the suggestion, a replay.
 * Knows the state and the time; draws once a frame, and only while something changes.
 */

import { remaining } from "./continuation.js";
import { seen } from "./marks.js";
import { Paper } from "./paper.js";
import { PEN_SPEED, revealed, wayTo } from "./reveal.js";
import { Suggestion } from "./suggestion.js";

const FAINT = 0.5;
const LONGEST_FRAME = 0.1;
const REPLAY_SPEED = 1.6 * PEN_SPEED;

export class Easel {
  #dry;
  #wet;
  #store;
  #keyPen;
  #told;
  #suggestion = new Suggestion();
  #stale = true;
  #asleep = true;
  #then = 0;
  #replay = null;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {{dry: HTMLCanvasElement, wet: HTMLCanvasElement}} canvases  one over the other
   * @param {import("./appstate.js").StateStore} store
   * @param {import("./keypen.js").KeyPen} keyPen
   * @param {{drew: (strokes: import("./drawing.js").Stroke[]) => void, shown: () => void}} told
   *   `drew`: so much of the suggestion is to be seen; `shown`: all of it is
   */
  constructor({ dry, wet }, store, keyPen, told) {
    this.#dry = new Paper(dry);
    this.#wet = new Paper(wet);
    this.#store = store;
    this.#keyPen = keyPen;
    this.#told = told;
    new ResizeObserver(() => this.#fit()).observe(wet);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    store.subscribe((now, before) => this.#changed(now, before));
  }

  /** Return where on the paper an event was. */
  pointAt(event) {
    return this.#wet.pointAt(event);
  }

  /** Show the drawing again from its first stroke. */
  replay() {
    if (!this.#store.value.history.present.length) return;
    this.#replay = 0;
    this.#stale = true;
    this.wake();
  }

  stopReplay() {
    if (this.#replay === null) return;
    this.#replay = null;
    this.#stale = true;
    this.wake();
  }

  /** Draw the next frame. */
  wake() {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#then = performance.now();
    requestAnimationFrame((now) => this.#frame(now));
  }

  #fit() {
    this.#dry.fit();
    this.#wet.fit();
    this.#stale = true;
    this.wake();
  }

  #changed(now, before) {
    if (now.history !== before.history) this.#stale = true;
    if (now.history !== before.history || (now.wet && !before.wet)) this.stopReplay();
    this.wake();
  }

  #frame(now) {
    const seconds = Math.min(LONGEST_FRAME, Math.max(0, (now - this.#then) / 1000));
    this.#then = now;
    if (this.#stale) this.#drawDry();
    this.#wet.clear();
    const moving = this.#replay === null ? this.#drawLive(seconds) : this.#drawReplay(seconds);
    this.#asleep = !moving;
    if (moving) requestAnimationFrame((next) => this.#frame(next));
  }

  #drawDry() {
    this.#stale = false;
    this.#dry.clear();
    if (this.#replay === null) this.#dry.draw(this.#store.value.history.present);
  }

  /** Draw a frame; return true if there is more to draw in the next. */
  #drawLive(seconds) {
    const { wet, offer } = this.#store.value;
    const { strokes, moving } = this.#suggestion.after(this.#calm.matches ? Infinity : seconds, offer);
    this.#wet.draw(strokes, FAINT);
    if (wet) this.#wet.draw([{ points: wet, by: "me" }]);
    if (this.#keyPen.shown) this.#wet.cross(this.#keyPen.at, this.#keyPen.down);
    if (strokes.length) this.#tell(strokes, moving);
    return moving;
  }

  #tell(strokes, moving) {
    seen("first ink");
    this.#told.drew(strokes);
    const { offer } = this.#store.value;
    if (!moving && offer.done && remaining(offer).length) queueMicrotask(() => this.#told.shown());
  }

  #drawReplay(seconds) {
    const { present } = this.#store.value.history;
    this.#replay += seconds * REPLAY_SPEED;
    this.#wet.draw(revealed(present, this.#replay).strokes);
    if (this.#replay < wayTo(present, present.length)) return true;
    this.#replay = null;
    this.#drawDry();
    this.#wet.clear();
    return this.#drawLive(0);
  }
}
