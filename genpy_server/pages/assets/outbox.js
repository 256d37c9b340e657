// Messages on their way: kept in this tab until the server has committed them, so that neither a
// cut nor a reload loses one, and the same id never says anything twice.

import { randomId } from "./dom.js";

const PATIENCE = 10_000; // ms without an answer after which the connection counts as dead

export class Outbox {
  #key;
  #timer = 0;

  constructor(ref, { send, stuck, changed }) {
    this.#key = `genpy-outbox:${ref}`;
    Object.assign(this, { send, stuck, changed });
    this.waiting = JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
  }

  add(text, more = {}) {
    this.waiting.push({ id: randomId(), text, ...more });
    this.#keep();
    this.flush();
  }

  /** Send what is not committed, in order; after a cut that is done for all of it again. */
  flush() {
    for (const message of this.waiting) {
      const { refused, ...frame } = message;
      if (!refused && !this.send({ type: "send", ...frame })) break;
    }
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#timer);
    const open = this.waiting.some(({ refused }) => !refused);
    if (open) this.#timer = setTimeout(this.stuck, PATIENCE);
  }

  /** The server will not have it; false when it is not one of ours. */
  refused(id, why) {
    const message = this.waiting.find((one) => one.id === id);
    if (!message) return false;
    message.refused = why;
    this.#keep();
    this.#watch();
    return true;
  }

  again(id) {
    delete this.waiting.find((one) => one.id === id)?.refused;
    this.#keep();
    this.flush();
  }

  /** The server has it, or it is not wanted any more. */
  remove(id) {
    this.waiting = this.waiting.filter((one) => one.id !== id);
    this.#keep();
    this.#watch();
  }

  close() {
    clearTimeout(this.#timer);
  }

  #keep() {
    try {
      if (this.waiting.length) sessionStorage.setItem(this.#key, JSON.stringify(this.waiting));
      else sessionStorage.removeItem(this.#key);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error; // then it outlives a cut, not a reload
    }
    this.changed();
  }
}
