// Code with its head and a copy button, and the colours of code that is still being written.
//
// The colours are those that most languages share; the server's, which know each language, take
// their place when the block is complete.

import { copyButton, el } from "./dom.js";

const HASH =
  /^(py|python\d?|sh|bash|zsh|shell|console|rb|ruby|perl|r|ya?ml|toml|make(file)?|docker(file)?|elixir|nim|ini|conf)$/;
const DASH = /^(sql|lua|haskell|hs|ada|vhdl|elm)$/;
const PLAIN = /^(|te?xt|plain|output|log|diff|markdown|md|csv)$/;
const WORDS = new Set(
  `abstract and as assert async await begin bool boolean break case catch char class const continue
  def default defer del delete do double elif else elseif end enum except export extends extern final
  finally float fn for foreach from func function global goto if impl implements import in include
  instanceof int interface is lambda let local long loop match module mut namespace new nil none not
  null of or override package pass private protected pub public raise return self short signed sizeof
  static string struct super switch template then this throw trait true false try type typedef typeof
  union unsigned until use using var virtual void when where while with yield None True False
  echo fi done esac elsif unless require puts`.split(/\s+/),
);
const SQL_WORDS = new Set(
  `select insert into values update set delete from join left right inner outer full cross on where
  group by order having limit offset create table index view alter drop primary key foreign references
  not null and or in is as distinct union all exists between like case when then else end with asc
  desc begin commit rollback default check unique`.split(/\s+/),
);
/** Lines of a chunk of code; base.css has their number too. */
export const CHUNK = 64;
/** Characters of a chunk that have colours; more cannot be laid out in time. */
export const COLOURED = 20_000;
const COLOURED_HTML = 60_000; // about as many, as HTML
const STRING = `"""|'''|"(?:\\\\.|[^"\\\\])*"?|'(?:\\\\.|[^'\\\\])*'?|\`(?:\\\\.|[^\`\\\\])*\`?`;

/** @typedef {{end: string, mark: string}} Unended what a line leaves open: what ends it, its class */

/**
 * What finds the parts of a line that have a colour.
 *
 * @param {string} language
 */
function pattern(language) {
  const comment = HASH.test(language) ? "#.*" : DASH.test(language) ? "--.*" : "//.*|/\\*|<!--";
  return new RegExp(
    `(?<c>${comment})|(?<s>${STRING})|(?<m>\\b\\d[\\w.]*)|(?<w>[A-Za-z_]\\w*)`,
    "g",
  );
}

/** Takes lines of one language one after another, and gives each its colours. */
export class Colours {
  /** @type {Unended | null} */
  #open = null;

  /** @param {string} language */
  constructor(language) {
    this.pattern = PLAIN.test(language) ? null : pattern(language);
    this.sql = language === "sql";
    this.words = this.sql ? SQL_WORDS : WORDS;
  }

  /**
   * The nodes of one line.
   *
   * @param {string} line
   */
  line(line) {
    if (!this.pattern) return [line];
    /** @type {(Node | string)[]} */
    const made = [];
    let plain = 0; // where the text begins that has no colour
    let at = 0;
    const put = (
      /** @type {string} */ mark,
      /** @type {number} */ from,
      /** @type {number} */ to,
    ) => {
      if (from > plain) made.push(line.slice(plain, from));
      if (to > from) made.push(el("span", { class: mark, text: line.slice(from, to) }));
      plain = to;
      at = to;
    };
    if (this.#open) put(this.#open.mark, 0, this.#end(line, 0));
    for (;;) {
      this.pattern.lastIndex = at;
      const found = this.pattern.exec(line);
      if (!found?.groups) break;
      const { c, s, w } = found.groups;
      const { index } = found;
      at = index + found[0].length;
      const keyword = this.words.has(this.sql ? (w ?? "").toLowerCase() : w);
      if (c === "/*" || c === "<!--" || s === '"""' || s === "'''") {
        this.#open = { end: c === "/*" ? "*/" : c ? "-->" : s, mark: c ? "c" : "s" };
        put(this.#open.mark, index, this.#end(line, at));
      } else if (!w) put(c ? "c" : s ? "s" : "m", index, at);
      else if (keyword || line[at] === "(") put(keyword ? "k" : "f", index, at);
    }
    if (plain < line.length) made.push(line.slice(plain));
    return made;
  }

  /** Where what is open ends in a line. */
  #end(/** @type {string} */ line, /** @type {number} */ from) {
    const { end } = /** @type {Unended} */ (this.#open);
    const at = line.indexOf(end, from);
    if (at < 0) return line.length;
    this.#open = null;
    return at + end.length;
  }
}

/**
 * The HTML of code in chunks of lines, of which those that nobody sees are not laid out.
 *
 * @param {string} html in which spans stand beside each other
 */
export function chunked(html) {
  const lines = html.split(/(?<=\n)/);
  let made = "";
  let open = ""; // the span that goes on in the next chunk
  for (let at = 0; at < lines.length; at += CHUNK) {
    let part = open + lines.slice(at, at + CHUNK).join("");
    const much = part.indexOf("<span", COLOURED_HTML);
    if (much >= 0) part = part.slice(0, much) + part.slice(much).replace(/<\/?span[^>]*>/g, "");
    const last = part.lastIndexOf("<span");
    open = last > part.lastIndexOf("</span") ? part.slice(last, part.indexOf(">", last) + 1) : "";
    made += `<span class="lines">${part}${open && "</span>"}</span>`;
  }
  return made;
}

/**
 * Code with its head and a copy button.
 *
 * @param {string | undefined} language
 * @param {HTMLElement} pre
 */
export function codeBox(language, pre) {
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  /** @type {HTMLElement} */
  const box = el(
    "div",
    { class: "code", dir: "ltr" },
    el(
      "div",
      { class: "code-head" },
      el("span", { text: language || "text" }),
      copyButton("Copy code", () => box.querySelector("pre")?.textContent ?? ""),
    ),
    pre,
  );
  return box;
}
