/**
 * Shows nine ways to go on, side by side; a click takes one.
 * Knows the offer and nine small papers; knows no server.
 */

import { fits } from "./continuation.js";
import { numberWord, withArticle } from "./copy.js";
import { Paper } from "./paper.js";
import { N_VARIATIONS } from "./plan.js";

const INK = 1.6;
// A name below a drawing takes this share of its height.
const CAPTION = 0.28;

export class Variations {
  #cells;
  #shown = [];

  /**
   * @param {HTMLElement} grid
   * @param {(index: number) => void} adopt
   */
  constructor(grid, adopt) {
    this.#cells = Array.from({ length: N_VARIATIONS }, (_, index) => newCell(index, adopt));
    grid.append(...this.#cells.map(({ button }) => button));
    new ResizeObserver(() => this.#fit()).observe(grid);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#fit());
  }

  /** @param {import("./appstate.js").State} state */
  show({ offer, history, wet, together }) {
    const usable = Boolean(offer?.done && !wet && !together && fits(offer, history.present));
    for (const [index, cell] of this.#cells.entries()) this.#showOne(index, cell, offer, usable);
  }

  #showOne(index, { button, paper, caption }, offer, usable) {
    const drawing = offer?.drawings[index];
    const disabled = !usable || !drawing?.strokes.length;
    if (button.disabled !== disabled) button.disabled = disabled;
    if (this.#shown[index] === drawing) return;
    this.#shown[index] = drawing;
    const category = offer?.categories[index];
    const named = new Set(offer?.categories).size > 1;
    caption.textContent = named ? category : "";
    button.setAttribute("aria-label", label(index, category));
    paper.clear();
    if (!drawing) return;
    paper.lookAt([...offer.base, ...drawing.strokes], named ? CAPTION : 0);
    paper.draw(offer.base);
    paper.draw(drawing.strokes);
  }

  #fit() {
    for (const { paper } of this.#cells) paper.fit();
    this.#shown = [];
  }
}

function label(index, category) {
  const number = numberWord(index + 1);
  return category ? `Take way ${number}: ${withArticle(category)}` : `Way ${number}: nothing yet`;
}

function newCell(index, adopt) {
  const button = document.getElementById("variation").content.firstElementChild.cloneNode(true);
  button.addEventListener("click", () => adopt(index));
  button.setAttribute("aria-label", label(index));
  return { button, paper: new Paper(button.querySelector("canvas"), INK), caption: button.querySelector("span") };
}
