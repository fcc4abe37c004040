/**
 * Says what to show first of many things: what children like to draw, a mixture of the sky, animals, plants and toys.
 * Knows names; knows no page and no model.
 */

const FAVOURITES = [
  ["sun", "cat", "house", "flower", "car", "butterfly", "dog", "tree", "ice cream", "dragon", "fish", "apple", "duck"],
  ["bicycle", "pig", "star", "rabbit", "monkey", "crab", "snowman", "face", "bird", "castle", "horse", "frog", "rainbow"],
].flat();

/** Return the same names, those that children like first and in the order above, then the others as they came. */
export function favouritesFirst(names) {
  const liked = FAVOURITES.filter((name) => names.includes(name));
  return [...liked, ...names.filter((name) => !liked.includes(name))];
}
