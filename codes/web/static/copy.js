/**
 * Writes the page's sentences.
 * Knows language; knows no page.
 */

import { isFinished, remaining } from "./continuation.js";

// Words that take "an": those spoken with a vowel in front, so "hourglass", but not "unicorn".
const AN = /^([aeio]|u(?!ni|se)|hour)/;
const NO_ARTICLE = /(?:[^s]s|rain|grass|camouflage|lightning|bread|yoga|toothpaste)$/;
const SINGULAR = /^(?:bus|school bus|octopus|cactus|rhinoceros)$/;

/** Return a category with its article: "a cat", "an ant", "eyeglasses". */
export function withArticle(category) {
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
  if (fixed) return `You say it is ${withArticle(fixed)}.`;
  if (!route) return "Let me look…";
  return isFinished(offer) ? `${recognised(route, state)} It looks finished to me.` : recognised(route, state);
}

function recognised({ decision, category, probabilities }, { categories }) {
  if (decision === "unknown") return `That is none of the ${categories.length || "few"} things I know.`;
  const [, second] = Object.keys(probabilities);
  if (decision === "unsure" && second) return `Not sure yet: ${withArticle(category)}, or ${withArticle(second)}?`;
  const what = withArticle(category);
  return probabilities[category] > 0.9 ? `That is ${what}!` : `I think it is ${what}.`;
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
export function temperatureWord(temperature) {
  const names = [
    [0.25, "safe"],
    [0.5, "careful"],
    [0.8, "free"],
    [1.05, "bold"],
  ];
  return names.find(([limit]) => temperature <= limit)?.[1] ?? "wild";
}

const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/** Return a number in words up to twelve: "nine", "14". */
export const numberWord = (number) => NUMBERS[number - 1] ?? String(number);

const MAX_LISTED = 12;

/** Return what an empty paper says. */
export function hint({ categories }) {
  if (!categories.length) return "";
  const listed = categories.slice(0, MAX_LISTED).map(withArticle);
  if (categories.length > MAX_LISTED) return `I know ${categories.length} things: ${listed.join(", ")} …`;
  return `I know ${listed.slice(0, -1).join(", ")} and ${listed.at(-1)}.`;
}
