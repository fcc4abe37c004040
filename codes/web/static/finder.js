/**
 * A field to type what a drawing is, with what it may be below: a combobox for the mouse, fingers and the keyboard.
 * Knows its field and its list; knows neither the categories nor the server. A word that is not known chooses nothing.
 */

import { notKnown } from "./copy.js";

const MAX_FOUND = 7;

export class Finder {
  #input;
  #list;
  #says;
  #does;
  #active = -1;

  /**
   * @param {HTMLInputElement} input
   * @param {HTMLUListElement} list
   * @param {HTMLElement} says  where it stands that a word is not known
   * @param {object} does
   * @param {(text: string) => string[]} does.find
   * @param {(text: string) => string[]} does.near  what is spelled like a word that is not known
   * @param {(category: string) => void} does.choose
   */
  constructor(input, list, says, does) {
    this.#input = input;
    this.#list = list;
    this.#says = says;
    this.#does = does;
    input.addEventListener("input", () => this.#show());
    input.addEventListener("keydown", (event) => this.#press(event));
    input.addEventListener("blur", () => this.#close());
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("click", ({ target }) => this.#take(target.closest("[role=option]")));
  }

  get #options() {
    return [...this.#list.children];
  }

  #show() {
    const text = this.#input.value.trim();
    const found = text ? this.#does.find(text).slice(0, MAX_FOUND) : [];
    const near = text && !found.length ? this.#does.near(text) : [];
    const listed = [...found, ...near];
    this.#list.replaceChildren(...listed.map((name, index) => this.#option(name, index)));
    this.#list.hidden = !listed.length;
    this.#input.ariaExpanded = String(listed.length > 0);
    this.#input.classList.toggle("unknown", Boolean(text) && !found.length);
    this.#says.textContent = text && !found.length ? notKnown(text, near.length > 0) : "";
    this.#activate(found.length ? 0 : -1);
  }

  #option(name, index) {
    const option = document.createElement("li");
    option.id = `${this.#list.id}-${index}`;
    option.setAttribute("role", "option");
    option.textContent = name;
    return option;
  }

  #activate(index) {
    this.#active = index;
    this.#options.forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    if (index < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", this.#options[index].id);
  }

  #press(event) {
    const count = this.#options.length;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && count) this.#activate(nextIndex(this.#active, moves[event.key], count));
    else if (event.key === "Enter" && this.#active >= 0) this.#take(this.#options[this.#active]);
    else if (event.key === "Escape" && this.#input.value) this.#clear();
    else return;
    event.preventDefault();
  }

  #take(option) {
    if (!option) return;
    const category = option.textContent;
    this.#clear();
    this.#does.choose(category);
  }

  #clear() {
    this.#input.value = "";
    this.#show();
  }

  #close() {
    this.#list.hidden = true;
    this.#says.textContent = "";
    this.#input.ariaExpanded = "false";
  }
}

/** Return the index `step` further on a ring of `count`; from none (-1) the first or the last. */
const nextIndex = (index, step, count) => (index < 0 && step < 0 ? count - 1 : (index + step + count) % count);
