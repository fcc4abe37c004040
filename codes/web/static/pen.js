/**
 * Turns pointer events into strokes: one at a time, without palms and second fingers.
 * Knows pointer events; knows no paper and no drawing.
 *
 * @typedef {object} PenListener  called for each stroke; points are events, which the listener places on the paper
 * @property {(events: PointerEvent[]) => void} onStart
 * @property {(events: PointerEvent[]) => void} onMove
 * @property {() => void} onEnd
 * @property {() => void} onCancel  it was no stroke after all
 */

// A second finger this soon after the first is a gesture: neither was meant to draw.
const GESTURE_MS = 180;
// A hand rests on the screen around the time when a pen touches it.
const PALM_MS = 1200;
// Wider than any fingertip, in pixels of the page.
const PALM_WIDTH = 70;

export class Pen {
  #listener;
  #current = null;
  #penSeen = -Infinity;

  /**
   * @param {HTMLElement} surface  with `touch-action: none`
   * @param {PenListener} listener
   */
  constructor(surface, listener) {
    this.#listener = listener;
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    surface.addEventListener("pointerup", (event) => this.#up(event));
    surface.addEventListener("pointercancel", (event) => this.#cancel(event));
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  #down(event) {
    if (event.pointerType === "pen") this.#penSeen = event.timeStamp;
    if (event.button !== 0 || this.#isPalm(event)) return;
    if (this.#current && !this.#giveWay(event)) return;
    event.preventDefault();
    event.target.focus({ preventScroll: true, focusVisible: false });
    event.target.setPointerCapture(event.pointerId);
    this.#current = { id: event.pointerId, type: event.pointerType, since: event.timeStamp };
    this.#listener.onStart([event]);
  }

  #move(event) {
    if (event.pointerType === "pen") this.#penSeen = event.timeStamp;
    if (!this.#isCurrent(event)) return;
    const between = event.getCoalescedEvents?.() ?? [];
    this.#listener.onMove(between.length ? between : [event]);
  }

  #up(event) {
    if (!this.#isCurrent(event)) return;
    this.#current = null;
    this.#listener.onMove([event]);
    this.#listener.onEnd();
  }

  #cancel(event) {
    if (this.#isCurrent(event)) this.#drop();
  }

  #drop() {
    this.#current = null;
    this.#listener.onCancel();
  }

  #isCurrent = (event) => this.#current?.id === event.pointerId;

  #isPalm(event) {
    if (event.pointerType !== "touch") return false;
    const broad = Math.max(event.width, event.height) > PALM_WIDTH;
    return broad || event.timeStamp - this.#penSeen < PALM_MS;
  }

  /** Return true if the stroke that is being drawn makes room for this one: only a finger's does, for a pen. */
  #giveWay(event) {
    const { type, since } = this.#current;
    if (type !== "touch") return false;
    const gesture = event.pointerType === "touch" && event.timeStamp - since < GESTURE_MS;
    const penArrives = event.pointerType === "pen";
    if (gesture || penArrives) this.#drop();
    return penArrives;
  }
}

/** Return `[pressure]` of a pen, 0 to 1; nothing for mice and fingers, most of which always report the same. */
export const pressureOf = ({ pointerType, pressure }) => (pointerType === "pen" ? [pressure] : []);
