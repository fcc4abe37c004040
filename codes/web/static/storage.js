/**
 * Keeps the drawing in this browser, and nowhere else, so that it survives a reload, and those drawn here before it.
 * Knows the browser's storage; what it finds there is checked, never trusted.
 */

import { drawingOf } from "./appstate.js";
import { newHistory, stroke } from "./drawing.js";

const KEPT = ["history", "temperature", "seed", "together", "fixed", "only"];
const NAME = "halfdrawn";
const ASIDE = "halfdrawn aside";
const MAX_ASIDE = 20;
const FORMAT = 1;
// Coordinates are kept in hundredths of a unit of the paper.
const FRACTION = 100;

const rounded = (value) => Math.round(value * FRACTION) / FRACTION;
const isText = (value) => typeof value === "string";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isPoint = (point) => Array.isArray(point) && (point.length === 2 || point.length === 3) && point.every(isNumber);
const isStroke = ({ points, by }) =>
  Array.isArray(points) && points.length > 0 && points.every(isPoint) && (by === "me" || by === "machine");

/** Return true if there is anything new to keep. */
export const hasChanged = (now, before) => KEPT.some((field) => now[field] !== before[field]);

/** Keep what a person would miss; return false if the browser cannot. */
export function keepState(state) {
  const { temperature, seed, together, fixed, only } = state;
  const drawing = plainOf(drawingOf(state));
  try {
    localStorage.setItem(NAME, JSON.stringify({ form: FORMAT, drawing, temperature, seed, together, fixed, only }));
    return true;
  } catch (error) {
    console.warn("the drawing could not be kept for a reload:", error);
    return false;
  }
}

/** Put a drawing aside for good; return false if the browser cannot. */
export function putAside(drawing, word) {
  const aside = [{ word, drawing: plainOf(drawing) }, ...parseAside()].slice(0, MAX_ASIDE);
  try {
    localStorage.setItem(ASIDE, JSON.stringify(aside));
    return true;
  } catch (error) {
    console.warn("the drawing could not be put aside:", error);
    return false;
  }
}

/** Return the drawings that were put aside in this browser as `{word, drawing}`, the newest first. */
export const drawnBefore = () =>
  parseAside().map(({ word, drawing }) => ({ word, drawing: drawing.map(({ points, by }) => stroke(points, by)) }));

function parseAside() {
  const kept = parseJson(localStorage.getItem(ASIDE));
  const isWhole = (each) => isText(each?.word) && Array.isArray(each.drawing) && each.drawing.every(isStroke);
  return Array.isArray(kept) ? kept.filter(isWhole) : [];
}

const plainOf = (drawing) => drawing.map(({ points, by }) => ({ points: points.map((point) => point.map(rounded)), by }));

/** Return what was kept as fields of the state; none of them if nothing valid was kept. */
export function recallState() {
  const kept = parseJson(localStorage.getItem(NAME));
  if (kept?.form !== FORMAT || !Array.isArray(kept.drawing) || !kept.drawing.every(isStroke)) return {};
  const { temperature, seed, together, fixed, only } = kept;
  return {
    history: newHistory(kept.drawing.map(({ points, by }) => stroke(points, by))),
    ...(isNumber(temperature) && temperature > 0 && temperature <= 2 && { temperature }),
    ...(Number.isSafeInteger(seed) && seed >= 0 && { seed }),
    together: together === true,
    fixed: isText(fixed) ? fixed : null,
    only: Array.isArray(only) && only.every(isText) ? only : [],
  };
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    console.warn("what was kept is no JSON:", error);
    return null;
  }
}
