// Where a growing Markdown text may be cut: what stands before a cut can be rendered for good.
//
// Each line is looked at once. A cut is a guess that is nearly always right; the finished reply is
// rendered whole and corrects it.

const FENCE = /^(\s*)(`{3,}|~{3,})/;
const ITEM = /^\s*([-*+]|\d{1,9}[.)])\s/;

/** @param {string} line */
function kindOf(line) {
  if (ITEM.test(line)) return "list";
  return /^\s*[>|]/.test(line) ? "lines" : "text";
}

export class Blocks {
  text = "";
  cut = 0; // where the block that still grows begins
  lines = 0; // where its last, incomplete line begins
  kind = ""; // of that block: text, code, list, or lines (a table, a quotation)
  /** @type {{mark: string, top: boolean} | null} */
  #fence = null;
  #blank = false;

  /** @param {string} text */
  feed(text) {
    this.text += text;
    for (let end; (end = this.text.indexOf("\n", this.lines)) >= 0;) {
      const start = this.lines;
      this.lines = end + 1;
      this.#line(this.text.slice(start, end), start);
    }
  }

  /**
   * @param {string} line
   * @param {number} start
   */
  #line(line, start) {
    const fence = FENCE.exec(line);
    if (this.#fence) this.#inFence(this.#fence, line, fence);
    else if (fence) this.#open(fence, start);
    else if (!line.trim()) this.#blank = true;
    else {
      const begins = this.#blank && !/^\s/.test(line) && !(this.kind === "list" && ITEM.test(line));
      if (begins) this.cut = start;
      if (begins || !this.kind) this.kind = kindOf(line);
      this.#blank = false;
    }
  }

  /**
   * @param {string[]} fence
   * @param {number} start
   */
  #open([, indent, mark], start) {
    const top = indent === "" || (indent.length < 4 && this.kind !== "list");
    this.#fence = { mark, top };
    this.#blank = false;
    if (top) {
      this.cut = start;
      this.kind = "code";
    }
  }

  /**
   * @param {{mark: string, top: boolean}} open
   * @param {string} line
   * @param {string[] | null} fence
   */
  #inFence({ mark, top }, line, fence) {
    if (!fence?.[2].startsWith(mark) || line.trim() !== fence[2]) return;
    this.#fence = null;
    if (top) {
      this.cut = this.lines;
      this.kind = "";
    }
  }
}

/**
 * A long text in parts of about `size` characters, cut where it may be.
 *
 * @param {string} text
 * @param {number} size
 */
export function parts(text, size) {
  const found = [];
  const blocks = new Blocks();
  let from = 0;
  for (const line of text.split(/(?<=\n)/)) {
    const before = blocks.cut;
    blocks.feed(line);
    if (blocks.cut !== before && blocks.lines - from > size && before > from) {
      found.push(text.slice(from, before));
      from = before;
    }
  }
  found.push(text.slice(from));
  return found;
}
