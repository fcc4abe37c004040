/**
 * Finds a category by what people call it: "bike", "puppies", "tv".
 * Knows words; knows no page. The same rules stand in codes/vocabulary.py.
 */

const PLURALS = [
  ["ies", "y"],
  ["ves", "f"],
  ["ves", "fe"],
  ["es", ""],
  ["s", ""],
];
const ALIKE = 0.6; // how much of a misspelled word must be right
const A_LITTLE_ALIKE = 0.4; // how much of a word must be right to be named where nothing fits
const MAX_NEAR = 3;
const MISSPELLED = 6; // how badly a word fits of which nothing fits

/**
 * Return the categories that may be meant by a word, a plural or the beginning of either, the likeliest first.
 *
 * @param {string} text
 * @param {string[]} categories
 * @param {Record<string, string[]>} words  other words for the categories
 * @returns {string[]}
 */
export function find(text, categories, words = {}) {
  const wanted = forms(text);
  if (!wanted.length) return categories;
  const named = known(categories, words);
  const fits = new Map(named.map(([name, all]) => [name, Math.min(...wanted.map((form) => fit(form, all)))]));
  const found = categories.filter((name) => fits.get(name) < MISSPELLED);
  if (found.length) return found.sort((a, b) => fits.get(a) - fits.get(b));
  return alike(wanted, named, ALIKE);
}

/** Return the few categories that are spelled most alike, where `find` finds none. */
export function near(text, categories, words = {}) {
  return alike(forms(text), known(categories, words), A_LITTLE_ALIKE).slice(0, MAX_NEAR);
}

/** Return each category with all words for it. */
const known = (categories, words) => categories.map((name) => [name, [name, ...(words[name] ?? [])].map(plain)]);

/** Return the categories that have a word so much like one of the forms, the likest first. */
function alike(forms, known, least) {
  const like = (all) => Math.max(...forms.flatMap((form) => all.map((word) => likeness(form, word))));
  const scored = known.map(([name, all]) => [name, like(all)]).filter(([, score]) => score >= least);
  return scored.sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** Return how well a form fits a name and its synonyms: 0 is the name itself. */
function fit(wanted, [name, ...synonyms]) {
  const tests = [
    wanted === name,
    synonyms.includes(wanted),
    name.startsWith(wanted),
    name.split(" ").some((word) => word.startsWith(wanted)),
    synonyms.some((each) => each.startsWith(wanted)),
    wanted.length > 2 && name.includes(wanted),
  ];
  const first = tests.indexOf(true);
  return first < 0 ? MISSPELLED : first;
}

function forms(text) {
  const word = plain(text);
  const singulars = PLURALS.filter(([ending]) => word.endsWith(ending) && word.length > ending.length + 1);
  const all = [word, ...singulars.map(([ending, singular]) => word.slice(0, -ending.length) + singular)];
  return word ? [...new Set(all)] : [];
}

const plain = (text) =>
  text
    .toLowerCase()
    .replace(/[\s_-]+/g, " ")
    .replace(/^[ "'“‘(]+|[ "'”’).,;:!?]+$/g, "")
    .replace(/^(?:(?:it is|it['’]s|this is|that is|the|an?|my|some) )+(?=\w)/, "");

/** Return the share of neighbouring letters that two words have in common. */
function likeness(one, other) {
  const [ours, theirs] = [one, other].map((word) => [...` ${word}`].map((letter, i) => letter + (word[i] ?? " ")));
  const left = [...theirs];
  const common = ours.filter((pair) => {
    const at = left.indexOf(pair);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  return (2 * common.length) / (ours.length + theirs.length);
}
