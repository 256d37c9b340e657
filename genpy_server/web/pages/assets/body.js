// The text of one message: rendered by the server block by block while it grows, then whole.

import { Refusal, UNREACHABLE, nodes, render } from "./api.js";
import { Blocks, parts } from "./blocks.js";
import { copyButton, el } from "./dom.js";

const PART = 16 * 1024; // characters; a longer text is rendered in parts
const RETRY = 2_000; // ms
const HOLD = 150; // ms that a stored text may take to be rendered before it is shown as it is
const FENCE_LINE = /^\s{0,3}(`{3,}|~{3,})(.*)\n/;

/**
 * Safe HTML of a whole text, however long.
 *
 * @param {string} text
 */
export async function renderWhole(text) {
  for (;;) {
    try {
      return (await Promise.all(parts(text, PART).map(render))).join("");
    } catch (error) {
      // A server that is away comes back; one that refuses the text will refuse it again.
      if (!(error instanceof Refusal) || error.code !== UNREACHABLE) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, RETRY);
      });
    }
  }
}

/**
 * Code with its head and a copy button.
 *
 * @param {string | undefined} language
 * @param {HTMLElement} pre
 */
function codeBox(language, pre) {
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  return el(
    "div",
    { class: "code" },
    el(
      "div",
      { class: "code-head" },
      el("span", { text: language || "text" }),
      copyButton("Copy code", () => pre.textContent ?? ""),
    ),
    pre,
  );
}

/**
 * Give code its head with a copy button, and what may scroll sideways a place in the tab order.
 *
 * @param {DocumentFragment} fragment
 */
function finish(fragment) {
  for (const pre of fragment.querySelectorAll("pre")) {
    const place = document.createComment("");
    pre.replaceWith(place);
    place.replaceWith(codeBox(pre.dataset.language, pre));
  }
  for (const table of fragment.querySelectorAll("table")) {
    const box = el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" });
    table.replaceWith(box);
    box.append(table);
  }
  return fragment;
}

export class Body {
  #blocks = new Blocks();
  #settled = ""; // HTML of the blocks that are done
  #upto = 0; // where the text begins that is not rendered for good
  #shown = 0; // where the text begins that is not rendered at all
  #busy = false;
  #done = false;
  #growing = el("div", { class: "growing" });
  #tail = document.createTextNode("");
  /** @type {HTMLElement} */
  #tailBox = el("p", { class: "tail" }, this.#tail);

  constructor() {
    this.element = el("div", { class: "body" }, this.#growing, this.#tailBox);
    this.#tailBox.hidden = true;
  }

  /**
   * Take in the text so far, which begins with the text before.
   *
   * @param {string} text
   */
  grow(text) {
    const fresh = text.slice(this.#blocks.text.length);
    if (!fresh || this.#done) return;
    this.#blocks.feed(fresh);
    if (!this.#tail.length) this.#showTail();
    else this.#tail.appendData(fresh);
    this.#tailBox.hidden &&= !fresh.trim();
    this.#advance();
  }

  /** Show what is not rendered yet as it is; code already as code, without its fence. */
  #showTail() {
    let text = this.#blocks.text.slice(this.#shown);
    const fence = FENCE_LINE.exec(text);
    if (fence) text = text.slice(fence[0].length);
    if (Boolean(fence) !== (this.#tailBox.tagName === "DIV")) {
      const box = fence
        ? codeBox(fence[2].trim().split(/\s/)[0], el("pre", {}, el("code", {}, this.#tail)))
        : el("p", { class: "tail" }, this.#tail);
      this.#tailBox.replaceWith(box);
      this.#tailBox = box;
    }
    this.#tail.data = text;
    this.#tailBox.hidden = !text.trim();
  }

  /** Have rendered what may be: blocks that are done for good, the lines of a list as they come. */
  async #advance() {
    const { cut, lines, kind, text } = this.#blocks;
    if (this.#busy) return;
    const settles = cut > this.#upto;
    const until = settles ? cut : lines;
    if (
      !settles &&
      (kind === "text" || kind === "code" || lines <= this.#shown || lines - cut > PART)
    ) {
      return;
    }
    const piece = text.slice(this.#upto, until);
    if (!piece.trim() || piece.length > PART * 2) return;
    this.#busy = true;
    try {
      const html = await render(piece);
      if (this.#done) return;
      this.#growing.replaceChildren(finish(nodes(html)));
      if (settles) {
        this.#growing.before(...this.#growing.childNodes);
        this.#settled += html;
        this.#upto = until;
      }
      this.#shown = until;
      this.#showTail();
    } catch {
      return; // shown as it is until the finished reply is rendered whole
    } finally {
      this.#busy = false;
    }
    this.#advance();
  }

  /**
   * Show the finished text, keeping what stands there already when it is the same.
   *
   * @param {string} text
   */
  async finish(text) {
    if (!text) return;
    let html;
    const late = setTimeout(() => this.grow(text), this.#blocks.text ? 0 : HOLD);
    try {
      html = await renderWhole(text);
    } catch {
      this.grow(text);
      return; // refused: it stays readable as plain text
    } finally {
      clearTimeout(late);
    }
    this.#done = true;
    this.#growing.remove();
    this.#tailBox.remove();
    const kept = html.startsWith(this.#settled) ? this.#settled.length : 0;
    if (!kept) this.element.replaceChildren();
    this.element.append(finish(nodes(html.slice(kept))));
  }
}
