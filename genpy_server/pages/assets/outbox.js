// Messages on their way: kept in this tab until the server has committed them, so that neither a
// cut nor a reload loses one, and the same id never says anything twice.

import { randomId } from "./dom.js";

const PATIENCE = 10_000; // ms without an answer after which the connection counts as dead

export class Outbox {
  #key;
  #timer = 0;
  #sent = new Set(); // over the present connection

  constructor(ref, { send, stuck, changed }) {
    this.#key = `genpy-outbox:${ref}`;
    Object.assign(this, { send, stuck, changed });
    this.waiting = JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
  }

  /** `replaces` is the number of the message that this one stands for. */
  add(text, replaces) {
    this.waiting.push({ id: randomId(), text, replaces });
    this.#keep();
    this.flush();
  }

  /** Over a new connection all that is not committed is sent again, in order. */
  connected() {
    this.#sent.clear();
    this.flush();
  }

  flush() {
    for (const { refused, ...frame } of this.waiting) {
      if (refused || this.#sent.has(frame.id)) continue;
      if (!this.send({ type: "send", ...frame })) break;
      this.#sent.add(frame.id);
    }
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#timer);
    const open = this.waiting.some(({ refused }) => !refused);
    if (open) this.#timer = setTimeout(this.stuck, PATIENCE);
  }

  /** The server will not have it; false when it is not one of ours. */
  refused(id, why, code) {
    const message = this.waiting.find((one) => one.id === id);
    if (!message) return false;
    message.refused = why;
    if (code === "conflict") delete message.replaces; // sent again, it is a message of its own
    this.#keep();
    this.#watch();
    return true;
  }

  again(id) {
    delete this.waiting.find((one) => one.id === id)?.refused;
    this.#sent.delete(id);
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
