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
  const known = categories.map((name) => [name, [name, ...(words[name] ?? [])].map(plain)]);
  const fits = new Map(known.map(([name, all]) => [name, Math.min(...wanted.map((form) => fit(form, all)))]));
  const found = categories.filter((name) => fits.get(name) < MISSPELLED);
  if (found.length) return found.sort((a, b) => fits.get(a) - fits.get(b));
  const like = ([, all]) => Math.max(...wanted.flatMap((form) => all.map((word) => likeness(form, word))));
  const alike = new Map(known.map((each) => [each[0], like(each)]));
  return categories.filter((name) => alike.get(name) >= ALIKE).sort((a, b) => alike.get(b) - alike.get(a));
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
    .trim()
    .replace(/^(?:the|an?) (?=\w)/, "");

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
