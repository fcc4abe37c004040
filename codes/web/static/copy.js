/**
 * Writes the page's sentences.
 * Knows language; knows no page.
 */

import { drawingOf } from "./appstate.js";
import { isFinished, remaining } from "./continuation.js";
import { SIDE } from "./drawing.js";
import { favouritesFirst } from "./favourites.js";
import { travelTo } from "./reveal.js";

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
  if (route.decision === "unknown" && isJustBegun(state)) return "Not sure yet. Go on!";
  return isFinished(offer) ? `${recognised(route, state)} It looks finished to me.` : recognised(route, state);
}

/** Return true while there is less ink than a line across the paper: too little to say that it is nothing known. */
function isJustBegun(state) {
  const drawing = drawingOf(state);
  return travelTo(drawing, drawing.length) < SIDE;
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
  if (route?.decision === "unknown" && isJustBegun({ history, wet })) return "";
  if (route?.decision === "unknown") return "Say what it is, and I finish it as that.";
  if (offer?.done && remaining(offer).length)
    return touch ? "Take my idea, or just draw on." : TAKE_BY_KEYS;
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
  const listed = favouritesFirst(categories).slice(0, MAX_LISTED).map(withArticle);
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

const NAME_LETTERS = 40;

/** Return a drawing's name as it can be kept: without what a file's name may not hold, and not too long. */
export const tidyName = (text) =>
  text
    .replace(/[:*?"<>]/g, "")
    .replace(/[/\\|\p{C}\s]+/gu, " ")
    .trim()
    .replace(/^[. ]+/, "")
    .slice(0, NAME_LETTERS)
    .trim();

// What the limits of docs/protocol.md mean to somebody who draws.
const TOO_MUCH = {
  points: "That are more lines than I can look at. Undo some, and I go on.",
  strokes: "That are more lines than I can look at. Undo some, and I go on.",
  rows: "That has more corners than I can look at. Undo some, and I go on.",
  message_bytes: "That are more lines than I can look at. Undo some, and I go on.",
  file_bytes: "That file is too large for me.",
  messages_a_second: "You are faster than I am. Wait a moment.",
  connections: "So many are drawing just now. I try again soon.",
  requests: "So many are drawing just now. Try again in a moment.",
  client_timeout: "That took too long. Try again.",
  kept: "The gallery is full. Ask your teacher to make room.",
};

/** Return an error of the server as a sentence for people: about a limit that was hit, or else its own. */
export const kindly = ({ error, limit }) => TOO_MUCH[limit] ?? error;

/** Return what is said about a word that names nothing known; `near`: whether something is spelled alike. */
export const notKnown = (text, near) =>
  near ? `I do not know “${text}”. Did you mean one of these?` : `I do not know “${text}”. Try another word for it.`;

/** Return what stands above the things that the model knows. */
export function catalogueSays({ history, only, categories }, { text, found, picking }) {
  if (!found) return picking || !only.length ? `I know nothing like “${text}”.` : `Nothing here is like “${text}”.`;
  if (picking) return only.length ? `${onlySays(only)} Pick more, or close this and draw.` : "Pick what we play with.";
  if (text) return `${found === 1 ? "One thing" : `${found} things`} like “${text}”.`;
  if (only.length) return onlySays(only);
  const choose = history.present.length ? "I finish your drawing as that" : "I begin it";
  return `${categories.length} things. Choose one, and ${choose}.`;
}
