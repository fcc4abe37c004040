/**
 * Asks the server for everything but live answers: files, the gallery, the model and its catalogue.
 * Knows addresses and bodies (docs/protocol.md); knows no page.
 */

import { machineStart, toWire } from "./wire.js";

const JSON_HEADERS = { "Content-Type": "application/json" };

/** Return the response; throw an error with the server's own sentence. */
async function answer(address, options) {
  const response = await fetch(address, options);
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: `the server answers ${response.status}` }));
  throw new Error(error);
}

const json = async (address, options) => (await answer(address, options)).json();
const post = (body) => ({ method: "POST", headers: JSON_HEADERS, body: JSON.stringify(body) });

/** Return `{categories, words, name, limits}` of the model. */
export const model = () => json("api/model");

/** Return a sketch of each category by the model itself, by the names of the categories; of none if it has none. */
export async function catalogue() {
  const { drawings } = await json("api/catalogue");
  return Object.fromEntries(drawings.map(({ category, sketch }) => [category, sketch]));
}

/** Return the drawing as a file of this format: svg, png, gif or ndjson. */
export async function converted(drawing, format, category) {
  const sketch = category ? { ...toWire(drawing), category } : toWire(drawing);
  const from = machineStart(drawing);
  const body = from === null ? { sketch } : { sketch, drawn: from };
  return (await answer(`api/convert?to=${format}`, post(body))).blob();
}

/** Return the sketch in a person's file. */
export async function readFile(file) {
  const address = `api/read?name=${encodeURIComponent(file.name)}`;
  return (await json(address, { method: "POST", body: file })).sketch;
}

/** Return the drawings in the gallery, the newest first. */
export const gallery = async () => (await json("api/gallery")).drawings;

/** Put a drawing into the gallery under this word. */
export const hang = (drawing, word) => json("api/gallery", post({ sketch: toWire(drawing), word }));
