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
  if (!history.present.length && !wet) return `Draw half of ${fixed ? withArticle(fixed) : "something"}.`;
  if (fixed) return `You say it is ${withArticle(fixed)}.`;
  if (!route) return "Let me look…";
  return isFinished(offer) ? `${recognised(route, state)} It looks finished to me.` : recognised(route, state);
}

function recognised({ decision, category, probabilities }, { categories, only }) {
  if (decision === "unknown" && only.length === 1) return `That is not ${withArticle(only[0])}.`;
  if (decision === "unknown" && only.length) return `That is none of the ${only.length} things we play with.`;
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
export function hint({ categories, only }) {
  if (!categories.length) return "";
  if (only.length) return onlySays(only, MAX_LISTED);
  const listed = categories.slice(0, MAX_LISTED).map(withArticle);
  if (categories.length > MAX_LISTED) return `I know ${categories.length} things: ${listed.join(", ")} …`;
  return `I know ${inWords(listed)}.`;
}

/** Return what the person plays with; the last of many are counted. */
export function onlySays(only, most = 2) {
  const listed = only.slice(0, only.length > most + 1 ? most : only.length).map(withArticle);
  const more = only.length - listed.length;
  return `Only ${inWords(more ? [...listed, `${more} more`] : listed)}.`;
}

const inWords = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]);

/** Return what stands above the things that the model knows. */
export function catalogueSays({ history, only, categories }, { text, found, picking }) {
  if (!found) return picking || !only.length ? `I know nothing like “${text}”.` : `Nothing here is like “${text}”.`;
  if (picking) return only.length ? `${onlySays(only)} Pick more, or close this and draw.` : "Pick what we play with.";
  if (text) return `${found === 1 ? "One thing" : `${found} things`} like “${text}”.`;
  if (only.length) return onlySays(only);
  const choose = history.present.length ? "I finish your drawing as that" : "I begin it";
  return `${categories.length} things. Choose one, and ${choose}.`;
}
