/**
 * Plays notes, with sounds made in the browser: nothing is fetched.
 * Knows Web Audio and how much of each stroke was played; knows nothing of pitches (music.js does).
 */

import { melody, voiceOf } from "./music.js";

const LOUDNESS = 0.14;
const ATTACK = 0.015;
const RELEASE = 0.25;
// If somebody draws faster than the music plays, notes are left out, not delayed.
const MAX_AHEAD = 1.2;

export class Synth {
  #context = null;
  #freeAt = 0;
  #sung = new Map();
  #waves = new Map();

  /** Start the sound; browsers allow that only in answer to a click. */
  switchOn() {
    this.#context ??= new AudioContext();
    this.#context.resume();
  }

  switchOff() {
    this.#context?.suspend();
  }

  /** Forget what was played, because another drawing begins. */
  forget() {
    this.#sung.clear();
  }

  /**
   * Play what is new in a stroke.
   *
   * @param {unknown} name  of the stroke, the same while it grows
   * @param {readonly import("./drawing.js").Point[]} points
   * @param {{category: string | undefined, byMachine?: boolean, whole?: boolean}} how  `whole`: it grows no more
   */
  sing(name, points, { category, byMachine = false, whole = false }) {
    if (this.#context?.state !== "running") return;
    const voice = voiceOf(category);
    const notes = melody(points, voice, byMachine);
    const ready = whole ? notes.length : notes.length - 1; // the last one may still become longer
    for (const note of notes.slice(this.#sung.get(name) ?? 0, ready)) this.#play(note, voice);
    this.#sung.set(name, Math.max(ready, this.#sung.get(name) ?? 0));
  }

  #play({ frequency, seconds }, voice) {
    const now = this.#context.currentTime;
    const start = Math.max(now, this.#freeAt);
    if (start - now > MAX_AHEAD) return;
    this.#freeAt = start + seconds;
    const gain = this.#envelope(start, seconds);
    const tone = this.#context.createOscillator();
    tone.setPeriodicWave(this.#waveOf(voice));
    tone.frequency.value = frequency;
    tone.connect(gain).connect(this.#context.destination);
    tone.start(start);
    tone.stop(start + seconds + RELEASE);
  }

  #envelope(start, seconds) {
    const gain = this.#context.createGain();
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(LOUDNESS, start + ATTACK);
    gain.gain.setValueAtTime(LOUDNESS, start + Math.max(ATTACK, seconds - ATTACK));
    gain.gain.linearRampToValueAtTime(0, start + seconds + RELEASE);
    return gain;
  }

  #waveOf({ partials }) {
    if (!this.#waves.has(partials)) {
      const sines = new Float32Array([0, ...partials]);
      this.#waves.set(partials, this.#context.createPeriodicWave(new Float32Array(sines.length), sines));
    }
    return this.#waves.get(partials);
  }
}
