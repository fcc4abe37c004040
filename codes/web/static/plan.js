/**
 * Plans what a request asks for, and what of its answer counts, by what the person chose.
 * Knows the state; knows neither the connection nor the page.
 */

import { playable } from "./appstate.js";

export const N_VARIATIONS = 9;
// How many categories, and how many drawings of each.
const UNSURE = { top: 3, draw: 3 };
const SURE = { top: 1, draw: N_VARIATIONS };
export const RECOGNISE = { top: 1, draw: 0 };

/** Return how many drawings of how many categories to ask for: of several if the category is not clear. */
export function planFor(state) {
  const { route, fixed, together } = state;
  if (together) return { top: 1, draw: 1 };
  const several = !fixed && route?.decision === "unsure" && playable(state).length >= UNSURE.top;
  return several ? UNSURE : SURE;
}

/** Return true if the machine waits, drawing together: one stroke can become anything, unless the person says what. */
export const isFirstTurn = ({ together, fixed, history }) => together && !fixed && history.present.length === 1;

/** Return a route among these categories alone: where a category is asked for, the server says how likely all are. */
export function among({ decision, probabilities }, only) {
  const kept = Object.entries(probabilities).filter(([name]) => only.includes(name));
  const total = kept.reduce((sum, [, share]) => sum + share, 0) || 1;
  const shares = Object.fromEntries(kept.map(([name, share]) => [name, share / total]));
  return { category: kept[0][0], decision, probabilities: shares };
}
