/**
 * Connects to the server's socket and sends one request at a time; when the connection breaks, it comes back by itself.
 * Knows the socket and the numbers on requests; knows nothing of their content (docs/protocol.md does).
 */

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 8000;
// A request that was refused for being one message too many is sent once more after this time.
const RETRY_MS = 600;
const ENDS = new Set(["done", "refused", "stopped"]);

export class Connection {
  #url;
  #listener;
  #socket = null;
  #wait = FIRST_WAIT_MS;
  #number = 0;
  #open = null;
  #repeated = false;

  /**
   * @param {string} url
   * @param {{onMessage: (message: object) => void, onConnection: (connected: boolean) => void}} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** True while the newest request is not answered to its end. */
  get busy() {
    return this.#open !== null;
  }

  connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#onOpen());
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    socket.addEventListener("close", () => this.#onClose());
  }

  /** Send a request; an open one before it is given up. After a break it is sent again. */
  ask(question) {
    this.#number += 1;
    this.#open = { type: "ask", id: this.#number, ...question };
    this.#repeated = false;
    this.#send(this.#open);
  }

  /** Give up the open request. */
  stop() {
    if (!this.busy) return;
    this.#open = null;
    this.#send({ type: "stop" });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #onOpen() {
    this.#wait = FIRST_WAIT_MS;
    this.#listener.onConnection(true);
    if (this.#open) this.#send(this.#open);
  }

  #onClose() {
    this.#listener.onConnection(false);
    setTimeout(() => this.connect(), this.#wait);
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * 2);
  }

  /** Pass a message on, unless it answers a request that was given up. */
  #receive(message) {
    if (message.id === null && this.#open && !this.#repeated) this.#repeat();
    else if (message.id === null || message.id === this.#open?.id) this.#pass(message);
  }

  #repeat() {
    this.#repeated = true;
    setTimeout(() => this.#open && this.#send(this.#open), RETRY_MS);
  }

  #pass(message) {
    if (ENDS.has(message.type)) this.#open = null;
    this.#listener.onMessage(message);
  }
}
