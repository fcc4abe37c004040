/**
 * Shows the gallery: what hangs, what was taken down or waits, and what was drawn in this browser before.
 * Knows its dialog; the server keeps what hangs, the browser what was drawn here.
 */

import * as api from "./api.js";
import { tidyName } from "./copy.js";
import { Paper } from "./paper.js";
import { drawnBefore } from "./storage.js";
import { fromWire } from "./wire.js";

const INK = 1.8;
const WAITS = "It waits until your teacher hangs it.";
const EMPTY = "Nothing hangs here yet. Hang the first!";

export class Gallery {
  #parts;
  #take;
  #drawing = [];

  /**
   * @param {Record<"dialog" | "form" | "field" | "says" | "wall" | "aside" | "before", HTMLElement>} parts
   * @param {(drawing: import("./drawing.js").Drawing, word: string) => void} take  go on with a drawing
   */
  constructor(parts, take) {
    this.#parts = parts;
    this.#take = take;
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#attempt(() => this.#hangMine());
    });
  }

  /** Open the dialog; the drawing on the paper can be hung, and may be called `word`. */
  open(drawing, word) {
    const { dialog, form, field } = this.#parts;
    this.#drawing = drawing;
    field.value = word;
    form.hidden = !drawing.length;
    dialog.showModal();
    this.#attempt(() => this.#show(""));
  }

  async #hangMine() {
    const word = tidyName(this.#parts.field.value);
    if (!word) return "Give it a name first.";
    const hung = await api.hang(this.#drawing, word);
    return this.#show(hung ? "It hangs." : WAITS);
  }

  async #arrange({ name, word }, hung) {
    await api.arrange(name, hung);
    return this.#show(hung ? `“${word}” hangs.` : `“${word}” is taken down. It lies below, if you want it back.`);
  }

  /** Fill all three walls, and return what is to be said. */
  async #show(sentence) {
    const { wall, aside, before } = this.#parts;
    const { drawings, aside: lying, may_arrange: mayArrange } = await api.gallery();
    const shelf = (each, hung) => mayArrange && [hung ? "Hang it" : "Take down", () => this.#arrange(each, hung)];
    const fromServer = (each, hung) => ({ ...each, drawing: fromWire(each.sketch), shelf: shelf(each, hung) });
    this.#fill(wall, drawings.map((each) => fromServer(each, false)));
    this.#fill(aside, lying.map((each) => fromServer(each, true)));
    this.#fill(before, drawnBefore());
    return sentence || (drawings.length ? "" : EMPTY);
  }

  #fill(wall, drawings) {
    wall.replaceChildren(...drawings.map((each) => this.#frame(each)));
    wall.parentElement.hidden = !drawings.length;
    for (const [index, frame] of [...wall.children].entries()) paint(frame, drawings[index].drawing);
  }

  #frame({ word, drawing, shelf }) {
    const frame = document.getElementById("frame").content.firstElementChild.cloneNode(true);
    const [picture, move] = frame.querySelectorAll("button");
    picture.querySelector("span").textContent = word;
    picture.setAttribute("aria-label", word ? `Go on with “${word}”` : "Go on with this drawing");
    picture.addEventListener("click", () => {
      this.#parts.dialog.close();
      this.#take(drawing, word);
    });
    if (!shelf) move.remove();
    else this.#label(move, word, shelf);
    return frame;
  }

  #label(button, word, [text, work]) {
    button.textContent = text;
    button.setAttribute("aria-label", `${text}: ${word}`);
    button.addEventListener("click", () => this.#attempt(work));
  }

  async #attempt(work) {
    const { says } = this.#parts;
    try {
      says.textContent = await work();
    } catch ({ message }) {
      says.textContent = message;
    }
  }
}

function paint(frame, drawing) {
  const paper = new Paper(frame.querySelector("canvas"), INK);
  paper.fit();
  paper.lookAt(drawing);
  paper.draw(drawing);
}
