/**
 * Saves drawings as files, and gets them back.
 * Knows the page's file chooser; the server converts.
 */

import * as api from "./api.js";
import { fromWire } from "./wire.js";

const READ = /\.(svg|ndjson)$/i;

/** Return what the drawing is called: by the person, or else by the machine. */
export const wordFor = ({ fixed, route }) => fixed ?? (route && route.decision !== "unknown" ? route.category : "");

/** Save the drawing as a file of this format. */
export async function save(state, format) {
  const word = wordFor(state);
  const blob = await api.converted(state.history.present, format, word);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${(word || "drawing").replaceAll(" ", "-")}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return `Saved as ${link.download}.`;
}

/** Return the drawing in a file. */
export async function drawingIn(file) {
  if (!READ.test(file.name)) throw new Error("I read .svg and .ndjson files.");
  return fromWire(await api.readFile(file));
}

/** Give files that are dropped on `target` or picked with `input` to `take`. */
export function listenForFiles(target, input, take) {
  target.addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("welcoming");
  });
  target.addEventListener("dragleave", () => target.classList.remove("welcoming"));
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("welcoming");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = "";
  });
}
