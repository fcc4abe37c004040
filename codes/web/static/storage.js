/**
 * Keeps the drawing in this browser, and nowhere else, so that it survives a reload.
 * Knows the browser's storage; what it finds there is checked, never trusted.
 */

import { drawingOf } from "./appstate.js";
import { begun, stroke } from "./drawing.js";

const KEPT = ["history", "temperature", "seed", "together", "fixed"];
const NAME = "halfdrawn";
const FORM = 1;
const DIGITS = 100;

const tidy = (value) => Math.round(value * DIGITS) / DIGITS;
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isPoint = (point) => Array.isArray(point) && (point.length === 2 || point.length === 3) && point.every(isNumber);
const isStroke = ({ points, by }) =>
  Array.isArray(points) && points.length > 0 && points.every(isPoint) && (by === "me" || by === "machine");

/** Return true if there is anything new to keep. */
export const isNews = (now, before) => KEPT.some((field) => now[field] !== before[field]);

/** Keep what a person would miss; return false if the browser cannot. */
export function keep(state) {
  const { temperature, seed, together, fixed } = state;
  const drawing = drawingOf(state).map(({ points, by }) => ({ points: points.map((point) => point.map(tidy)), by }));
  try {
    localStorage.setItem(NAME, JSON.stringify({ form: FORM, drawing, temperature, seed, together, fixed }));
    return true;
  } catch (error) {
    console.warn("the drawing could not be kept for a reload:", error);
    return false;
  }
}

/** Return what was kept as fields of the state; none of them if nothing valid was kept. */
export function recall() {
  const kept = parsed(localStorage.getItem(NAME));
  if (kept?.form !== FORM || !Array.isArray(kept.drawing) || !kept.drawing.every(isStroke)) return {};
  const { temperature, seed, together, fixed } = kept;
  return {
    history: begun(kept.drawing.map(({ points, by }) => stroke(points, by))),
    ...(isNumber(temperature) && temperature > 0 && temperature <= 2 && { temperature }),
    ...(Number.isSafeInteger(seed) && seed >= 0 && { seed }),
    together: together === true,
    fixed: typeof fixed === "string" ? fixed : null,
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    console.warn("what was kept is no JSON:", error);
    return null;
  }
}
