/**
 * Asks the server for everything but live answers: files, the gallery, the model and its catalogue.
 * Knows addresses and bodies (docs/protocol.md); knows no page.
 */

import { kindly } from "./copy.js";
import { machineStart, toWire } from "./wire.js";

const JSON_HEADERS = { "Content-Type": "application/json" };

const OUT_OF_REACH = "I cannot reach the server. Your drawing is safe here; try again in a moment.";

/** Return the response; throw an error with a sentence for people. */
async function answer(address, options) {
  const response = await fetch(address, options).catch((cause) => {
    throw new Error(OUT_OF_REACH, { cause });
  });
  if (response.ok) return response;
  const refusal = await response.json().catch(() => ({ error: `The server answers ${response.status}.` }));
  throw new Error(kindly(refusal));
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

/** Return `{address, code}`: where phones find this page, and the rows of its QR code. */
export const phone = () => json("api/phone");

/** Return `{drawings, aside, may_arrange}` of the gallery, the newest first. */
export const gallery = () => json("api/gallery");

/** Give a drawing to the gallery under this name; return whether it hangs, or waits for somebody to hang it. */
export const hang = async (drawing, word) => (await json("api/gallery", post({ sketch: toWire(drawing), word }))).hung;

/** Hang a drawing of the gallery, or take it down. */
export const arrange = (name, hung) => json(`api/gallery/${name}`, { method: hung ? "PUT" : "DELETE" });
