// What a conversation noted of the messages that no longer fit into what the model is sent.

import { api, link, query, session } from "./api.js";
import { announce, button, el, isolated, tell } from "./dom.js";
import { ANSWERS } from "./shapes.js";

/** A list of notes that can be forgotten, and a switch for all of them. */
export class Memory {
  #words = el("p", {});
  #notes = el("ul", { class: "notes" });
  #switch = el("p");

  /**
   * @param {string} ref
   * @param {(work: () => Promise<void>) => unknown} act called with what is to be done
   */
  constructor(ref, act) {
    this.ref = ref;
    this.place = `${session(ref)}/memory`;
    this.act = act;
    this.elements = [this.#words, this.#notes, this.#switch];
  }

  /** The way to the message that a note comes from. */
  #source(/** @type {number} */ id) {
    const href = link(query({ session: this.ref, message: id }));
    const click = (/** @type {Event} */ { currentTarget }) =>
      /** @type {Element} */ (currentTarget).closest("dialog")?.close();
    return el("a", { href, text: `From message ${id}`, on: { click } });
  }

  async load() {
    this.#show(await api("GET", this.place, ANSWERS.memory));
  }

  /**
   * @param {MemoryChange} what
   * @param {string} done
   */
  #change(what, done) {
    this.act(async () => {
      this.#show(await api("PATCH", this.place, ANSWERS.memory, what));
      announce(done);
    });
  }

  /** @param {SessionMemory} memory */
  #show({ on, notes }) {
    this.#words.textContent = on
      ? notes.length
        ? "Noted from messages that no longer fit into what is sent to the model."
        : "No notes. They are made when a conversation outgrows what is sent to the model."
      : "Off: nothing is noted, and no note is sent to the model.";
    this.#notes.replaceChildren(
      ...notes.map(({ number, text, message_id: id, said }) =>
        el(
          "li",
          {},
          el("p", { text, dir: "auto" }),
          id ? el("p", { class: "from" }, this.#source(id), said ? `: ${isolated(said)}` : "") : "",
          button("Forget", () => this.#change({ forget: number }, "The note is forgotten.")),
        ),
      ),
    );
    this.#switch.replaceChildren(
      button(on ? "Switch memory off" : "Switch memory on", () =>
        this.#change({ on: !on }, on ? "Memory is off." : "Memory is on."),
      ),
    );
  }
}

/** Show the memory of a conversation in a dialog. */
export async function memoryDialog(/** @type {string} */ id) {
  const problem = el("p", { class: "note bad", role: "alert", hidden: true });
  const memory = new Memory(id, async (work) => {
    problem.hidden = true;
    try {
      await work();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
    }
  });
  await memory.load();
  tell("Memory", ...memory.elements, problem);
}
