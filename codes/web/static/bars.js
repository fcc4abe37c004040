/**
 * Shows the likeliest categories as bars. A click fixes a category, another click frees it.
 * Knows the route and its own list; knows no server.
 */

import { percent } from "./copy.js";
import { favouritesFirst } from "./favourites.js";

const MAX_BARS = 6;

export class Bars {
  #list;
  #fix;
  #rows = new Map();
  #seen = {};

  /**
   * @param {HTMLOListElement} list
   * @param {(category: string) => void} fix
   */
  constructor(list, fix) {
    this.#list = list;
    this.#fix = fix;
  }

  /** @param {import("./appstate.js").State} state */
  show({ route, fixed, categories, only }) {
    const seen = { route, fixed, categories, only };
    if (Object.entries(seen).every(([name, value]) => this.#seen[name] === value)) return;
    this.#seen = seen;
    const shown = this.#shown(route?.probabilities ?? {}, fixed, seen.only.length ? seen.only : favouritesFirst(categories));
    this.#list.classList.toggle("doubtful", route?.decision === "unknown");
    for (const [category, row] of this.#rows) if (!shown.includes(category)) this.#remove(category, row);
    for (const category of shown) this.#fill(this.#rowOf(category), category, route?.probabilities[category], fixed);
    this.#order(shown);
  }

  /** Return the likeliest categories; before anything is drawn, what may be drawn. */
  #shown(probabilities, fixed, categories) {
    const likeliest = Object.keys(probabilities);
    const names = (likeliest.length ? likeliest : categories).slice(0, MAX_BARS);
    return !fixed || names.includes(fixed) ? names : [...names.slice(0, MAX_BARS - 1), fixed];
  }

  #rowOf(category) {
    if (!this.#rows.has(category)) this.#rows.set(category, this.#newRow(category));
    return this.#rows.get(category);
  }

  #newRow(category) {
    const row = document.getElementById("bar").content.firstElementChild.cloneNode(true);
    row.querySelector(".name").textContent = category;
    row.firstElementChild.dataset.category = category;
    row.firstElementChild.addEventListener("click", () => this.#fix(category));
    return row;
  }

  #fill(row, category, probability, fixed) {
    const button = row.firstElementChild;
    button.setAttribute("aria-pressed", String(category === fixed));
    button.style.setProperty("--share", probability ?? 0);
    button.querySelector(".share").textContent = probability === undefined ? "" : percent(probability);
  }

  #remove(category, row) {
    row.remove();
    this.#rows.delete(category);
  }

  /** Put the rows in order, but never move them away from under a finger or the keyboard's focus. */
  #order(shown) {
    const rows = shown.map((category) => this.#rows.get(category));
    const held = this.#list.matches(":hover, :focus-within") && rows.every((row) => row.isConnected);
    const inPlace = rows.every((row, index) => this.#list.children[index] === row);
    if (!held && !inPlace) this.#list.append(...rows);
  }
}
