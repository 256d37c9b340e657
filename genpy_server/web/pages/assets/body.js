// The text of one message: the server's HTML of what is finished, and behind it what still grows.

import { nodes } from "./api.js";
import { chunked, codeBox } from "./code.js";
import { el } from "./dom.js";
import { Growing, parted, wide } from "./markdown.js";
import { inSteps, morph } from "./steps.js";
import { characters } from "./transcript.js";

/** @import {Steps} from "./steps.js" */
/** @import {Entry} from "./transcript.js" */

const LONG = 20_000; // characters of a whole text that is shown as it is until its HTML comes

const TABLE = /<table>[^]*?<\/table>/g;
const CODE = /(<pre[^>]*><code>)([^]+?)(?=<\/code><\/pre>)/g;
const BLOCK = "(?:ul|ol|li|p|blockquote|table|thead|tbody|tr|th|td|pre|h[3-6]|hr)";
/** Line breaks between blocks, which ours have not; in code no element of these begins or ends. */
const BREAKS = new RegExp(`\\n+(?=</?${BLOCK}\\b)|(</?${BLOCK}\\b[^>]*>)\\n+`, "g");

/**
 * The nodes of the server's HTML as ours are, its code with a head and what may scroll sideways in a box.
 *
 * @param {string} html
 */
function finished(html) {
  const lines = html
    .replace(BREAKS, "$1")
    .replace(CODE, (_, head, code) => `${head}${chunked(code)}`)
    .replace(TABLE, parted);
  const fragment = nodes(lines);
  for (const pre of fragment.querySelectorAll("pre")) {
    const place = document.createComment("");
    pre.replaceWith(place);
    place.replaceWith(codeBox(pre.dataset.language, pre));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const place = document.createComment("");
    table.replaceWith(place);
    place.replaceWith(wide(table));
  }
  return [...fragment.childNodes];
}

export class Body {
  #growing;
  /** @type {Pick<Entry, "text" | "blocks" | "html" | "status">} */
  #entry = { text: "", blocks: [], html: null, status: "done" };
  #stale = false; // whether that is another than what is shown
  #busy = false;
  #html = ""; // of the blocks that are finished
  /** @type {ChildNode | null} */
  #last = null; // node of those
  #end = 0; // where the text behind them begins
  #chars = 0; // the same place as the server counts, in characters
  #taken = 0; // how many of the entry's blocks were taken
  /** @type {string | null} */
  #whole = null;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.#growing = new Growing(element);
  }

  /** Whether more of it is shown with the next pictures. */
  get busy() {
    return this.#busy || this.#stale;
  }

  /**
   * Show what is known of a message, soon.
   *
   * @param {Pick<Entry, "text" | "blocks" | "html" | "status">} entry
   */
  show(entry) {
    this.#entry = entry;
    this.#stale = true;
    if (!this.#busy) inSteps(this.#show());
  }

  /** @returns {Steps} */
  *#show() {
    for (this.#busy = true; this.#stale;) {
      this.#stale = false;
      yield* this.#steps(this.#entry);
    }
    this.#busy = false;
    this.element.dispatchEvent(new Event("formatted", { bubbles: true }));
  }

  /**
   * @param {Pick<Entry, "text" | "blocks" | "html" | "status">} entry
   * @returns {Steps}
   */
  *#steps(entry) {
    const { text, html, status } = entry;
    if (html !== null) {
      if (this.#whole !== html) yield* this.#finish(html);
      return;
    }
    if (this.#whole !== null) return;
    const streaming = status === "streaming";
    if (!streaming && text.length > LONG && !this.#end && !this.#growing.shown) {
      yield* morph(this.element, [el("p", { class: "plain", text })]);
      return;
    }
    // While a block is put in its place more of the entry may come.
    while (this.#taken < entry.blocks.length) {
      yield* this.#settle(entry.text, entry.blocks[this.#taken]);
      this.#taken += 1;
    }
    yield* this.#growing.steps(entry.text, this.#end, streaming);
  }

  /**
   * Put the server's HTML of a finished block in the place of ours.
   *
   * @param {string} text
   * @param {HtmlBlock} block
   * @returns {Steps}
   */
  *#settle(text, { start, end, html }) {
    if (start !== this.#chars) return; // one before it is missing: the HTML of the whole has it
    this.#end = ahead(text, this.#end, end - this.#chars);
    this.#chars = end;
    this.#html += html;
    const behind = this.#growing.leave(this.#end);
    yield* morph(this.element, finished(html), this.#rest, behind);
    this.#last = behind ? behind.previousSibling : this.element.lastChild;
  }

  /** The first node behind those of finished blocks. */
  get #rest() {
    return this.#last ? this.#last.nextSibling : this.element.firstChild;
  }

  /**
   * Put the server's HTML of the whole in the place of what is there, all of which is kept that is
   * the same.
   *
   * @param {string} html
   * @returns {Steps}
   */
  *#finish(html) {
    const kept = this.#whole === null && html.startsWith(this.#html);
    this.#whole = html;
    if (kept) yield* morph(this.element, finished(html.slice(this.#html.length)), this.#rest);
    else yield* morph(this.element, finished(html));
  }
}

/**
 * The index that is a number of characters behind another.
 *
 * @param {string} text
 * @param {number} from
 * @param {number} count
 */
function ahead(text, from, count) {
  let at = from + count;
  for (let missing; (missing = count - characters(text.slice(from, at))) > 0 && at < text.length;) {
    at += missing;
  }
  return at;
}
