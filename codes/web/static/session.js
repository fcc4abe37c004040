/**
 * Decides what follows from what happens: the person draws, takes, undoes; the server answers.
 * Knows the state and the connection; knows no page, so that it can be tried without one.
 */

import { INITIAL, drawingOf } from "./appstate.js";
import { fits, remaining, wholeStrokes } from "./continuation.js";
import { SQUARE, changed, extended, newHistory, ownPart, redone, rewound, stroke, undone } from "./drawing.js";
import { RECOGNISE, isFirstTurn, planFor } from "./plan.js";
import { Requests } from "./requests.js";

// While a stroke is being drawn, it is recognised at most this often.
const RECOGNISE_MS = 120;
const YOUR_TURN = "Your turn. I add a stroke after each of yours.";
const NOT_YET = "One more stroke, and I join in. Or say what it is.";

export class Session {
  #store;
  #connection;
  #requests;
  #recognisedAt = 0;
  #taking = null;
  #beginnings = new WeakMap(); // drawings that were put on the paper to begin from, and what each is to become

  /**
   * @param {import("./appstate.js").StateStore} store
   * @param {{ask: (question: object) => void, stop: () => void, busy: boolean}} connection
   * @param {() => import("./drawing.js").Box} inView  what of the paper the person sees
   */
  constructor(store, connection, inView = () => SQUARE) {
    this.#store = store;
    this.#connection = connection;
    const listener = { onInk: () => this.#takeIfWhole(), isTaking: () => this.#taking !== null, inView };
    this.#requests = new Requests(store, connection, listener);
  }

  get #state() {
    return this.#store.value;
  }

  // The pen.

  penBegan(points) {
    this.#connection.stop();
    this.#taking = null;
    this.#recognisedAt = performance.now();
    this.#store.set({ wet: points, offer: this.#hiddenOffer(), notice: "" });
  }

  penMoved(points) {
    const { wet } = this.#state;
    if (!wet) return;
    this.#store.set({ wet: extended(wet, points) });
    const now = performance.now();
    if (this.#connection.busy || now - this.#recognisedAt < RECOGNISE_MS) return;
    this.#recognisedAt = now;
    this.#recognise();
  }

  penEnded() {
    const { wet, history } = this.#state;
    if (!wet) return;
    const drawing = [...history.present, stroke(wet, "me")];
    this.#store.set({ wet: null, history: changed(history, drawing) });
    if (isFirstTurn(this.#state)) this.#wait(NOT_YET);
    else this.#suggest(drawing);
  }

  penDropped() {
    this.#store.set({ wet: null });
    this.#revisit();
  }

  // The drawing as a whole.

  /** Go on with a drawing that was kept from before. */
  resume() {
    this.#revisit();
  }

  undo() {
    if (this.#beginnings.has(this.#state.history.present)) this.#store.set({ fixed: null });
    this.#arrive(undone(this.#state.history));
  }

  redo() {
    this.#arrive(redone(this.#state.history));
  }

  /** Go to a step in the history; where a beginning was put on the paper, it is to become again what it was then. */
  #arrive(history) {
    const category = this.#beginnings.get(history.present);
    if (category) this.#store.set({ fixed: category });
    this.#step(history);
  }

  clear() {
    if (!this.#state.history.present.length) return;
    this.#step(changed(this.#state.history, []));
    this.#store.set({ fixed: null });
  }

  /** Begin afresh for somebody else: nothing to undo, nothing chosen but what is played with. */
  startAnew() {
    const { temperature, seed, fixed } = INITIAL;
    this.#step(newHistory());
    this.#store.set({ temperature, seed, fixed });
  }

  /** Go on with another drawing; the one before is an undo away. */
  open(drawing, notice) {
    this.#step(changed(this.#state.history, drawing));
    this.#store.set({ notice });
  }

  /**
   * Have this category drawn. Its beginning is put on the paper where there is nothing yet, or only such a beginning;
   * else the person's drawing is finished as this category.
   */
  begin(category, beginning) {
    const { history } = this.#state;
    const mine = history.present.length > 0 && !this.#beginnings.has(history.present);
    if (mine || !beginning.length) {
      this.#store.set({ fixed: category, notice: "" });
      this.#suggestAgain();
      return;
    }
    this.#beginnings.set(beginning, category);
    this.#arrive(changed(history, beginning));
    if (this.#state.together) this.#store.set({ notice: YOUR_TURN });
  }

  #step(history) {
    if (history === this.#state.history) return;
    this.#connection.stop();
    this.#taking = null;
    this.#store.set({ history, wet: null, offer: null, notice: "" });
    if (!history.present.length) this.#store.set({ route: null });
    this.#revisit();
  }

  // The suggestion.

  /** Take the suggestion as soon as it is complete; ask for one if there is none. */
  accept() {
    const { offer, history } = this.#state;
    if (!history.present.length) return;
    if (!this.offers) this.#suggest(history.present, { draw_unknown: true });
    else if (offer.done) this.#take(remaining(offer).length);
    else this.#taking = "all";
  }

  /** Take the suggestion's next stroke as soon as it is complete. */
  acceptNext() {
    const { offer } = this.#state;
    if (!this.offers) return;
    if (wholeStrokes(offer) > offer.taken) this.#take(1);
    else this.#taking = "next";
  }

  dismiss() {
    if (this.offers) this.#store.set({ offer: Object.freeze({ ...this.#state.offer, hidden: true }) });
  }

  /** True if there is a suggestion to take. */
  get offers() {
    return remaining(this.#state.offer).length > 0;
  }

  #hiddenOffer() {
    const { offer } = this.#state;
    return offer && Object.freeze({ ...offer, hidden: true, done: true });
  }

  #take(strokes) {
    const { offer, history } = this.#state;
    this.#taking = null;
    const drawing = [...history.present, ...remaining(offer).slice(0, strokes)];
    this.#store.set({
      history: changed(history, drawing),
      offer: Object.freeze({ ...offer, taken: offer.taken + strokes }),
    });
    if (offer.done) this.#recognise();
  }

  #takeIfWhole() {
    if (this.#taking === "all") this.accept();
    else if (this.#taking === "next") this.acceptNext();
  }

  /** Finish the person's own part as variation number `index`, instead of what it was finished as before. */
  adopt(index) {
    const { offer, history } = this.#state;
    if (!offer?.drawings[index]?.strokes.length || !offer.done || !fits(offer, history.present)) return;
    const drawing = [...offer.base, ...offer.drawings[index].strokes];
    const adopted = changed(rewound(history, offer.base), drawing);
    this.#store.set({ history: adopted, offer: this.#hiddenOffer(), notice: "" });
    this.#recognise();
  }

  // How it draws.

  /** Have the drawing finished as this category; the same category again frees it. */
  fix(category) {
    const { fixed, history, together } = this.#state;
    this.#store.set({ fixed: fixed === category ? null : category, notice: "" });
    if (together) this.#correct(ownPart(history.present));
    else this.#suggestAgain();
  }

  /** Drawing together, take back what the machine added last, and have it draw what the person says instead. */
  #correct(own) {
    const { fixed, history } = this.#state;
    if (own !== history.present && fixed) this.#store.set({ history: changed(history, own), offer: null });
    if (fixed) this.#suggest(own);
    else this.#revisit();
  }

  /** Play with only these categories; with all if there are none. */
  setOnly(only) {
    const { fixed } = this.#state;
    this.#store.set({ only, fixed: only.length && !only.includes(fixed) ? null : fixed });
    this.#suggestAgain();
  }

  /** Take in what the model knows; what was kept from before and is not known any more is dropped. */
  setCategories(categories) {
    const { fixed, only } = this.#state;
    const known = categories.filter((name) => only.includes(name));
    const same = categories.includes(fixed ?? categories[0]) && known.length === only.length;
    this.#store.set({ categories });
    if (same) return;
    this.#store.set({ only: known, fixed: categories.includes(fixed) ? fixed : null, notice: "" });
    this.#revisit();
  }

  setTemperature(temperature) {
    this.#store.set({ temperature });
    this.#suggestAgain();
  }

  newSeed() {
    this.#store.set({ seed: this.#state.seed + 1 });
    this.#suggestAgain();
  }

  setTogether(together) {
    this.#connection.stop();
    this.#store.set({ together, offer: null, notice: together ? YOUR_TURN : "" });
    this.#revisit();
  }

  /** Keep the machine's stroke in a drawing made together, once it was shown to its end. */
  shown() {
    const { together, offer } = this.#state;
    if (together && offer?.done && this.offers) this.#take(1);
  }

  // Requests.

  /** Have the drawing recognised and leave the next stroke to the person. */
  #wait(notice) {
    this.#store.set({ offer: null, notice });
    this.#recognise();
  }

  /** Have the drawing recognised and nothing drawn. */
  #recognise() {
    this.#requests.ask(RECOGNISE, drawingOf(this.#state));
  }

  /** Have a drawing recognised and finished. */
  #suggest(base, more = {}) {
    this.#taking = null;
    if (base.length) this.#requests.ask(planFor(this.#state), base, more);
  }

  /** Ask for other ways to finish the person's own part. */
  #suggestAgain() {
    const { history, together } = this.#state;
    if (!together) this.#suggest(ownPart(history.present));
  }

  /** Ask again after a step in the history; only to recognise, if the machine drew last or both draw together. */
  #revisit() {
    const { history, together } = this.#state;
    if (!history.present.length) return;
    if (history.present.at(-1).by === "machine" || together) this.#recognise();
    else this.#suggest(history.present);
  }

  /** Take in a message of the server. */
  receive(message) {
    this.#requests.receive(message);
  }
}
