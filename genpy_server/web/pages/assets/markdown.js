// Markdown that is still being written, as nodes: what a reader sees of a block until the server's
// HTML of it has come. It builds elements and text alone, so no text can be more than text.
//
// A text is a row of blocks, of which only the last one can change. That one keeps what is done of
// it (lines of code, items of a list, rows of a table) and makes only its last part again.

import { Colours, codeBox } from "./code.js";
import { el } from "./dom.js";
import { inline } from "./inline.js";

/** @typedef {"text" | "heading" | "rule" | "quote" | "list" | "table" | "code" | "indented" | "math"} Kind */

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})\s*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?!\S)/;
const OUTLINE = /^ {0,3}(?:(`{3,}|~{3,})|(#{1,6})(?!\S))/gm;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( {1,4})(?! )|( )(?= )|$)/;
const INDENTED = /^(?: {4}|\t)/;
const DELIMITER = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*(?:\|\s*)?$/;
const FORMULA = /^ {0,3}(\$\$|\\\[)/;
const FORMULA_CHARS = 2_000;
const NOTE = /^ {0,3}\[\^([^\][\s]{1,64})\]:/;
const TASK = /^\[([ xX])\] /;
/** A last line that may become anything, and what may become the head of a table; it is not shown yet. */
const UNCLEAR = /^(?:[-*+#>=_\d.):|`~$\\[\s]*|[-*+>\d.)\s]*(?:`{3,}|~{3,}).*)$/;
const HEAD = /^\s*\|[^\n]*\n?$/;
const UNCLEAR_CHARS = 500;
const LONGEST = 20_000; // characters of a paragraph that is formatted while it grows
const DEEPEST = 8; // blocks within blocks; what is deeper is text
const FIRST_HEADING = 2; // a text stands below the h2 of its message

/** @param {string} line */
const begins = (line) =>
  [FENCE, HEADING, RULE, QUOTE, NOTE].some((block) => block.test(line)) ||
  formulaEnd(line, 0, true) >= 0;

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
 * Where a formula ends that is a block; -1 where none begins.
 *
 * @param {string} text
 * @param {number} at
 * @param {boolean} open whether its end may still come
 */
function formulaEnd(text, at, open) {
  const [head, mark] = FORMULA.exec(lineAt(text, at)) ?? [];
  if (!head) return -1;
  const from = at + head.length;
  const rest = text.slice(from, from + FORMULA_CHARS);
  const close = rest.indexOf(mark === "$$" ? mark : "\\]");
  if (close < 0 && (!open || from + rest.length < text.length)) return -1;
  if (/\n[ \t]*\r?\n/.test(close < 0 ? rest : rest.slice(0, close))) return -1;
  if (close < 0) return text.length;
  const end = lineEnd(text, from + close);
  return text.slice(from + close + 2, end).trim() ? -1 : end;
}

/** A text that grows, without a last line of which it is not clear yet what it is. */
function clear(/** @type {string} */ text) {
  const at = text.lastIndexOf("\n") + 1;
  const short = text.length - at < UNCLEAR_CHARS;
  return short && UNCLEAR.test(text.slice(at)) ? text.slice(0, at) : text;
}

/**
 * @param {string} text
 * @param {number} at
 */
const lineAt = (text, at) => text.slice(at, lineEnd(text, at)).replace(/\r?\n$/, "");

/**
 * The element of a heading that has so many marks, below those before it: as the server's, it is one
 * level below the nearest with fewer marks.
 *
 * @param {string} text
 * @param {number} at
 * @param {number} marks
 */
function levelAt(text, at, marks) {
  /** @type {number[]} */
  const outer = [];
  let open = "";
  for (const [, fence, heading] of text.slice(0, at).matchAll(OUTLINE)) {
    if (fence && (!open || fence.startsWith(open))) open = open ? "" : fence;
    if (!heading || open) continue;
    while (/** @type {number} */ (outer.at(-1)) >= heading.length) outer.pop();
    outer.push(heading.length);
  }
  const above = outer.filter((one) => one < marks).length;
  return /** @type {"h3"} */ (`h${Math.min(6, FIRST_HEADING + 1 + above)}`);
}

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
  if (INDENTED.test(line)) return "indented";
  if (formulaEnd(text, at, open) >= 0) return "math";
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
  /** Whether a paragraph ends with a blank line. */
  gap = false;
  #done = 0; // where the part of it begins that may still change
  /** @type {Colours | null} */
  #colours = null;
  /** @type {HTMLElement | null} */
  #part = null; // the item or row that is not complete
  #fence = "";
  #indent = 0;
  /** @type {string[]} */
  #align = [];
  #loose = false; // whether there are blank lines between items or in one, so that each has paragraphs

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
        const line = lineAt(own, 0);
        const [head, marks] = /** @type {RegExpExecArray} */ (HEADING.exec(line));
        if (this.element.localName === "p") {
          this.#become(levelAt(text, this.start, marks.length));
        }
        const words = line
          .slice(head.length)
          .trim()
          .replace(/(?:^|\s)#+$/, "");
        return morph(this.inner, inline(words.trimEnd(), grows));
      }
      case "rule":
        return this.#become("hr");
      case "indented": {
        if (!this.#colours) this.#box("");
        const code = own.replace(/^(?: {4}|\t)/gm, "").trimEnd();
        return morph(this.inner, [`${code}\n`]);
      }
      case "math":
        this.element.className = "math";
        return morph(this.inner, [
          own
            .trim()
            .slice(2)
            .replace(/(?:\$\$?|\\\]?)$/, "")
            .trim(),
        ]);
      default:
        return this.#paragraph(text, own, grows);
    }
  }

  /**
   * A paragraph, a heading that is underlined, or a footnote.
   *
   * @param {string} text
   * @param {string} own
   * @param {boolean} grows
   */
  #paragraph(text, own, grows) {
    const setext = grows ? null : /\n {0,3}(=+|-+)\s*$/.exec(own);
    if (setext) this.#become(levelAt(text, this.start, setext[1].startsWith("=") ? 1 : 2));
    const [head, label] = NOTE.exec(own) ?? [];
    const words = own
      .slice(head?.length ?? 0, setext?.index)
      .replace(/^[ \t]+/gm, "")
      .trimEnd();
    const made = grows && words.length > LONGEST ? [words] : inline(words, grows);
    if (head) this.inner.className = "footnote";
    else this.inner.removeAttribute("class");
    morph(this.inner, head ? [el("sup", { text: label }), " ", ...made] : made);
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
    if (this.kind === "math") return formulaEnd(text, this.start, true);
    let blank = false;
    const item = this.kind === "list" && ITEM.exec(lineAt(text, this.start));
    if (this.kind === "list") at = Math.max(at, lineEnd(text, this.#done));
    if (this.kind === "table") at = Math.max(at, this.#done);
    for (; at < text.length; at = lineEnd(text, at)) {
      const line = lineAt(text, at);
      if (!line.trim()) {
        if (this.kind === "table" || this.kind === "quote") return at;
        if (this.kind === "text") {
          this.gap = true;
          return lineEnd(text, at);
        }
        blank = true;
        continue;
      }
      if (this.kind === "indented") {
        if (!INDENTED.test(line)) return at;
      } else if (this.kind === "list") {
        const other = ITEM.exec(line);
        const same = other && item && other[2].at(-1) === item[2].at(-1) && !RULE.test(line);
        if (!same && /^ ?\S/.test(line) && (blank || begins(line) || other)) return at;
      } else if (this.kind === "table") {
        if (begins(line) || ITEM.test(line) || INDENTED.test(line)) return at;
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
      const [, indent, mark] = head;
      const own = text
        .slice(this.#done + Math.min(width, indent.length + mark.length + 1), end)
        .replace(new RegExp(`^ {1,${width}}`, "gm"), "");
      const task = TASK.exec(own);
      const words = task ? own.slice(task[0].length) : own;
      const made = el("li");
      const inside = new Growing(made, this.depth + 1);
      inside.show(words, 0, grows && next < 0);
      if (!this.#loose && ((next >= 0 && blank) || inside.loose)) {
        // The items before it are so as well, and made again.
        this.#loose = true;
        this.#done = this.start;
        this.#part = null;
        this.inner.replaceChildren();
        continue;
      }
      const { firstChild } = made;
      const paragraph = firstChild instanceof HTMLParagraphElement ? firstChild : null;
      if (task) (paragraph ?? made).prepend(task[1] === " " ? "☐ " : "☑ ");
      if (paragraph && !this.#loose) paragraph.replaceWith(...paragraph.childNodes);
      this.#put(made, next >= 0);
      if (next < 0) return;
      this.#done = next;
    }
  }

  /** Put an item or a row in its place, behind those that are complete. */
  #put(/** @type {HTMLElement} */ made, /** @type {boolean} */ complete) {
    if (this.#part) morph(this.#part, [...made.childNodes]);
    else {
      this.inner.append(made);
      this.#part = made;
    }
    if (complete) this.#part = null;
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
      this.#put(made, whole);
      if (!whole) return;
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
  found = found.map((cell) => cell.trim().replaceAll("\\|", "|"));
  // What is too much stands in the last cell, as the server shows it.
  return count && found.length > count
    ? [...found.slice(0, count - 1), found.slice(count - 1).join(" | ")]
    : found;
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
   * @param {string} all which begins as the one before
   * @param {number} from
   * @param {boolean} open whether it may still grow
   */
  show(all, from, open) {
    const text = open ? clear(all) : all;
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
      if (open && text.length - at < UNCLEAR_CHARS && HEAD.test(text.slice(at))) break;
      last = new Block(this.#kind(text, at, open), at, this.depth);
      this.#blocks.push(last);
      this.place.append(last.element);
      last.grow(text, open);
    }
    return left;
  }

  get shown() {
    return this.#blocks.length > 0;
  }

  /** Whether something follows its first paragraph behind a blank line. */
  get loose() {
    return this.#blocks.length > 1 && this.#blocks[0].gap;
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
