/**
 * Says what keys do. Those with Ctrl or Cmd, and two more, work everywhere; the others only while the paper has the
 * focus, so that Tab, the arrows and letters work as usual elsewhere.
 * Knows keys and the names of actions; does nothing itself.
 */

const LETTERS = { n: "newSeed", t: "together", m: "music", r: "replay", s: "save", o: "open", g: "gallery", k: "catalogue" };
const EVERYWHERE = { "?": "help", Backspace: "undo" }; // beside the paper, too, but not where one types
const TYPED_IN = "input:not([type=range], [type=file]), textarea, select";

/** Return the name of the action of a key anywhere on the page, if it has one. */
export function pageAction({ key, ctrlKey, metaKey, shiftKey, altKey, target }) {
  if (altKey || target.matches?.(TYPED_IN)) return undefined;
  if (!(ctrlKey || metaKey)) return target.closest?.("dialog, #wet") ? undefined : EVERYWHERE[key];
  const pressed = key.toLowerCase();
  if (pressed === "z") return shiftKey ? "redo" : "undo";
  return pressed === "y" ? "redo" : undefined;
}

/** Return the name of the action of a key on the paper. While a suggestion shows, Tab and the right arrow take it. */
export function paperAction({ key, ctrlKey, metaKey, altKey, shiftKey }, { offers, drawing }) {
  if (ctrlKey || metaKey || altKey) return undefined;
  if (offers && key === "Tab" && !shiftKey) return "accept";
  if (offers && key === "ArrowRight" && !shiftKey && !drawing) return "acceptNext";
  if (offers && key === "Escape") return "dismiss";
  if (key === "Enter") return "accept";
  if (key === "Delete") return "clear";
  if (key in EVERYWHERE) return EVERYWHERE[key];
  if (/^[1-9]$/.test(key)) return `adopt ${key}`;
  return LETTERS[key];
}
