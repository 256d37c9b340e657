// Messages on their way: kept in this tab until the server has committed them, so that neither a
// cut nor a reload loses one, and the same id never says anything twice. As in
// genpy_server/client/outbox.py one is under way at a time, so that what the server refuses for now is not
// overtaken by what was said later.

import { randomId } from "./dom.js";
import { tab } from "./storage.js";

const PATIENCE = 10_000; // ms without an answer after which the connection counts as dead
const FIRST_WAIT = 1; // s before what was refused for now goes out again, where nobody says
const LONGEST_WAIT = 30;

export class Outbox {
  /** @type {string} */
  #key;
  #timer = 0; // the patience, or what is left of a wait
  /** @type {string | null} */
  #head = null; // the id of the message that is under way, or waits to go out again
  #wait = FIRST_WAIT;

  /**
   * @param {string} ref
   * @param {object} doors
   * @param {(frame: ClientFrame) => boolean} doors.send whether a connection took it
   * @param {() => void} doors.stuck called when no answer comes
   * @param {() => void} doors.changed
   */
  constructor(ref, { send, stuck, changed }) {
    this.#key = `genpy-outbox:${ref}`;
    this.send = send;
    this.stuck = stuck;
    this.changed = changed;
    /** @type {Waiting[]} */
    this.waiting = kept(this.#key);
  }

  /** Whether there is something that no connection took yet, or that must go out again. */
  get behind() {
    return this.waiting.some(({ id, refused, held }) => !refused && (held || id !== this.#head));
  }

  /**
   * Add a message; `replaces` is the number of the message that it stands for, `intent` the kind of
   * help that was chosen for it.
   *
   * @param {string} text
   * @param {number} [replaces]
   * @param {string} [intent]
   */
  add(text, replaces, intent) {
    this.waiting.push({ id: randomId(), text, replaces, intent });
    this.#keep();
    this.flush();
  }

  /** Send from the first one that is not committed: on a new connection, or after a wait. */
  resume() {
    this.#head = null;
    this.flush();
  }

  flush() {
    if (this.#head) return;
    clearTimeout(this.#timer);
    const next = this.waiting.find(({ refused }) => !refused);
    if (!next) return;
    const { refused, held, ...frame } = next;
    if (this.send({ type: "send", ...frame })) this.#head = frame.id;
    this.#timer = setTimeout(this.stuck, PATIENCE);
  }

  /**
   * The server refused it, for now or for good; false when it is not one of ours.
   *
   * @param {string} id
   * @param {ErrorFrame} error
   */
  refused(id, { message: why, code, retryable, retry_after: seconds }) {
    const message = this.waiting.find((one) => one.id === id);
    if (!message) return false;
    if (retryable) this.#hold(message, why, seconds ?? this.#wait);
    else {
      delete message.held;
      message.refused = why;
      if (code === "conflict") delete message.replaces; // sent again, it is a message of its own
      this.#over(id);
    }
    return true;
  }

  /**
   * @param {Waiting} message
   * @param {string} why
   * @param {number} seconds
   */
  #hold(message, why, seconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.resume(), seconds * 1000);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    if (message.held === why) return; // it is told already
    message.held = why;
    this.#keep();
  }

  /** Nothing more is to be done about it now, so the next one goes. */
  #over(/** @type {string} */ id) {
    if (id === this.#head) {
      this.#head = null;
      this.#wait = FIRST_WAIT;
    }
    this.#keep();
    this.flush();
  }

  /** @param {string} id */
  again(id) {
    const message = this.waiting.find((one) => one.id === id);
    if (message) delete message.refused;
    this.#keep();
    this.flush();
  }

  /**
   * The server has it, or it is not wanted any more.
   *
   * @param {string} id
   */
  remove(id) {
    this.waiting = this.waiting.filter((one) => one.id !== id);
    this.#over(id);
  }

  close() {
    clearTimeout(this.#timer);
  }

  #keep() {
    if (this.waiting.length) tab.set(this.#key, JSON.stringify(this.waiting));
    else tab.remove(this.#key);
    this.changed();
  }
}

/**
 * What this tab kept; nothing of what cannot be read.
 *
 * @param {string} key
 * @returns {Waiting[]}
 */
function kept(key) {
  try {
    const found = JSON.parse(tab.get(key) ?? "[]");
    return found.filter(
      (/** @type {any} */ one) => typeof one?.id === "string" && typeof one.text === "string",
    );
  } catch {
    return [];
  }
}
