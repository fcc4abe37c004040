/**
 * Shows the help, and in it the address at which phones find this page, with a QR code for their cameras.
 * Knows its dialog; the server knows the address.
 */

import * as api from "./api.js";

const QUIET_ZONE = 4; // modules of white around a code, as its standard asks

export class Help {
  #parts;

  /** @param {Record<"dialog" | "phone" | "address" | "code", HTMLElement>} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  open() {
    this.#parts.dialog.showModal();
    this.#showAddress();
  }

  async #showAddress() {
    const { phone, address, code } = this.#parts;
    try {
      const found = await api.phone();
      phone.classList.toggle("reachable", found.address !== null);
      address.textContent = found.address ?? "";
      address.href = found.address ?? "";
      draw(code, found.code);
    } catch ({ message }) {
      address.textContent = message;
    }
  }
}

/** Draw the dark modules of a code, a row of ones and zeros for each of its lines. */
function draw(picture, rows) {
  const side = rows.length + 2 * QUIET_ZONE;
  picture.setAttribute("viewBox", `${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}`);
  const dark = rows.flatMap((row, y) => [...row].map((each, x) => (each === "1" ? `M${x} ${y}h1v1h-1z` : "")));
  picture.querySelector("path").setAttribute("d", dark.join(""));
}
