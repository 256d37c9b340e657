// Markdown that is still being written, as nodes: what a reader sees of a block until the server's
// HTML of it has come. It builds elements and text alone, so no text can be more than text.
//
// A text is a row of blocks, of which only the last one can change. That one takes in each line once it
// is complete, and tries what the last one is each time; so new text costs the same at any length.

import { CHUNK, COLOURED, Colours, codeBox } from "./code.js";
import { el } from "./dom.js";
import { Words, inline } from "./inline.js";
import { atOnce, morph } from "./steps.js";

/** @import {Steps} from "./steps.js" */

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})\s*(.*)$/;
const HEADING = /^ {0,3}(#{1,6})(?!\S)/;
const OUTLINE = /^ {0,3}(?:(`{3,}|~{3,})|(#{1,6})(?!\S))/gm;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( {1,4})(?! )|( )(?= )|$)/;
const INDENTED = /^(?: {4}|\t)/;
const DELIMITER = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*(?:\|\s*)?$/;
const FORMULA =
  /^ {0,3}(\$\$|\\\[|\\begin\{((?:equation|align|alignat|flalign|gather|multline|eqnarray|displaymath|math|aligned|gathered|split|cases|array|smallmatrix|[pbBvV]?matrix)\*?)\})/;
const FORMULA_CHARS = 2_000;
const NOTE = /^ {0,3}\[\^([^\][\s]{1,64})\]:/;
const TASK = /^\[([ xX])\] /;
const BEGUN_TASK = /^\[[ xX]?\]?$/;
const UNDER = /^ {0,3}(=+|-+)\s*$/;
/** What ends a paragraph without a blank line, beside what begins a block anywhere. */
const INTERRUPTS = /^ {0,3}(?:[-*+]|1[.)]) +\S/;
/** A last line that may become anything, and what may become the head of a table; it is not shown yet. */
const UNCLEAR =
  /^(?:[-*+#>=_\d.):|`~$\\[\s]*|[-*+>\d.)\s]*(?:(?:`{3,}|~{3,}).*|\[\^[^\][\s]*\]?))$/;
const HEAD = /^\s*\|[^\n]*\n?$/;
const UNCLEAR_CHARS = 500;
const LOOSENED = 20_000; // characters of a list that is made again where its items get paragraphs
const MOST_COLUMNS = 1_000; // a table with more is text
const FILLED_CELLS = 10_000; // empty cells that short rows are given; then the table ends
/** Cells of a table that are laid out at once; one with more has columns of one width. */
const CELLS = 2_000;
const CODE_OR_MATH =
  /(`+)[^`]+\1|\\\(.{1,999}?\\\)|(?<![\w$\\])\$(?![\s$])(?:\\.|[^$\\`]){1,999}?(?<![\s\\])\$(?![\w$])/g;
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
  const [head, mark, name] = FORMULA.exec(lineAt(text, at)) ?? [];
  if (!head) return -1;
  const from = at + head.length;
  const rest = text.slice(from, from + FORMULA_CHARS);
  const closing = name ? `\\end{${name}}` : mark === "$$" ? mark : "\\]";
  const close = rest.indexOf(closing);
  if (close < 0 && (!open || from + rest.length < text.length)) return -1;
  if (/\n[ \t]*\r?\n/.test(close < 0 ? rest : rest.slice(0, close))) return -1;
  if (close < 0) return text.length;
  const end = lineEnd(text, from + close);
  return text.slice(from + close + closing.length, end).trim() ? -1 : end;
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
function lineAt(text, at) {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.slice(at) : text.slice(at, end).replace(/\r$/, "");
}

/**
 * What kind of block begins at a line that is not blank.
 *
 * @param {string} text
 * @param {number} at
 * @param {boolean} open whether its last line may still grow
 * @returns {keyof typeof KINDS}
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
  const complete = !(open && lineEnd(text, next) === text.length && text.at(-1) !== "\n");
  return complete && isTable(line, below) ? "table" : "text";
}

/**
 * Whether two lines are the head of a table.
 *
 * @param {string} line
 * @param {string} below
 */
function isTable(line, below) {
  if (!line.includes("|") || !below.includes("|") || !DELIMITER.test(below)) return false;
  const columns = cells(below, 0).length;
  return columns <= MOST_COLUMNS && cells(line, columns).length === columns;
}

/** A block of a text, which may grow at its end. */
class Block {
  /** @type {HTMLElement | null} */
  element = null;
  /** Whether what follows it is another block. */
  closed = false;

  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    this.home = home;
    this.start = start;
    this.end = start;
    this.at = start; // where the first line begins that is not taken in
  }

  /**
   * Put an element in the place of the one before.
   *
   * @template {HTMLElement} E
   * @param {E} element
   */
  put(element) {
    if (this.element) this.element.replaceWith(element);
    else this.home.place.append(element);
    this.element = element;
    return element;
  }

  remove() {
    this.element?.remove();
  }

  /**
   * Take in a text that begins as the one before, but for the line that was not complete.
   *
   * @param {string} text
   * @param {boolean} open whether it may still grow
   * @param {object} way
   * @param {(line: string) => boolean} way.ends whether a line belongs to the next block
   * @param {(line: string) => Steps | void} way.take called with each line that is complete
   * @param {(line: string, grows: boolean) => Steps | void} way.show called at the end, with a
   *   last line that is not complete
   * @returns {Steps}
   */
  *lines(text, open, { ends, take, show }) {
    while (!this.closed && this.at < text.length) {
      const { at } = this;
      const line = lineAt(text, at);
      const next = lineEnd(text, at);
      if (at > this.start && ends(line)) this.closed = true;
      else if (text[next - 1] !== "\n") break;
      else {
        yield* take(line) ?? [];
        if (this.at === at) this.at = next; // else it goes on from elsewhere
        yield;
      }
    }
    this.end = this.closed ? this.at : text.length;
    yield* show(text.slice(this.at, this.end), open && !this.closed) ?? [];
  }
}

/** A paragraph, a heading that is underlined, or a footnote. */
class Paragraph extends Block {
  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    super(home, start);
    this.words = new Words(home.tight ? home.place : this.put(el("p")));
  }

  remove() {
    if (this.element) super.remove();
    else this.words.remove();
  }

  /**
   * @param {string} text
   * @param {boolean} open
   * @returns {Steps}
   */
  *grow(text, open) {
    let under = -1; // where the line begins that underlines it
    this.end = this.at;
    while (!this.closed && this.end < text.length) {
      const at = this.end;
      const line = lineAt(text, at);
      if (at > this.start) {
        if (!line.trim()) this.closed = true;
        else if (UNDER.test(line)) {
          this.closed = true;
          under = at;
        } else if (begins(line) || INTERRUPTS.test(line) || kindAt(text, at, false) === "table") {
          this.closed = true;
          break;
        }
      }
      this.end = lineEnd(text, at);
      // It may be the head of a table until the next line is complete.
      if (text.indexOf("\n", this.end) >= 0) this.at = this.end;
      yield;
    }
    this.#show(text.slice(this.start, under < 0 ? this.end : under), open && !this.closed);
    if (under < 0) return;
    this.#become(
      this.home.level(text, this.start, text.slice(under).trimStart()[0] === "=" ? 1 : 2),
    );
  }

  /**
   * @param {string} own
   * @param {boolean} grows
   */
  #show(own, grows) {
    const [head, label] = NOTE.exec(own) ?? [];
    if (head && !this.element) this.#become("p");
    if (head && this.element) this.element.className = "footnote";
    let words = own
      .slice(head?.length ?? 0)
      .replace(/^[ \t]+/gm, "")
      .trimEnd();
    if (this.home.place.localName === "li" && !this.start) {
      if (grows && BEGUN_TASK.test(words)) words = "";
      this.home.place.classList.toggle("task", TASK.test(words));
      words = words.replace(TASK, (_, done) => (done === " " ? "☐ " : "☑ "));
    }
    this.words.show(words, grows, head ? [el("sup", { text: label }), " "] : []);
  }

  /** @param {"p" | "h3"} tag */
  #become(tag) {
    const made = el(tag);
    this.words.into(made);
    this.put(made);
  }
}

class Heading extends Block {
  /**
   * @param {Growing} home
   * @param {number} start
   * @param {string} text
   */
  constructor(home, start, text) {
    super(home, start);
    const [, marks] = /** @type {RegExpExecArray} */ (HEADING.exec(lineAt(text, start)));
    this.words = this.put(el(home.level(text, start, marks.length)));
  }

  /**
   * @param {string} text
   * @param {boolean} open
   */
  grow(text, open) {
    const ends = () => true;
    return this.lines(text, open, {
      ends,
      take: (line) => this.#show(line, false),
      show: this.#show,
    });
  }

  #show = (/** @type {string} */ line, /** @type {boolean} */ grows) => {
    const words = line
      .replace(HEADING, "")
      .trim()
      .replace(/(?:^|\s)#+$/, "");
    return line ? morph(this.words, inline(words.trimEnd(), grows)) : undefined;
  };
}

class Rule extends Block {
  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    super(home, start);
    this.put(el("hr"));
  }

  /** @param {string} text */
  grow(text) {
    this.end = this.at = lineEnd(text, this.start);
    this.closed = text[this.end - 1] === "\n";
    return [];
  }
}

class Formula extends Block {
  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    super(home, start);
    this.words = this.put(el("p", { class: "math" }));
  }

  /**
   * @param {string} text
   * @returns {Steps}
   */
  *grow(text) {
    this.end = formulaEnd(text, this.start, true);
    this.closed = this.end < text.length;
    const own = text.slice(this.start, this.end).trim().replace(FORMULA, "");
    yield* morph(this.words, [own.replace(/(?:\$\$?|\\\]?|\\end\{[^}]*\}?)$/, "").trim()]);
  }
}

class Quote extends Block {
  #inside = "";

  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    super(home, start);
    this.inner = new Growing(this.put(el("blockquote")), home.depth + 1);
  }

  /**
   * @param {string} text
   * @param {boolean} open
   */
  grow(text, open) {
    const own = (/** @type {string} */ line) => line.replace(QUOTE, "");
    return this.lines(text, open, {
      ends: (line) => !line.trim() || (!QUOTE.test(line) && (begins(line) || ITEM.test(line))),
      take: (line) => {
        this.#inside += `${own(line)}\n`;
      },
      show: (line, grows) => this.inner.steps(this.#inside + own(line), 0, grows),
    });
  }
}

class List extends Block {
  #loose = false; // whether there are blank lines between items or in one, so that each has paragraphs
  #item = -1; // where the item begins that is not complete
  #inside = ""; // what is known of it
  /** @type {Growing | null} */
  #inner = null;
  #width = 0; // of its mark with what is before and behind it
  #fence = "";
  #blank = false; // whether the line before is

  /**
   * @param {Growing} home
   * @param {number} start
   * @param {string} text
   */
  constructor(home, start, text) {
    super(home, start);
    const [, , mark] = /** @type {RegExpExecArray} */ (ITEM.exec(lineAt(text, start)));
    const number = Number.parseInt(mark, 10);
    this.mark = mark.at(-1);
    /** @type {HTMLElement} */
    this.items = this.put(
      Number.isNaN(number) ? el("ul") : el("ol", { start: number > 1 ? number : null }),
    );
  }

  /**
   * @param {string} text
   * @param {boolean} open
   * @returns {Steps}
   */
  grow(text, open) {
    return this.lines(text, open, {
      ends: (line) => {
        const other = ITEM.exec(line);
        if (other?.[2].at(-1) === this.mark && !RULE.test(line)) return false;
        if (other && !this.#fence && other[1].length < this.#width) return true;
        return /^ ?\S/.test(line) && (this.#blank || Boolean(other) || begins(line));
      },
      take: (line) => this.#take(line),
      show: (line, grows) => this.#show(line, grows, text),
    });
  }

  /**
   * @param {string} line
   * @returns {Steps}
   */
  *#take(line) {
    yield* this.#begin(line);
    if (!this.#inner) return;
    const [, , fence, info] = (this.at > this.#item && FENCE.exec(line.slice(this.#width))) || [];
    if (!this.#fence) this.#fence = fence ?? "";
    else if (fence?.startsWith(this.#fence) && !info) this.#fence = "";
    this.#inside += `${this.#own(line)}\n`;
    this.#blank = !line.trim();
  }

  /**
   * @param {string} line
   * @param {boolean} grows
   * @param {string} text
   * @returns {Steps}
   */
  *#show(line, grows, text) {
    if (line) yield* this.#begin(line);
    if (this.#inner) yield* this.#inner.steps(this.#inside + this.#own(line), 0, grows);
    if (!this.#loose && this.#inner?.loose) this.#loosen();
    if (!this.#inner) yield* this.grow(text, grows);
  }

  /**
   * Begin a new item, where a line does.
   *
   * @param {string} line
   * @returns {Steps}
   */
  *#begin(line) {
    const head = ITEM.exec(line);
    if (!head || this.at === this.#item) return;
    if (this.#inner) {
      if (this.#fence || head[1].length >= this.#width) return;
      yield* this.#inner.steps(this.#inside, 0, false);
      if (!this.#loose && (this.#blank || this.#inner.loose)) {
        this.#loosen();
        return;
      }
    }
    const item = el("li");
    this.items.append(item);
    this.#inner = new Growing(item, this.home.depth + 1, !this.#loose);
    this.#item = this.at;
    this.#width = head[0].length;
    this.#inside = this.#fence = "";
    this.#blank = false;
  }

  /** A line as it is within its item. */
  #own(/** @type {string} */ line) {
    const [, indent, mark] = (this.at === this.#item && ITEM.exec(line)) || [];
    const own = mark ? line.slice(Math.min(this.#width, indent.length + mark.length + 1)) : line;
    return own.replace(new RegExp(`^ {1,${this.#width}}`), "");
  }

  /** Begin again with paragraphs; in a long list those before stay as they are, until it is complete. */
  #loosen() {
    const far = this.at - this.start > LOOSENED;
    this.#loose = true;
    this.closed = false;
    this.at = far ? this.#item : this.start;
    this.#item = -1;
    this.#inner = null;
    if (far) this.items.lastElementChild?.remove();
    else this.items.replaceChildren();
  }
}

class Table extends Block {
  /** @type {HTMLElement | null} */
  #part = null; // the row that is not complete
  #filled = 0; // empty cells that were added

  /**
   * @param {Growing} home
   * @param {number} start
   * @param {string} text
   */
  constructor(home, start, text) {
    super(home, start);
    const below = lineEnd(text, start);
    this.align = cells(lineAt(text, below), 0).map((cell) =>
      cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left",
    );
    this.at = lineEnd(text, below);
    const head = el("thead", {}, this.#row("th", lineAt(text, start), false));
    this.table = el("table", {}, head, el("tbody"));
    this.put(wide(this.table));
  }

  /**
   * @param {string} text
   * @param {boolean} open
   */
  grow(text, open) {
    return this.lines(text, open, {
      ends: (line) =>
        !line.trim() ||
        begins(line) ||
        ITEM.test(line) ||
        INDENTED.test(line) ||
        this.#filled + this.#missing(line) > FILLED_CELLS,
      take: (line) => {
        this.#filled += this.#missing(line);
        return this.#put(line, false, true);
      },
      show: (line, grows) => (line ? this.#put(line, grows, false) : undefined),
    });
  }

  /**
   * @param {string} line
   * @param {boolean} grows
   * @param {boolean} complete
   * @returns {Steps}
   */
  *#put(line, grows, complete) {
    const made = this.#row("td", line, grows);
    if (this.#part) yield* morph(this.#part, [...made.childNodes]);
    else {
      bodyOf(this.table, this.align.length).append(made);
      this.#part = made;
    }
    if (complete) this.#part = null;
  }

  /** How many cells a row has less than there are columns. */
  #missing(/** @type {string} */ line) {
    return this.align.length - cells(line, this.align.length).length;
  }

  /**
   * @param {"td" | "th"} tag
   * @param {string} line
   * @param {boolean} grows
   */
  #row(tag, line, grows) {
    const found = cells(line, this.align.length);
    return el(
      "tr",
      {},
      ...this.align.map((side, number) =>
        el(
          found[number] ? tag : "td", // an empty head would be announced as one
          { class: side === "left" ? undefined : side },
          ...inline(found[number] ?? "", grows && number === found.length - 1),
        ),
      ),
    );
  }
}

class Code extends Block {
  #rest = document.createTextNode("");
  #lines = 0;
  #chars = 0; // of the last chunk of lines

  /**
   * @param {Growing} home
   * @param {number} start
   * @param {string} language
   */
  constructor(home, start, language) {
    super(home, start);
    this.code = el("code");
    this.put(codeBox(language, el("pre", {}, this.code)));
    this.colours = new Colours(language.toLowerCase());
  }

  /** The chunk in which the next line belongs. */
  get #chunk() {
    const chunks = Math.floor(this.#lines / CHUNK);
    if (!this.code.children[chunks]) {
      this.code.append(el("span", { class: "lines" }));
      this.#chars = 0;
    }
    return this.code.children[chunks];
  }

  /** Append a complete line with its colours. */
  add(/** @type {string} */ line) {
    this.rest("");
    const chunk = this.#chunk;
    const much = Math.max(0, COLOURED - this.#chars);
    for (const part of [...this.colours.line(line.slice(0, much)), `${line.slice(much)}\n`]) {
      if (typeof part === "string" && chunk.lastChild instanceof Text) {
        chunk.lastChild.appendData(part);
      } else chunk.append(part);
    }
    this.#chars += line.length;
    this.#lines += 1;
  }

  /** Show the line that is not complete as text. */
  rest(/** @type {string} */ line) {
    const { data } = this.#rest;
    if (data && line.startsWith(data)) this.#rest.appendData(line.slice(data.length));
    else this.#rest.data = line;
    if (!line) this.#rest.remove();
    else if (!this.#rest.parentNode) this.#chunk.append(this.#rest);
  }
}

class Fence extends Code {
  /**
   * @param {Growing} home
   * @param {number} start
   * @param {string} text
   */
  constructor(home, start, text) {
    const [, indent, fence, info] = /** @type {RegExpExecArray} */ (
      FENCE.exec(lineAt(text, start))
    );
    super(home, start, info.split(/\s/)[0].replace(/[^\w+#.-]/g, ""));
    this.at = lineEnd(text, start);
    this.indent = new RegExp(`^ {0,${indent.length}}`);
    this.last = new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}\\s*$`);
  }

  /**
   * @param {string} text
   * @param {boolean} open
   */
  grow(text, open) {
    return this.lines(text, open, {
      ends: () => false,
      take: (line) => {
        this.closed = this.last.test(line);
        if (this.closed) this.rest("");
        else this.add(line.replace(this.indent, ""));
      },
      show: (line) => {
        if (!this.closed) this.rest(/^ {0,3}(`+|~+)$/.test(line) ? "" : line);
      },
    });
  }
}

class Indented extends Code {
  /** @type {string[]} */
  #blank = []; // lines, which are code if more of it follows

  /**
   * @param {Growing} home
   * @param {number} start
   */
  constructor(home, start) {
    super(home, start, "");
  }

  /**
   * @param {string} text
   * @param {boolean} open
   */
  grow(text, open) {
    return this.lines(text, open, {
      ends: (line) => Boolean(line.trim()) && !INDENTED.test(line),
      take: (line) => {
        this.#blank.push(line.replace(INDENTED, ""));
        if (line.trim()) for (const one of this.#blank.splice(0)) this.add(one);
      },
      show: (line) =>
        this.rest(line.trim() ? [...this.#blank, line.replace(INDENTED, "")].join("\n") : ""),
    });
  }
}

const KINDS = {
  text: Paragraph,
  heading: Heading,
  rule: Rule,
  quote: Quote,
  list: List,
  table: Table,
  code: Fence,
  indented: Indented,
  math: Formula,
};

/**
 * The cells of a row; a pipe in code or a formula divides none unless cells would be missing.
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
    found = row.replace(CODE_OR_MATH, (one) => one.replaceAll("|", "\\|")).split(/(?<!\\)\|/);
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

/**
 * The part of a table in which its next row belongs. Of one with many cells those parts are not laid out
 * that nobody sees, for which its columns have one width.
 *
 * @param {HTMLTableElement} table
 * @param {number} columns
 */
function bodyOf(table, columns) {
  const last = table.tBodies[table.tBodies.length - 1];
  if (last && (last.rows.length + 1) * columns <= CELLS) return last;
  if (last) table.className = "many";
  return table.createTBody();
}

/**
 * The HTML of a table with its rows in parts; see `bodyOf`.
 *
 * @param {string} html
 */
export function parted(html) {
  const [head, body = ""] = html.split("<tbody>");
  const columns = head.split(/<t[hd]\b/).length - 1;
  const count = Math.max(1, Math.floor(CELLS / columns));
  const rows = body.split(/(?<=<\/tr>)/);
  const end = rows.pop();
  if (rows.length <= count) return html;
  const parts = [head.replace("<table>", '<table class="many">')];
  for (let at = 0; at < rows.length; at += count) {
    parts.push(at ? "</tbody><tbody>" : "<tbody>", ...rows.slice(at, at + count));
  }
  return parts.join("") + end;
}

/** A text that grows, as blocks in a row at the end of an element. */
export class Growing {
  /** @type {InstanceType<typeof KINDS[keyof typeof KINDS]>[]} */
  #blocks = [];
  loose = false; // whether there is a blank line between them
  #outline = { at: 0, fence: "", outer: /** @type {number[]} */ ([]) }; // as far as headings were made

  /**
   * @param {HTMLElement} place
   * @param {number} [depth] of blocks within blocks
   * @param {boolean} [tight] whether paragraphs have no element of their own
   */
  constructor(place, depth = 0, tight = false) {
    this.place = place;
    this.depth = depth;
    this.tight = tight;
  }

  /**
   * Show a text at once; see `leave` and `steps`.
   *
   * @param {string} all
   * @param {number} from
   * @param {boolean} open
   */
  show(all, from, open) {
    this.leave(from);
    atOnce(this.steps(all, from, open));
  }

  /**
   * Forget blocks before a place, whose elements stay; the first one behind it is returned.
   *
   * @param {number} from
   */
  leave(from) {
    const kept = this.#blocks.findIndex(({ start }) => start >= from);
    const left = this.#blocks.splice(0, kept < 0 ? Infinity : kept);
    if ((left.at(-1)?.end ?? 0) > from) {
      // It goes further than that: what is behind is begun again.
      for (const block of this.#blocks.splice(0)) block.remove();
    }
    return this.#blocks[0]?.element ?? null;
  }

  /**
   * Show a text from a place on.
   *
   * @param {string} all which begins as the one before
   * @param {number} from
   * @param {boolean} open whether it may still grow
   * @returns {Steps}
   */
  *steps(all, from, open) {
    const text = open ? clear(all) : all;
    let last = this.#blocks.at(-1);
    let at = last?.end ?? from;
    if (last && !last.closed) {
      if (last instanceof KINDS[this.#kind(text, last.start, open)]) {
        yield* last.grow(text, open);
        at = last.end;
      } else {
        at = last.start;
        this.#blocks.pop();
        last.remove();
        last = undefined;
      }
    }
    for (; !last || last.closed; at = last.end) {
      while (at < text.length && !lineAt(text, at).trim()) at = lineEnd(text, at);
      if (at >= text.length) break;
      if (open && text.length - at < UNCLEAR_CHARS && HEAD.test(text.slice(at))) break;
      const before = text.slice(text.lastIndexOf("\n", at - 2) + 1, at);
      if (last && !before.trim()) this.loose = true;
      last = new KINDS[this.#kind(text, at, open)](this, at, text);
      this.#blocks.push(last);
      yield* last.grow(text, open);
      yield;
    }
  }

  get shown() {
    return this.#blocks.length > 0;
  }

  /**
   * The element of a heading that has so many marks, below those before it: as the server's, it is one
   * level below the nearest with fewer marks.
   *
   * @param {string} text
   * @param {number} at
   * @param {number} marks
   */
  level(text, at, marks) {
    if (at < this.#outline.at) this.#outline = { at: 0, fence: "", outer: [] };
    const outline = this.#outline;
    const { outer } = outline;
    for (const [, fence, heading] of text.slice(outline.at, at).matchAll(OUTLINE)) {
      if (fence && (!outline.fence || fence.startsWith(outline.fence))) {
        outline.fence = outline.fence ? "" : fence;
      }
      if (!heading || outline.fence) continue;
      while (/** @type {number} */ (outer.at(-1)) >= heading.length) outer.pop();
      outer.push(heading.length);
    }
    outline.at = at;
    const above = outer.filter((one) => one < marks).length;
    return /** @type {"h3"} */ (`h${Math.min(6, FIRST_HEADING + 1 + above)}`);
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
