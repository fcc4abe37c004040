/**
 * Draws the large paper: dry ink, and over it what moves: the stroke under the pen, the suggestion, a replay.
 * Knows the state and the time; draws once a frame, and only while something changes.
 */

import { remaining } from "./continuation.js";
import { markSeen } from "./marks.js";
import { Paper } from "./paper.js";
import { PEN_SPEED, revealed, travelTo } from "./reveal.js";
import { Suggestion } from "./suggestion.js";

const FAINT = 0.5;
const LONGEST_FRAME = 0.1;
const REPLAY_SPEED = 1.6 * PEN_SPEED;

export class Stage {
  #dry;
  #wet;
  #store;
  #keyPen;
  #listener;
  #suggestion = new Suggestion();
  #stale = true;
  #asleep = true;
  #lastFrame = 0;
  #replay = null;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {{dry: HTMLCanvasElement, wet: HTMLCanvasElement}} canvases  one over the other
   * @param {import("./appstate.js").StateStore} store
   * @param {import("./keypen.js").KeyPen} keyPen
   * @param {{onProgress: (strokes: import("./drawing.js").Stroke[]) => void, onWhole: () => void}} listener
   *   `onProgress`: so much of the suggestion is shown; `onWhole`: all of it is
   */
  constructor({ dry, wet }, store, keyPen, listener) {
    this.#dry = new Paper(dry);
    this.#wet = new Paper(wet);
    this.#store = store;
    this.#keyPen = keyPen;
    this.#listener = listener;
    new ResizeObserver(() => this.#fit()).observe(wet);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
    store.subscribe((now, before) => this.#changed(now, before));
  }

  /** Return where on the paper an event was. */
  pointAt(event) {
    return this.#wet.pointAt(event);
  }

  /** @returns {import("./drawing.js").Box} what of the paper is in view. */
  get inView() {
    return this.#wet.inView;
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
    this.#lastFrame = performance.now();
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
    const seconds = Math.min(LONGEST_FRAME, Math.max(0, (now - this.#lastFrame) / 1000));
    this.#lastFrame = now;
    if (this.#stale) this.#drawDry();
    this.#wet.clear();
    const moving = this.#replay === null ? this.#drawLive(seconds) : this.#drawReplay(seconds);
    this.#asleep = !moving;
    if (moving) requestAnimationFrame((next) => this.#frame(next));
  }

  #drawDry() {
    this.#stale = false;
    for (const paper of [this.#dry, this.#wet]) paper.lookAtAll(this.#store.value.history.present);
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
    if (strokes.length) this.#report(strokes, moving);
    return moving;
  }

  #report(strokes, moving) {
    markSeen("first ink");
    this.#listener.onProgress(strokes);
    const { offer } = this.#store.value;
    if (!moving && offer.done && remaining(offer).length) queueMicrotask(() => this.#listener.onWhole());
  }

  #drawReplay(seconds) {
    const { present } = this.#store.value.history;
    this.#replay += seconds * REPLAY_SPEED;
    this.#wet.draw(revealed(present, this.#replay).strokes);
    if (this.#replay < travelTo(present, present.length)) return true;
    this.#replay = null;
    this.#drawDry();
    this.#wet.clear();
    return this.#drawLive(0);
  }
}
