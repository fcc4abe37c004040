/**
 * Asks the server to recognise or finish a drawing, and takes its answers into the state.
 * Knows the state and the connection; knows neither the pen nor the page.
 */

import { fittingFirst, isFinished, newOffer, onlyFirstStroke, wholeStrokes, withRows } from "./continuation.js";
import { kindly } from "./copy.js";
import { RECOGNISE, among, planFor } from "./plan.js";
import { toWire } from "./wire.js";

export class Requests {
  #store;
  #connection;
  #listener;
  #last = { ...RECOGNISE, base: [], more: {} };

  /**
   * @param {import("./appstate.js").StateStore} store
   * @param {{ask: (question: object) => void, stop: () => void}} connection
   * @param {object} listener
   * @param {() => void} listener.onInk  there is more of the suggestion
   * @param {() => boolean} listener.isTaking  the person takes the suggestion as soon as it is there, whatever it is
   * @param {() => import("./drawing.js").Box} listener.inView  what of the paper the person sees
   */
  constructor(store, connection, listener) {
    this.#store = store;
    this.#connection = connection;
    this.#listener = listener;
  }

  get #state() {
    return this.#store.value;
  }

  ask(plan, base, more = {}) {
    const { wet, temperature, seed, fixed, only } = this.#state;
    const what = fixed ? { category: fixed } : { only };
    this.#last = { ...plan, base, more };
    this.#connection.ask({ sketch: toWire(base, wet !== null), ...plan, temperature, seed, ...what, ...more });
  }

  /** Take in a message of the server. */
  receive(message) {
    const answers = {
      route: () => this.#onRoute(message),
      drawing: () => this.#onDrawing(message),
      ink: () => this.#onRows(message),
      done: () => this.#onDone(message),
      refused: () => this.#store.set({ notice: kindly(message) }),
    };
    answers[message.type]?.();
  }

  #onDrawing({ categories }) {
    const { base } = this.#last;
    this.#store.set({ offer: newOffer(base, categories, base !== this.#state.history.present) });
  }

  #onRoute({ category, decision, probabilities }) {
    const { fixed, only } = this.#state;
    const route = { category, decision, probabilities };
    this.#store.set({ route: Object.freeze(fixed && only.length ? among(route, only) : route) });
    const better = planFor(this.#state);
    const { draw, top, base, more } = this.#last;
    if (draw && better.top !== top) this.ask(better, base, more);
  }

  #onRows({ rows }) {
    const offer = withRows(this.#state.offer, rows);
    this.#store.set({ offer });
    if (this.#state.together && wholeStrokes(offer) > 0) this.#keepOneStroke(offer);
    else this.#listener.onInk();
  }

  #onDone({ drawings }) {
    if (!this.#last.draw) return;
    const { offer, together } = this.#state;
    const whole = drawings.length ? Object.freeze({ ...offer, done: true }) : null;
    const { isTaking, inView } = this.#listener;
    this.#store.set({ offer: whole && !isTaking() ? fittingFirst(whole, inView()) : whole });
    if (together && isFinished(this.#state.offer)) this.#store.set({ notice: "I would not add anything." });
    this.#listener.onInk();
  }

  #keepOneStroke(offer) {
    this.#connection.stop();
    this.#store.set({ offer: onlyFirstStroke(offer) });
  }
}
