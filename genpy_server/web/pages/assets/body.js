// The text of one message: the server's HTML of what is finished, and behind it what still grows.

import { nodes } from "./api.js";
import { codeBox } from "./code.js";
import { el } from "./dom.js";
import { Growing, morph, wide } from "./markdown.js";
import { characters } from "./transcript.js";

/** @import {Entry} from "./transcript.js" */

const LONG = 20_000; // characters of a whole text that is shown as it is until its HTML comes

/**
 * The nodes of the server's HTML, its code with a head and what may scroll sideways in a box.
 *
 * @param {string} html
 */
function finished(html) {
  const fragment = nodes(html);
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
  return fragment;
}

export class Body {
  #growing;
  #html = ""; // of the blocks that are finished
  #nodes = 0; // how many nodes those are
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

  /**
   * Show what is known of a message.
   *
   * @param {Pick<Entry, "text" | "blocks" | "html" | "status">} entry
   */
  show({ text, blocks, html, status }) {
    if (html !== null) {
      if (this.#whole !== html) this.#finish(html);
      return;
    }
    if (this.#whole !== null) return;
    const streaming = status === "streaming";
    if (!streaming && text.length > LONG && !this.#end && !this.#growing.shown) {
      morph(this.element, [el("p", { class: "plain", text })]);
      return;
    }
    for (; this.#taken < blocks.length; this.#taken += 1) {
      this.#settle(text, blocks[this.#taken], streaming);
    }
    this.#growing.show(text, this.#end, streaming);
  }

  /**
   * Put the server's HTML of a finished block in the place of ours.
   *
   * @param {string} text
   * @param {HtmlBlock} block
   * @param {boolean} streaming
   */
  #settle(text, { start, end, html }, streaming) {
    if (start !== this.#chars) return; // one before it is missing: the HTML of the whole has it
    this.#end = ahead(text, this.#end, end - this.#chars);
    this.#chars = end;
    const ours = this.#growing.show(text, this.#end, streaming);
    const fresh = [...finished(html).childNodes];
    const { childNodes } = this.element;
    const behind = childNodes[this.#nodes + ours.length] ?? null;
    morph(this.element, fresh, childNodes[this.#nodes] ?? null, behind);
    this.#html += html;
    this.#nodes += fresh.length;
  }

  /**
   * Put the server's HTML of the whole in the place of what is there, all of which is kept that is
   * the same.
   *
   * @param {string} html
   */
  #finish(html) {
    const kept = this.#whole === null && html.startsWith(this.#html);
    this.#whole = html;
    const { childNodes } = this.element;
    if (kept) {
      const rest = finished(html.slice(this.#html.length));
      morph(this.element, [...rest.childNodes], childNodes[this.#nodes] ?? null);
    } else morph(this.element, [...finished(html).childNodes]);
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
  for (let missing; (missing = count - characters(text.slice(from, at))) > 0;) at += missing;
  return at;
}
