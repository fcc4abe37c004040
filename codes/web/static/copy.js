/**
 * Writes the page's sentences.
 * Knows language; knows no page.
 */

import { findsItFinished, remaining } from "./continuation.js";

// Words that take "an": those spoken with a vowel in front, so "hourglass", but not "unicorn".
const AN = /^([aeio]|u(?!ni|se)|hour)/;
const NO_ARTICLE = /(?:[^s]s|rain|grass|camouflage|lightning|bread|yoga|toothpaste)$/;
const SINGULAR = /^(?:bus|school bus|octopus|cactus|rhinoceros)$/;

/** Return a category with its article: "a cat", "an ant", "eyeglasses". */
export function named(category) {
  if (NO_ARTICLE.test(category) && !SINGULAR.test(category)) return category;
  return /^the /i.test(category) ? category : `${AN.test(category) ? "an" : "a"} ${category}`;
}

/** Return a probability in percent, never 0% or 100%: nothing is quite certain. */
export function percent(probability) {
  const rounded = Math.round(100 * probability);
  if (rounded >= 100) return "> 99%";
  return rounded ? `${rounded}%` : "< 1%";
}

/** Return what the page says about a drawing. */
export function sentence(state) {
  const { history, wet, route, fixed, offer } = state;
  if (!history.present.length && !wet) return "Draw half of something.";
  if (fixed) return `You say it is ${named(fixed)}.`;
  if (!route) return "Let me look…";
  return findsItFinished(offer) ? `${seen(route, state)} It looks finished to me.` : seen(route, state);
}

function seen({ decision, category, probabilities }, { categories }) {
  if (decision === "unknown") return `That is none of the ${categories.length || "few"} things I know.`;
  const [, second] = Object.keys(probabilities);
  if (decision === "unsure" && second) return `Not sure yet: ${named(category)}, or ${named(second)}?`;
  return probabilities[category] > 0.9 ? `That is ${named(category)}!` : `I think it is ${named(category)}.`;
}

const TAKE_BY_KEYS = "Tab takes my idea, → only its next stroke. Or just draw on.";

/** Return the smaller second sentence: what can be done now. */
export function advice({ history, wet, route, fixed, offer, connected, notice }, touch = false) {
  if (!connected) return "I cannot reach the server. Your drawing is safe here; I keep trying.";
  if (notice) return notice;
  if (!history.present.length && !wet) return "";
  if (fixed) return "Click it again, and I guess for myself.";
  if (route?.decision === "unknown") return "Say what it is, and I finish it as that.";
  if (offer?.done && remaining(offer).length)
    return touch ? "Take my idea, or its next stroke, or just draw on." : TAKE_BY_KEYS;
  return "";
}

/** Return a word for a temperature. */
export function wildness(temperature) {
  const names = [
    [0.25, "safe"],
    [0.5, "careful"],
    [0.8, "free"],
    [1.05, "bold"],
  ];
  return names.find(([most]) => temperature <= most)?.[1] ?? "wild";
}

const ORDINALS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/** Return a number in words up to twelve: "nine", "14". */
export const count = (number) => ORDINALS[number - 1] ?? String(number);

const SOME = 12;

/** Return what an empty paper says. */
export function hint({ categories }) {
  if (!categories.length) return "";
  const some = categories.slice(0, SOME).map(named);
  if (categories.length > SOME) return `I know ${categories.length} things: ${some.join(", ")} …`;
  return `I know ${some.slice(0, -1).join(", ")} and ${some.at(-1)}.`;
}
