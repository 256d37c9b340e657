// The box that a person writes in. What stands in it is kept for its conversation, through reloads
// and other conversations, until it is sent.

import { SlashMenu } from "./menu.js";
import { tab } from "./storage.js";

/** @import {Entry} from "./transcript.js" */

const COMPOSING = 229; // the key code of an input method's key, which Safari reports after its end
const GROWS = CSS.supports("field-sizing", "content");
/** Where the only keyboard is on the screen, Enter begins a new line and a button sends. */
export const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");
const PLACEHOLDER = "Write a message";

const draft = (/** @type {string} */ ref) => `genpy-draft:${ref}`;

export class Composer {
  #ref = "";
  /**
   * The message that what is written will replace.
   *
   * @type {number | null}
   */
  #replaces = null;

  /**
   * @param {object} place
   * @param {HTMLFormElement} place.form
   * @param {HTMLTextAreaElement} place.box
   * @param {HTMLButtonElement} place.send
   * @param {HTMLElement} place.editing shown while a message is edited
   * @param {(text: string, replaces?: number) => void} place.say
   * @param {(text: string) => Promise<(() => void) | null>} place.command what carries a text out that is a
   *   slash command
   * @param {() => Map<string, SlashCommand>} place.commands that the menu offers
   */
  constructor({ form, box, send, editing, say, command, commands }) {
    this.box = box;
    this.send = send;
    this.editing = editing;
    this.say = say;
    this.command = command;
    this.menu = new SlashMenu(box, { commands, chosen: () => this.#say() });
    if (TOUCH.matches) box.enterKeyHint = "enter";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    box.addEventListener("input", () => this.#changed());
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  get #draft() {
    return draft(this.#ref);
  }

  /**
   * Go over to a conversation, with what was being written there.
   *
   * @param {string} ref
   */
  open(ref) {
    this.#ref = ref;
    this.#replaces = null;
    this.editing.hidden = true;
    this.close(false);
    this.box.value = tab.get(this.#draft) ?? "";
    this.menu.close();
    this.#grow();
  }

  get closed() {
    return this.box.readOnly;
  }

  /**
   * Take no more, because the conversation is gone; what was written can still be copied.
   *
   * @param {boolean} closed
   */
  close(closed) {
    this.box.readOnly = closed;
    this.send.disabled = closed;
    this.editing.hidden ||= closed;
    this.box.placeholder = closed ? "This conversation was deleted." : PLACEHOLDER;
  }

  /**
   * Put a text into the box, before what is being written.
   *
   * @param {string} text
   */
  take(text) {
    const { value } = this.box;
    this.box.value = value.trim() ? `${text}\n\n${value}` : text;
    this.#changed();
    this.box.focus();
  }

  /**
   * Edit a message that was sent; null goes back to what was being written.
   *
   * @param {Pick<Entry, "messageId" | "text"> | null} entry
   */
  edit(entry) {
    if (this.closed) return;
    this.box.value = entry ? entry.text : (tab.get(this.#draft) ?? "");
    this.#replaces = entry?.messageId ?? null;
    this.editing.hidden = this.#replaces === null;
    this.#grow();
    this.box.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || event.keyCode === COMPOSING) return; // the input method's
    if (this.menu.key(event.key)) {
      event.preventDefault();
      event.stopPropagation(); // it stops no reply as well
      return;
    }
    if (event.key === "Escape" && this.#replaces !== null) {
      event.stopPropagation(); // it stops no reply as well
      this.edit(null);
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    if (TOUCH.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#say();
  }

  async #say() {
    const { chosen } = this.menu;
    const text = chosen ? `/${chosen.slash}` : this.box.value;
    this.menu.close();
    if (!text.trim() || this.box.readOnly) return;
    const ref = this.#ref;
    const replaces = this.#replaces ?? undefined;
    if (replaces) this.edit(null);
    else {
      this.box.value = "";
      this.#changed();
    }
    // What reads a command may have to come first; more may be written until then, here or elsewhere.
    const run = text.startsWith("/") ? await this.command(text) : null;
    if (ref !== this.#ref) tab.set(draft(ref), text);
    else if (run) run();
    else {
      this.say(text, replaces);
      this.box.focus();
    }
  }

  #changed() {
    this.#grow();
    if (this.#replaces !== null) return;
    if (this.box.value) tab.set(this.#draft, this.box.value);
    else tab.remove(this.#draft);
  }

  #grow() {
    if (GROWS) return;
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
  }
}
