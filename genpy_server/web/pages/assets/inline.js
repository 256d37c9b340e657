// The inline part of Markdown as nodes, for text that is still being written: emphasis, code, links.
//
// Links are text here, HTML is text, and a formula is its TeX; what the server sends takes the place of
// all of it.

import { el } from "./dom.js";
import { atOnce, morph } from "./steps.js";

const MARKS =
  /\\([!-/:-@[-`{-~])|(`+)|(\*+|_+|~~)|\[\^([^\][\s]{1,64})\]|!?\[([^\][\n]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+"[^"\n]*")?\)|(?:(?<! ) {2,}|\\)\n|<(https?:\/\/[^\s<>]+)>|(https?:\/\/[^\s<>]*[^\s<>.,;:!?'"*_~)\]])/;
/**
 * What has a meaning in a text, formulas first: of a text that grows also one that is not ended.
 *
 * @param {string} ended
 */
const tokens = (ended) =>
  new RegExp(
    String.raw`\\\((.{1,999}?)(?:\\\)${ended})|\\\[(.{1,999}?)(?:\\\]${ended})|\$\$([^$]{1,999}?)(?:\$\$${ended})|(?<![\w$\\])\$(?![\s$])((?:\\.|[^$\\\n${"`"}]){1,999}?)(?<![\s\\])\$(?![\w$])|${MARKS.source}`,
    "gs",
  );
const [WHOLE, OPEN] = ["", String.raw`|[\\$]?$`].map(tokens);
const TEX = /[\\^_{}=]/;
const PRICE = /^\d.*(?:\p{L}{3}|[ ,]\p{L}{2,}[ ,])/su;
const SPACE = /^\s?$/;
const PUNCTUATION = /^[\p{P}\p{S}]$/u;
const WIDE = /^[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\uffef]$/;
const OPENERS = 50; // marks of emphasis that wait for their end; more are text
const FAR = 20_000; // characters that a mark of emphasis waits for its end
const CERTAIN = 2_000; // characters behind which no token is another one any more
const TAIL = 6_000; // characters of a paragraph that are read again while it grows

const NOTHING = { index: 0, count: 0 };

/** @typedef {{mark: string, count: number, at: number, index: number}} Opener */

/** Whether two dollars are those of prices: words or half of a bracket are between them. */
const isMoney = (/** @type {string} */ between) =>
  between.split(/[([]/).length !== between.split(/[)\]]/).length ||
  (!TEX.test(between) && PRICE.test(between));

/**
 * Whether emphasis may begin and end at a run of marks.
 *
 * @param {string} mark
 * @param {string} before the character before the run
 * @param {string} after
 */
function flanks(mark, before, after) {
  const edgeBefore = SPACE.test(before) || PUNCTUATION.test(before) || WIDE.test(before);
  const edgeAfter = SPACE.test(after) || PUNCTUATION.test(after) || WIDE.test(after);
  const left = !SPACE.test(after) && (!PUNCTUATION.test(after) || edgeBefore);
  const right = !SPACE.test(before) && (!PUNCTUATION.test(before) || edgeAfter);
  if (mark !== "_") return { opens: left, closes: right };
  return { opens: left && edgeBefore, closes: right && edgeAfter };
}

/**
 * A text that still grows, without what its last characters alone do not say: marks are left out,
 * and a link is complete.
 *
 * @param {string} text
 */
function ending(text) {
  let end = text.length;
  while (end && "*_~`".includes(text[end - 1])) end -= 1;
  if (text[end - 1] === "\\") end = text.length;
  return text
    .slice(0, end)
    .replace(/(?<!\\)\\$/, "")
    .replace(/!?\[(\^?)([^\][\n]*)(?:\]|\]\([^()\s]*)?$/, (_, note, label) =>
      label ? `[${note}${label}]${note ? "" : "()"}` : "",
    );
}

class Inline {
  /** @type {(Node | string)[]} */
  #made;
  /** @type {Opener[]} */
  #openers = [];
  /** Lengths of runs of backticks that nothing ends. */
  #unended = new Set();
  #last = 0;
  /** @type {{index: number, count: number}[]} */
  #rests = []; // where a token begins with nothing open: in the text, and how many parts are before it

  /**
   * @param {string} text
   * @param {boolean} open whether more of it may come, so that what was begun counts as meant
   * @param {(Node | string)[]} [lead] what stands in front of it
   */
  constructor(text, open, lead = []) {
    this.text = open ? ending(text) : text;
    this.open = open;
    this.#made = [...lead];
  }

  read() {
    const { text } = this;
    for (let found; (found = this.#next());) {
      const [all, round, square, double, single, ...more] = found;
      const [escaped, ticks, marks, note, label, enclosed, address = enclosed] = more;
      const { index } = found;
      const formula = round ?? square ?? double ?? single;
      this.#made.push(text.slice(this.#last, index));
      this.#last = index + all.length;
      if (index - (this.#openers[0]?.index ?? index) > FAR) this.#openers = [];
      if (index < text.length - CERTAIN && !this.#openers.length && !this.#unended.size) {
        // What is before a note or a link changes nothing of it.
        const free = note || label !== undefined || SPACE.test(text[index - 1]);
        if (free) this.#rests.push({ index, count: this.#made.length });
      }
      if (single && isMoney(single)) {
        this.#made.push("$");
        this.#last = index + 1;
      } else if (formula) this.#made.push(el("span", { class: "math", text: formula.trim() }));
      else if (note) this.#made.push(el("sup", { text: note }));
      else if (escaped) this.#made.push(escaped);
      else if (ticks) this.#code(ticks);
      else if (marks) this.#marks(marks, index);
      else if (label !== undefined) this.#made.push(link(label, label));
      else if (address) this.#made.push(el("a", { class: "bare", text: address }));
      else this.#made.push(el("br"), "\n");
    }
    this.#made.push(text.slice(this.#last));
    while (this.open && this.#openers.length) {
      const { mark, count } = /** @type {Opener} */ (this.#openers.at(-1));
      this.#wrap(count > 1 || mark === "~" ? 2 : 1);
    }
    return joined(this.#made);
  }

  /** Where a text begins that may still be read otherwise, and the number of nodes before it. */
  get rest() {
    const found = this.#rests.findLast(({ index, count }) => {
      const before = this.text.slice(Math.max(0, index - CERTAIN), index);
      const token = this.#made[count] || this.#made[count + 1]; // marks that were used up are left empty
      return typeof token !== "string" && before.lastIndexOf("[") <= before.lastIndexOf("]");
    });
    const { index, count } = found ?? NOTHING;
    return { index, count: joined(this.#made.slice(0, count)).length };
  }

  #next() {
    const pattern = this.open ? OPEN : WHOLE;
    pattern.lastIndex = this.#last;
    return pattern.exec(this.text);
  }

  /** @param {string} ticks */
  #code(ticks) {
    const { text } = this;
    const from = this.#last;
    let end = -1;
    if (!this.#unended.has(ticks.length)) {
      for (const { 0: run, index } of text.slice(from).matchAll(/`+/g)) {
        if (run.length !== ticks.length) continue;
        end = from + index;
        break;
      }
      if (end < 0) this.#unended.add(ticks.length);
    }
    if (end < 0 && !(this.open && from < text.length)) this.#made.push(ticks);
    else {
      const code = text.slice(from, end < 0 ? text.length : end).replaceAll("\n", " ");
      const padded = code.startsWith(" ") && code.endsWith(" ") && /[^ ]/.test(code);
      this.#made.push(el("code", { text: padded ? code.slice(1, -1) : code }));
      this.#last = end < 0 ? text.length : end + ticks.length;
    }
  }

  /**
   * @param {string} marks
   * @param {number} index
   */
  #marks(marks, index) {
    const mark = marks[0];
    const before = [...this.text.slice(Math.max(0, index - 2), index)].pop() ?? "";
    const after = [...this.text.slice(this.#last, this.#last + 2)].shift() ?? "";
    const { opens, closes } = flanks(mark, before, after);
    let count = marks.length;
    while (closes && count) {
      const place = this.#openers.findLastIndex((opener) => opener.mark === mark);
      if (place < 0) break;
      this.#openers.length = place + 1;
      const used = Math.min(2, count, this.#openers[place].count);
      this.#wrap(used);
      count -= used;
    }
    if (!count) return;
    if (opens && this.#openers.length < OPENERS) {
      this.#openers.push({ mark, count, at: this.#made.length, index });
    }
    this.#made.push(mark.repeat(count));
  }

  /** Put what stands behind the last opener into an element, for which it gives marks. */
  #wrap(/** @type {number} */ used) {
    const opener = /** @type {Opener} */ (this.#openers.at(-1));
    const inside = this.#made.splice(opener.at + 1);
    const tag = opener.mark === "~" ? "s" : used === 2 ? "strong" : "em";
    this.#made.push(el(tag, {}, ...inside));
    opener.count -= used;
    this.#made[opener.at] = opener.mark.repeat(Math.max(0, opener.count));
    if (opener.count <= 0) this.#openers.pop();
  }
}

/** A link that is not finished yet: a person reads its words. */
const link = (/** @type {string} */ label, /** @type {string} */ otherwise) =>
  el("a", {}, ...(label ? inline(label, false) : [otherwise]));

/**
 * Parts of a text as nodes, with one text where several follow each other.
 *
 * @param {(Node | string)[]} parts
 */
function joined(parts) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  for (const one of parts) {
    const before = nodes.at(-1);
    const joins = typeof one === "string" && typeof before === "string";
    if (joins) nodes[nodes.length - 1] = before + one;
    else if (one !== "") nodes.push(one);
  }
  return nodes;
}

/**
 * Nodes of a text without blocks.
 *
 * @param {string} text
 * @param {boolean} open whether more of it may come
 */
export const inline = (text, open) => new Inline(text, open).read();

/** A text without blocks at the end of an element, of which only what may be read otherwise is made again. */
export class Words {
  #done = 0; // characters that are read for good
  /** @type {ChildNode | null} */
  #last; // node of them
  /** @type {ChildNode | null} */
  #before; // the words

  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.#before = this.#last = place.lastChild;
  }

  /**
   * Show a text that begins as the one before.
   *
   * @param {string} text
   * @param {boolean} open whether more of it may come
   * @param {(Node | string)[]} lead what stands in front of it
   */
  show(text, open, lead) {
    const read = new Inline(text.slice(this.#done), open, this.#done ? [] : lead);
    const first = this.#last ? this.#last.nextSibling : this.place.firstChild;
    atOnce(morph(this.place, read.read(), first));
    const { index, count } = open && text.length - this.#done > TAIL ? read.rest : NOTHING;
    this.#done += index;
    for (let node = first, at = 0; at < count; at += 1) {
      this.#last = node;
      node = node?.nextSibling ?? null;
    }
  }

  /** Go on in an element of their own, which is put in their place. */
  into(/** @type {HTMLElement} */ element) {
    const nodes = [...this.place.childNodes];
    element.append(...nodes.slice(this.#before ? nodes.indexOf(this.#before) + 1 : 0));
    this.place.append(element);
    this.place = element;
    if (this.#last === this.#before) this.#last = null;
    this.#before = null;
  }

  remove() {
    atOnce(morph(this.place, [], this.#before ? this.#before.nextSibling : this.place.firstChild));
  }
}
