// Markdown that is still being written, as nodes: what a reader sees of a block until the server's
// HTML of it has come. It builds elements and text alone, so no text can be more than text.
//
// A text is a row of blocks, of which only the last one can change. That one keeps what is done of
// it (lines of code, items of a list, rows of a table) and makes only its last part again.

import { Colours, codeBox } from "./code.js";
import { el } from "./dom.js";
import { inline } from "./inline.js";

/** @typedef {"text" | "heading" | "rule" | "quote" | "list" | "table" | "code" | "indented"} Kind */

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})\s*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( {1,4})(?! )|( )(?= )|$)/;
const DELIMITER = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const TASK = /^\[([ xX])\] /;
/** What still grows and may become anything; it shows nothing yet. */
const UNCLEAR = /^\s*(?:[-*+#>=_\d.)]*|[`~]{3,}[^\n]*|[`~]{1,2}|\|[^\n]*(?:\n[\s:|-]*)?)$/;
const UNCLEAR_CHARS = 500;
const DEEPEST = 8; // blocks within blocks; what is deeper is text
const FIRST_HEADING = 2; // a text stands below the h2 of its message

/** @param {string} line */
const begins = (line) =>
  FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);

/**
 * The end of the line that begins at `at`, behind its line break.
 *
 * @param {string} text
 * @param {number} at
 */
function lineEnd(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

/**
 * @param {string} text
 * @param {number} at
 */
const lineAt = (text, at) => text.slice(at, lineEnd(text, at)).replace(/\r?\n$/, "");

/**
 * What kind of block begins at a line that is not blank.
 *
 * @param {string} text
 * @param {number} at
 * @param {boolean} open whether its last line may still grow
 * @returns {Kind}
 */
function kindAt(text, at, open) {
  const line = lineAt(text, at);
  if (FENCE.test(line)) return "code";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (QUOTE.test(line)) return "quote";
  if (ITEM.test(line)) return "list";
  if (/^(?: {4}|\t)/.test(line)) return "indented";
  const next = lineEnd(text, at);
  const below = lineAt(text, next);
  const table = line.includes("|") && below.includes("|") && DELIMITER.test(below);
  return table && !(open && lineEnd(text, next) === text.length && text.at(-1) !== "\n")
    ? "table"
    : "text";
}

/**
 * Put nodes in the place of those that are there, keeping every node that is the same, so that what
 * a person selected or focused in it stays so.
 *
 * @param {Node} place
 * @param {Iterable<Node | string>} fresh
 * @param {ChildNode | null} [first] of the nodes to replace; all of them otherwise
 * @param {ChildNode | null} [behind] what stays behind them
 */
export function morph(place, fresh, first = place.firstChild, behind = null) {
  let old = first ?? null;
  for (const one of fresh) {
    const next = typeof one === "string" ? document.createTextNode(one) : one;
    if (!old || old === behind) {
      place.insertBefore(next, behind);
      continue;
    }
    const following = old.nextSibling;
    if (old instanceof Text && next instanceof Text) {
      const added = next.data.slice(old.length);
      if (next.data !== old.data) {
        if (added && next.data.startsWith(old.data)) old.appendData(added);
        else old.data = next.data;
      }
    } else if (old instanceof HTMLButtonElement && next instanceof HTMLButtonElement) {
      // It is ours, and may say that it was just used.
    } else if (old instanceof Element && next instanceof Element && alike(old, next)) {
      morph(old, [...next.childNodes]);
    } else place.replaceChild(next, old);
    old = following;
  }
  while (old && old !== behind) {
    const following = old.nextSibling;
    old.remove();
    old = following;
  }
}

/** Make the attributes the same; false where it is another kind of element. */
function alike(/** @type {Element} */ old, /** @type {Element} */ next) {
  if (old.nodeName !== next.nodeName || old instanceof SVGElement) return false;
  for (const name of old.getAttributeNames()) {
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  return true;
}

/** One block of a text; the last of them grows. */
class Block {
  end = 0;
  /** Whether what follows it is another block. */
  closed = false;
  #done = 0; // where the part of it begins that may still change
  /** @type {Colours | null} */
  #colours = null;
  #parts = 0; // items or rows that are complete
  #fence = "";
  #indent = 0;
  /** @type {string[]} */
  #align = [];
  #blank = false; // whether a blank line was seen between two items

  /**
   * @param {Kind} kind
   * @param {number} start
   * @param {number} depth
   */
  constructor(kind, start, depth) {
    this.kind = kind;
    this.start = start;
    this.depth = depth;
    this.#done = start;
    /** @type {HTMLElement} */
    this.element = el("p");
    /** @type {HTMLElement} */
    this.inner = this.element;
  }

  /**
   * Take in a text that begins as the one before.
   *
   * @param {string} text
   * @param {boolean} open whether it may still grow
   */
  grow(text, open) {
    if (this.kind === "code") return this.#code(text);
    this.end = this.#limit(text);
    this.closed = this.end < text.length;
    const own = text.slice(this.start, this.end);
    const grows = open && !this.closed;
    switch (this.kind) {
      case "list":
        return this.#list(text, grows);
      case "table":
        return this.#table(text, grows);
      case "quote": {
        const inside = own.replace(/^ {0,3}> ?/gm, "");
        this.#become("blockquote");
        return morph(this.inner, blocks(inside, grows, this.depth + 1));
      }
      case "heading": {
        const [, marks, words] = /** @type {RegExpExecArray} */ (HEADING.exec(lineAt(own, 0)));
        this.#become(/** @type {"h3"} */ (`h${Math.min(6, FIRST_HEADING + marks.length)}`));
        return morph(this.inner, inline(words ?? "", grows));
      }
      case "rule":
        return this.#become("hr");
      case "indented": {
        if (!this.#colours) this.#box("");
        const code = own.replace(/^(?: {4}|\t)/gm, "").replace(/\s+$/, "");
        return morph(this.inner, [`${code}\n`]);
      }
      default: {
        const setext = /\n {0,3}(=+|-+)\s*$/.exec(own);
        if (setext && !grows) this.#become(setext[1].startsWith("=") ? "h3" : "h4");
        const words = setext && !grows ? own.slice(0, setext.index) : own;
        return morph(this.inner, inline(words.replace(/^[ \t]+/gm, "").trimEnd(), grows));
      }
    }
  }

  /** @param {keyof HTMLElementTagNameMap} tag */
  #become(tag) {
    if (this.element.localName === tag) return;
    const made = el(tag);
    this.element.replaceWith(made);
    this.element = this.inner = made;
  }

  /** @param {string} language */
  #box(language) {
    const code = el("code");
    const box = codeBox(language, el("pre", {}, code));
    this.element.replaceWith(box);
    this.element = box;
    this.inner = code;
    this.#colours = new Colours(language.toLowerCase());
  }

  /** Where this block ends as far as can be seen. */
  #limit(/** @type {string} */ text) {
    let at = lineEnd(text, this.start);
    if (this.kind === "heading" || this.kind === "rule") return at;
    let blank = false;
    const item = this.kind === "list" && ITEM.exec(lineAt(text, this.start));
    if (this.kind === "list") at = Math.max(at, lineEnd(text, this.#done));
    if (this.kind === "table") at = Math.max(at, this.#done);
    for (; at < text.length; at = lineEnd(text, at)) {
      const line = lineAt(text, at);
      if (!line.trim()) {
        if (this.kind === "table" || this.kind === "quote") return at;
        if (this.kind === "text") return lineEnd(text, at);
        blank = true;
        continue;
      }
      if (this.kind === "indented") {
        if (!/^(?: {4}|\t)/.test(line)) return at;
      } else if (this.kind === "list") {
        const other = ITEM.exec(line);
        const same = other && item && other[2].at(-1) === item[2].at(-1) && !RULE.test(line);
        if (!same && /^ ?\S/.test(line) && (blank || begins(line) || other)) return at;
      } else if (this.kind === "table") {
        if (begins(line)) return at;
      } else if (this.kind === "quote") {
        if (!QUOTE.test(line) && (begins(line) || ITEM.test(line))) return at;
      } else if (/^ {0,3}(=+|-+)\s*$/.test(line)) return lineEnd(text, at);
      else if (begins(line) || /^ {0,3}(?:[-*+]|1[.)]) +\S/.test(line)) return at;
      else if (kindAt(text, at, false) === "table") return at;
      blank = false;
    }
    return text.length;
  }

  /** Complete lines get their colours once; the last one is text. */
  #code(/** @type {string} */ text) {
    if (!this.#colours) {
      const [, indent, fence, info] = /** @type {RegExpExecArray} */ (
        FENCE.exec(lineAt(text, this.start))
      );
      [this.#fence, this.#indent] = [fence, indent.length];
      this.#done = lineEnd(text, this.start);
      this.#box(info.split(/\s/)[0].replace(/[^\w+#.-]/g, ""));
    }
    const { inner } = this;
    const last = inner.lastChild instanceof Text ? inner.lastChild : null;
    const made = [];
    const indent = new RegExp(`^ {0,${this.#indent}}`);
    const ends = new RegExp(`^ {0,3}\\${this.#fence[0]}{${this.#fence.length},}\\s*$`);
    for (let end; (end = text.indexOf("\n", this.#done)) >= 0;) {
      const line = text.slice(this.#done, end).replace(/\r$/, "");
      this.#done = end + 1;
      if (ends.test(line)) {
        this.closed = true;
        break;
      }
      made.push(.../** @type {Colours} */ (this.#colours).line(line.replace(indent, "")), "\n");
    }
    this.end = this.closed ? this.#done : text.length;
    const rest = this.closed ? "" : text.slice(this.#done);
    if (!made.length && last?.data.length && rest.startsWith(last.data)) {
      last.appendData(rest.slice(last.length));
      return;
    }
    last?.remove();
    inner.append(...made);
    inner.append(document.createTextNode(/^ {0,3}(`+|~+)$/.test(rest) ? "" : rest));
  }

  /** Each item is made once; the last one grows. */
  #list(/** @type {string} */ text, /** @type {boolean} */ grows) {
    const first = /** @type {RegExpExecArray} */ (ITEM.exec(lineAt(text, this.start)));
    const number = Number.parseInt(first[2], 10);
    this.#become(Number.isNaN(number) ? "ul" : "ol");
    if (number > 1) this.inner.setAttribute("start", String(number));
    for (;;) {
      let next = -1;
      let blank = false;
      let fence = "";
      const head = /** @type {RegExpExecArray} */ (ITEM.exec(lineAt(text, this.#done)));
      const width = head[0].length;
      for (let at = lineEnd(text, this.#done); at < this.end; at = lineEnd(text, at)) {
        const line = lineAt(text, at);
        const inside = FENCE.exec(line.slice(width));
        if (inside && (!fence || (inside[2].startsWith(fence) && !inside[3]))) {
          fence = fence ? "" : inside[2];
        }
        const item = ITEM.exec(line);
        if (item && item[1].length < width && !fence) {
          next = at;
          break;
        }
        blank = !line.trim();
      }
      const end = next < 0 ? this.end : next;
      if (next >= 0 && blank) this.#blank = true;
      const [, indent, mark] = head;
      const own = text
        .slice(this.#done + Math.min(width, indent.length + mark.length + 1), end)
        .replace(new RegExp(`^ {1,${width}}`, "gm"), "");
      const made = el("li");
      const task = TASK.exec(own);
      if (task) made.append(task[1] === " " ? "☐ " : "☑ ");
      made.append(...this.#item(task ? own.slice(task[0].length) : own, grows && next < 0));
      this.#part(made);
      if (next < 0) return;
      this.#parts += 1;
      this.#done = next;
    }
  }

  /** Put an item or a row in its place, behind those that are complete. */
  #part(/** @type {HTMLElement} */ made) {
    const there = this.inner.children[this.#parts];
    if (there) morph(there, [...made.childNodes]);
    else this.inner.append(made);
  }

  /** What an item holds: its first lines are not a paragraph of their own in a list without gaps. */
  #item(/** @type {string} */ own, /** @type {boolean} */ grows) {
    const nodes = blocks(own, grows, this.depth + 1);
    const [first] = nodes;
    if (this.#blank || !(first instanceof HTMLParagraphElement)) return nodes;
    return [...first.childNodes, ...nodes.slice(1)];
  }

  /** Each row is made once; the last one grows. */
  #table(/** @type {string} */ text, /** @type {boolean} */ grows) {
    const { start } = this;
    if (!this.#align.length) {
      const below = lineEnd(text, start);
      const rule = cells(lineAt(text, below), 0);
      this.#align = rule.map((cell) =>
        cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left",
      );
      this.#done = lineEnd(text, below);
      const body = el("tbody");
      const head = el("thead", {}, this.#row("th", lineAt(text, start), false));
      const box = wide(el("table", {}, head, body));
      this.element.replaceWith(box);
      this.element = box;
      this.inner = body;
    }
    while (this.#done < this.end) {
      const end = lineEnd(text, this.#done);
      const whole = text[end - 1] === "\n";
      const made = this.#row("td", lineAt(text, this.#done), grows && !whole);
      this.#part(made);
      if (!whole) return;
      this.#parts += 1;
      this.#done = end;
    }
  }

  /**
   * @param {"td" | "th"} tag
   * @param {string} line
   * @param {boolean} grows
   */
  #row(tag, line, grows) {
    const found = cells(line, this.#align.length);
    return el(
      "tr",
      {},
      ...this.#align.map((side, number) =>
        el(
          found[number] ? tag : "td", // an empty head would be announced as one
          { class: side === "left" ? undefined : side },
          ...inline(found[number] ?? "", grows && number === found.length - 1),
        ),
      ),
    );
  }
}

/**
 * The cells of a row; a pipe in code divides none unless cells would be missing.
 *
 * @param {string} line
 * @param {number} count
 */
function cells(line, count) {
  const row = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  let found = row.split(/(?<!\\)\|/);
  if (count && found.length > count) {
    found = row.replace(/(`+)[^`]+\1/g, (code) => code.replaceAll("|", "\\|")).split(/(?<!\\)\|/);
  }
  return found.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/**
 * What may be wider than the page, in a box that scrolls.
 *
 * @param {HTMLElement} table
 */
export const wide = (table) =>
  el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, table);

/** A text that grows, as blocks in a row at the end of an element. */
export class Growing {
  /** @type {Block[]} */
  #blocks = [];

  /**
   * @param {HTMLElement} place
   * @param {number} [depth] of blocks within blocks
   */
  constructor(place, depth = 0) {
    this.place = place;
    this.depth = depth;
  }

  /**
   * Show a text from a place on; blocks before it are forgotten, and their elements returned.
   *
   * @param {string} text which begins as the one before
   * @param {number} from
   * @param {boolean} open whether it may still grow
   */
  show(text, from, open) {
    /** @type {HTMLElement[]} */
    const left = [];
    while (this.#blocks.length && this.#blocks[0].start < from) {
      const block = /** @type {Block} */ (this.#blocks.shift());
      left.push(block.element);
      if (block.end <= from) continue;
      // It went further than the server's: what is behind is begun again.
      for (const { element } of this.#blocks) element.remove();
      this.#blocks = [];
    }
    let last = this.#blocks.at(-1);
    let begun = last ? last.end : from;
    if (last && !last.closed) {
      if (this.#kind(text, last.start, open) === last.kind) {
        last.grow(text, open);
        begun = last.end;
      } else {
        begun = last.start;
        this.#blocks.pop();
        last.element.remove();
        last = undefined;
      }
    }
    for (let at = begun; ; at = last.end) {
      if (last && !last.closed) break;
      while (at < text.length && !lineAt(text, at).trim()) at = lineEnd(text, at);
      if (at >= text.length) break;
      if (open && text.length - at < UNCLEAR_CHARS && UNCLEAR.test(text.slice(at))) break;
      last = new Block(this.#kind(text, at, open), at, this.depth);
      this.#blocks.push(last);
      this.place.append(last.element);
      last.grow(text, open);
    }
    return left;
  }

  /**
   * @param {string} text
   * @param {number} at
   * @param {boolean} open
   */
  #kind(text, at, open) {
    return this.depth > DEEPEST ? "text" : kindAt(text, at, open);
  }
}

/**
 * The elements of a whole text.
 *
 * @param {string} text
 * @param {boolean} open whether it may still grow
 * @param {number} [depth]
 * @returns {Node[]}
 */
export function blocks(text, open, depth = 0) {
  const place = el("div");
  new Growing(place, depth).show(text, 0, open);
  return [...place.childNodes];
}
