/**
 * A drawing in progress survives a reload: it lies in this browser, and nowhere else.
 * Knows the browser's own store; what it finds there is checked, never trusted.
 */

import { begun, stroke } from "./ink.js";
import { drawingOf } from "./state.js";

const KEPT = ["history", "temperature", "seed", "together", "fixed"];
const NAME = "halfdrawn";
const FORM = 1;
const DIGITS = 100;

const tidy = (value) => Math.round(value * DIGITS) / DIGITS;
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isPoint = (point) => Array.isArray(point) && (point.length === 2 || point.length === 3) && point.every(isNumber);
const isStroke = ({ points, by }) =>
  Array.isArray(points) && points.length > 0 && points.every(isPoint) && (by === "me" || by === "machine");

/** Whether there is anything new to keep. */
export const isNews = (now, before) => KEPT.some((field) => now[field] !== before[field]);

/** Keep what a person would miss. Returns whether the browser could. */
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

/** What was kept, as fields of the state; nothing where there is none or it makes no sense. */
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
