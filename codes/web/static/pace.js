/**
 * How long an answer takes, as marks that a browser's own tools show: "pen up", "bars", "first ink".
 * Knows the clock only. `python -m benchmarks.live canvas` reads the marks.
 */

const ANSWERS = ["bars", "first ink"];

/** The pen was lifted: what is seen from now on is the answer to it. */
export function penUp() {
  for (const name of ["pen up", ...ANSWERS]) performance.clearMarks(name);
  performance.mark("pen up");
}

/** One of the answers can be seen; only the first time counts. */
export function seen(name) {
  if (!performance.getEntriesByName(name).length) performance.mark(name);
}
