// One WebSocket to one session, opened again after every cut, and its state in words.

import { BASE, askToken, query, token } from "./api.js";
import { frameOf } from "./shapes.js";

const PROTOCOL = "genpy.v1";
const WAITS = [0.5, 1, 2, 4, 8, 15, 30]; // seconds; the last one repeats
const AGAIN = new Set([1001, 1005, 1006, 1011, 1012, 1013, 4008]);
const UNAUTHORIZED = 4401;
const PATIENCE = 30_000; // ms in which a connection must be attached, or in which it is not doubted
const SILENT = "The server does not answer";
const STEADY = 10_000; // ms after which a connection counts as a good one

/** A socket with what is known of it. */
class Attempt extends WebSocket {
  attached = false;
  since = Infinity; // when it was, in ms
  refusal = "";
  token = token();
}

export class Link {
  /** @type {Attempt | null} */
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #heard = 0; // when something came, in ms
  #closed = false;

  /**
   * @param {object} doors
   * @param {string} doors.ref
   * @param {() => Place} doors.place where to go on
   * @param {(frame: ServerFrame) => void} doors.frame called with each frame
   * @param {(state: LinkState) => void} doors.state called with each state
   */
  constructor({ ref, place, frame, state }) {
    this.ref = ref;
    this.place = place;
    this.frame = frame;
    this.state = state;
    this.wake = () => {
      if (this.#timer) this.now();
    };
    this.named = () => {
      if (this.ready) return;
      this.#drop();
      this.#open();
    };
    // The server itself waits some seconds for a token before it says that it wants one.
    this.locked = () => {
      if (this.ready) return;
      this.#drop();
      this.state({ name: "locked" });
    };
    // What the server sends over HTTP did not come either; a browser does not tell of a dead line itself.
    this.silent = () => {
      if (this.ready && performance.now() - this.#heard > PATIENCE) this.again(SILENT);
    };
    addEventListener("silent", this.silent);
    addEventListener("token", this.named);
    addEventListener("locked", this.locked);
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.#open();
  }

  get ready() {
    return this.#socket?.attached === true;
  }

  /**
   * Send a frame; false when not connected.
   *
   * @param {ClientFrame} frame
   */
  send(frame) {
    if (!this.#socket?.attached) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Try at once instead of waiting. */
  now() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#open();
  }

  /**
   * Drop the connection and come back, since what it brought cannot be right or nothing comes.
   *
   * @param {string} [why] in words
   */
  again(why = "") {
    const socket = this.#socket;
    this.#lost(socket, 1006, why);
    socket?.close();
  }

  #drop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  close() {
    this.#closed = true;
    clearInterval(this.#timer);
    removeEventListener("silent", this.silent);
    removeEventListener("token", this.named);
    removeEventListener("locked", this.locked);
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.#socket?.close(1000);
  }

  #open() {
    const { epoch, after, ...more } = this.place();
    const from = epoch ? { epoch, after: String(after) } : more;
    const where = query({ features: "html,approvals,model", ...from });
    const place = new URL(`ws/session/${encodeURIComponent(this.ref)}${where}`, BASE);
    place.protocol = place.protocol.replace("http", "ws");
    const socket = new Attempt(place, PROTOCOL);
    this.#socket = socket;
    this.state(
      this.#attempt ? { name: "reconnecting", attempt: this.#attempt } : { name: "connecting" },
    );
    socket.addEventListener("open", () => {
      if (socket.token) socket.send(JSON.stringify({ type: "auth", token: socket.token }));
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard = performance.now();
      const frame = frameOf(data);
      if (frame) this.#receive(socket, frame);
      else this.again("The server’s answer cannot be read");
    });
    socket.addEventListener("close", ({ code, reason }) => this.#lost(socket, code, reason));
    setTimeout(() => {
      if (socket === this.#socket && !socket.attached) this.again(SILENT);
    }, PATIENCE);
  }

  /**
   * @param {Attempt} socket
   * @param {ServerFrame} frame
   */
  #receive(socket, frame) {
    if (frame.type === "ready") {
      socket.attached = true;
      socket.since = performance.now();
    }
    if (frame.type === "error" && !socket.attached) socket.refusal = frame.message;
    this.frame(frame);
  }

  /**
   * @param {Attempt | null} socket
   * @param {number} code
   * @param {string} reason
   */
  #lost(socket, code, reason) {
    if (this.#closed || socket !== this.#socket || !socket) return;
    this.#socket = null;
    // What is lost at once each time waits longer each time, also where it was attached.
    if (performance.now() - socket.since > STEADY) this.#attempt = 0;
    if (code === UNAUTHORIZED) this.#unauthorized(socket.token);
    else if (AGAIN.has(code)) this.#wait(code === 1006 ? reason : "");
    else {
      const over = code === 1000; // by the server: the conversation was deleted
      this.state({
        name: "refused",
        why: over ? reason : `Refused. ${socket.refusal || reason}`,
        over,
      });
    }
  }

  /** Ask for a token, unless another one was given since; the event `token` opens again. */
  #unauthorized(/** @type {string | null} */ used) {
    if (token() !== used) this.#open();
    else askToken(Boolean(used));
  }

  #wait(/** @type {string} */ why) {
    const base = WAITS[Math.min(this.#attempt, WAITS.length - 1)];
    let left = Math.ceil(base * (1 + Math.random() / 2) * 2) / 2;
    this.#attempt += 1;
    const tell = () =>
      this.state({ name: "waiting", attempt: this.#attempt, seconds: Math.ceil(left), why });
    tell();
    this.#timer = setInterval(() => {
      left -= 0.5;
      if (left <= 0) this.now();
      else tell();
    }, 500);
  }
}
