/**
 * Makes melodies of strokes: pitch from height, length from the way the pen went, scale and timbre from the category.
 * Knows notes; makes no sound (synth.js does).
 *
 * @typedef {{frequency: number, seconds: number}} Note
 * @typedef {{root: number, scale: number[], partials: number[]}} Voice
 */

import { SIDE, distance } from "./drawing.js";

// Half-tones above the root. Five notes of each, so that nothing drawn sounds wrong.
const SCALES = [
  [0, 2, 4, 7, 9],
  [0, 3, 5, 7, 10],
  [0, 2, 5, 7, 9],
  [0, 2, 4, 7, 11],
  [0, 2, 3, 7, 9],
];
// Strength of each overtone: a flute, a clarinet, an organ, a plucked string, a bell.
const TIMBRES = [
  [1, 0.2, 0.05],
  [1, 0, 0.5, 0, 0.2],
  [1, 0.6, 0.3, 0.3, 0, 0.2],
  [1, 0.5, 0.33, 0.25, 0.2, 0.16],
  [1, 0, 0.1, 0.4, 0, 0.3],
];
const ROOTS = [196, 220, 246.94, 261.63];
const STEPS = 12;
const THIRD = 2;
// Units of the paper a second of sound, and how much ink is looked at for one pitch.
const TEMPO = 700;
const PIECE = 45;
const SHORTEST = 0.08;
const LONGEST = 0.9;

const hash = (text, factor) => [...text].reduce((sum, letter) => (sum * factor + letter.codePointAt(0)) % 9973, 7);

/** @returns {Voice} the same for a category every time */
export function voiceOf(category) {
  const pick = (list, factor) => list[hash(category ?? "", factor) % list.length];
  return { root: pick(ROOTS, 31), scale: pick(SCALES, 37), partials: pick(TIMBRES, 41) };
}

/** Return the pitch of a step of the voice's scale; steps go on through the octaves. */
function pitchOf({ root, scale }, step) {
  const octave = Math.floor(step / scale.length);
  return root * 2 ** (octave + scale[step - octave * scale.length] / 12);
}

/** Return the step of a scale for a height on the paper. */
const stepAt = (y) => Math.round((1 - Math.min(SIDE, Math.max(0, y)) / SIDE) * STEPS);

/**
 * Return a stroke as notes. What the machine draws is sung a third above.
 *
 * @param {readonly import("./drawing.js").Point[]} points
 * @param {Voice} voice
 * @returns {Note[]}
 */
export function melody(points, voice, byMachine = false) {
  const notes = [];
  for (const { step, ink } of pitches(points)) {
    const seconds = Math.min(LONGEST, Math.max(SHORTEST, ink / TEMPO));
    notes.push({ frequency: pitchOf(voice, step + (byMachine ? THIRD : 0)), seconds });
  }
  return notes;
}

/** Return the steps that a stroke passes, each with the length of ink spent on it. */
function pitches(points) {
  const found = [{ step: stepAt(points[0][1]), ink: 0 }];
  let piece = 0;
  for (let i = 1; i < points.length; i += 1) {
    const ink = distance(points[i - 1], points[i]);
    piece += ink;
    const step = stepAt(points[i][1]);
    if (piece >= PIECE && step !== found.at(-1).step) {
      found.push({ step, ink });
      piece = 0;
    } else {
      found.at(-1).ink += ink;
    }
  }
  return found;
}
