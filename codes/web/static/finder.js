/**
 * A field to type what a drawing is, with what it may be below: a combobox for the mouse, fingers and the keyboard.
 * Knows its field and its list; knows neither the categories nor the server.
 */

const MAX_FOUND = 7;

export class Finder {
  #input;
  #list;
  #find;
  #choose;
  #active = -1;

  /**
   * @param {HTMLInputElement} input
   * @param {HTMLUListElement} list
   * @param {{find: (text: string) => string[], choose: (category: string) => void}} does
   */
  constructor(input, list, { find, choose }) {
    this.#input = input;
    this.#list = list;
    this.#find = find;
    this.#choose = choose;
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
    const found = text ? this.#find(text).slice(0, MAX_FOUND) : [];
    this.#list.replaceChildren(...found.map((name, index) => this.#option(name, index)));
    this.#list.hidden = !found.length;
    this.#input.ariaExpanded = String(found.length > 0);
    this.#input.classList.toggle("unknown", Boolean(text) && !found.length);
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
    if (event.key in moves && count) this.#activate((this.#active + moves[event.key] + count) % count);
    else if (event.key === "Enter" && this.#active >= 0) this.#take(this.#options[this.#active]);
    else if (event.key === "Escape" && this.#input.value) this.#clear();
    else return;
    event.preventDefault();
  }

  #take(option) {
    if (!option) return;
    const category = option.textContent;
    this.#clear();
    this.#choose(category);
  }

  #clear() {
    this.#input.value = "";
    this.#show();
  }

  #close() {
    this.#list.hidden = true;
    this.#input.ariaExpanded = "false";
  }
}
