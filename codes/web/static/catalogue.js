/**
 * Shows all that the model knows, each with a drawing: to begin from one, or to pick some and play with only these.
 * Knows its dialog and its cards; knows neither the server nor what follows from a choice.
 */

import { playable } from "./appstate.js";
import { catalogueSays, withArticle } from "./copy.js";
import { boxOf } from "./drawing.js";
import { pathData } from "./path.js";
import { halves } from "./reveal.js";
import { inMiddle } from "./wire.js";

const MARGIN = 40;
// A card is this much wider than high (page.css), and its lines are this share of its height wide.
const ASPECT = 1.2;
const INK = 0.022;
// Cards are drawn when they are nearly in view, since there may be hundreds.
const NEARLY = "300px";

export class Catalogue {
  #parts;
  #does;
  #cards = new Map();
  #sketches = null;
  #state = null;
  #picking = false;
  #watcher;

  /**
   * @param {Record<"dialog" | "field" | "pick" | "all" | "says" | "grid", HTMLElement>} parts
   * @param {object} does
   * @param {(text: string, categories: string[]) => string[]} does.find  which of these people may mean
   * @param {(category: string, beginning: import("./drawing.js").Drawing) => void} does.choose  `beginning` is half of
   *   the category's drawing, or nothing
   * @param {(only: string[]) => void} does.setOnly
   */
  constructor(parts, does) {
    this.#parts = parts;
    this.#does = does;
    const { dialog, field, pick, all, grid } = parts;
    field.addEventListener("input", () => this.#filter());
    field.addEventListener("keydown", (event) => this.#pressInField(event));
    pick.addEventListener("click", () => this.#setPicking(!this.#picking));
    all.addEventListener("click", () => this.#does.setOnly([]));
    grid.addEventListener("keydown", (event) => this.#pressInGrid(event));
    grid.addEventListener("click", ({ target }) => this.#take(target.closest(".card")));
    grid.addEventListener("focusin", ({ target }) => this.#makeTabStop(target));
    dialog.addEventListener("close", () => this.#setPicking(false));
    this.#watcher = new IntersectionObserver((entries) => this.#drawSeen(entries), { root: grid, rootMargin: NEARLY });
  }

  get hasDrawings() {
    return this.#sketches !== null;
  }

  /** Open the dialog; `typing` puts the focus into the field, which brings up a keyboard on a phone. */
  open(state, { typing }) {
    this.#state = state;
    this.#parts.field.value = "";
    this.#parts.dialog.showModal();
    this.#filter();
    if (typing) this.#parts.field.focus();
  }

  /** Take in a sketch of each category in the server's form, by category; some may have none. */
  setSketches(sketches) {
    this.#sketches = sketches;
    this.#parts.grid.classList.toggle("bare", !Object.keys(sketches).length);
    for (const card of this.#cards.values()) this.#watcher.observe(card);
  }

  /** @param {import("./appstate.js").State} state */
  show(state) {
    const before = this.#state;
    this.#state = state;
    if (!this.#parts.dialog.open) return;
    if (playable(before) === playable(state)) return;
    if (this.#picking) this.#describe();
    else this.#filter();
  }

  /** Show the cards of what the field says, or all in the order of their names: what is played with, or may be. */
  #filter() {
    const { field, grid } = this.#parts;
    const text = field.value.trim();
    const found = this.#does.find(text, this.#picking ? this.#state.categories : playable(this.#state));
    const names = text ? found : [...found].sort((one, other) => one.localeCompare(other));
    grid.replaceChildren(...names.map((name) => this.#cardOf(name)));
    grid.scrollTop = 0;
    field.classList.toggle("unknown", !names.length);
    if (names.length) this.#makeTabStop(grid.firstElementChild);
    this.#describe();
  }

  #cardOf(name) {
    if (!this.#cards.has(name)) this.#cards.set(name, this.#newCard(name));
    return this.#cards.get(name);
  }

  #newCard(name) {
    const card = document.getElementById("card").content.firstElementChild.cloneNode(true);
    card.querySelector("span").textContent = name;
    card.dataset.category = name;
    if (this.#sketches) this.#watcher.observe(card);
    return card;
  }

  #setPicking(picking) {
    this.#picking = picking;
    this.#filter();
  }

  /** Say on each card, and above them, what a click does. */
  #describe() {
    const { field, pick, all, says, grid } = this.#parts;
    const { only, history } = this.#state;
    pick.setAttribute("aria-pressed", String(this.#picking));
    all.hidden = !only.length;
    const verb = history.present.length ? "Finish it as" : "Begin with";
    for (const card of grid.children) {
      const { category } = card.dataset;
      if (this.#picking) card.setAttribute("aria-pressed", String(only.includes(category)));
      else card.removeAttribute("aria-pressed");
      card.setAttribute("aria-label", this.#picking ? category : `${verb} ${withArticle(category)}`);
    }
    const shown = { text: field.value.trim(), found: grid.children.length, picking: this.#picking };
    says.textContent = catalogueSays(this.#state, shown);
  }

  #take(card) {
    if (!card) return;
    const { category } = card.dataset;
    const { only } = this.#state;
    if (this.#picking) {
      this.#does.setOnly(only.includes(category) ? only.filter((name) => name !== category) : [...only, category]);
      return;
    }
    const sketch = this.#sketches?.[category];
    this.#parts.dialog.close();
    this.#does.choose(category, sketch ? halves(inMiddle(sketch)).first : []);
  }

  // Drawings.

  #drawSeen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#watcher.unobserve(target);
      this.#draw(target, this.#sketches[target.dataset.category]);
    }
  }

  #draw(card, sketch) {
    if (!sketch) return;
    const drawing = inMiddle(sketch);
    const { left, top, right, bottom } = boxOf(drawing);
    const { first, rest } = halves(drawing);
    const [width, height] = [right - left + 2 * MARGIN, bottom - top + 2 * MARGIN];
    const [picture, ink, pencil] = ["svg", ".first", ".rest"].map((part) => card.querySelector(part));
    picture.setAttribute("viewBox", [left - MARGIN, top - MARGIN, width, height].join(" "));
    for (const part of [ink, pencil]) part.setAttribute("stroke-width", INK * Math.max(width / ASPECT, height));
    ink.setAttribute("d", pathData(first));
    const lines = rest.map(() => pencil.firstElementChild.cloneNode()); // each on its own, to be drawn under the pointer
    for (const [index, line] of lines.entries()) line.setAttribute("d", pathData([rest[index]]));
    pencil.replaceChildren(...lines);
  }

  // Keys.

  /** Have Tab lead to one card only. */
  #makeTabStop(card) {
    for (const other of this.#parts.grid.children) other.tabIndex = other === card ? 0 : -1;
  }

  #pressInField(event) {
    const { field, grid } = this.#parts;
    if (event.key === "ArrowDown" && grid.firstElementChild) grid.firstElementChild.focus();
    else if (event.key === "Enter" && field.value.trim()) this.#take(grid.firstElementChild);
    else if (event.key === "Escape" && field.value) this.#clearField();
    else return;
    event.preventDefault();
  }

  #clearField() {
    this.#parts.field.value = "";
    this.#filter();
  }

  #pressInGrid(event) {
    const { field, grid } = this.#parts;
    const cards = [...grid.children];
    const columns = cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const to = cards.indexOf(event.target.closest(".card")) + moves[event.key];
    if (event.key === "ArrowUp" && to < 0) field.focus();
    else cards[Math.max(0, Math.min(cards.length - 1, to))].focus();
  }
}
