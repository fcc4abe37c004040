/**
 * Marks how long an answer takes, for the browser's own tools: "pen up", "bars", "first ink".
 * Knows the clock only. `python -m benchmarks.live canvas` reads the marks.
 */

const ANSWERS = ["bars", "first ink"];

/** Mark that the pen was lifted; the marks after it belong to this answer. */
export function markPenUp() {
  for (const name of ["pen up", ...ANSWERS]) performance.clearMarks(name);
  performance.mark("pen up");
}

/** Mark that a part of the answer can be seen; only the first time counts. */
export function markSeen(name) {
  if (!performance.getEntriesByName(name).length) performance.mark(name);
}
