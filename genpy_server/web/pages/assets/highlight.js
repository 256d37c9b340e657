// Words that were looked for, marked in a text without a change of it.

/**
 * The words of a search: what stands in quotes is one.
 *
 * @param {string} asked
 */
const terms = (asked) =>
  [...asked.matchAll(/"([^"]+)"|[\p{L}\p{N}_]+/gu)]
    .map(([whole, quoted]) => (quoted ?? whole).trim())
    .filter(Boolean);

/**
 * Where words stand in a text, as places of their first and behind their last unit.
 *
 * @param {string} text
 * @param {string} asked
 */
export function hits(text, asked) {
  const found = [];
  for (const word of terms(asked)) {
    const literally = word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    const begun = new RegExp(`(?<![\\p{L}\\p{N}_])${literally}`, "giu");
    for (const { 0: hit, index } of text.matchAll(begun)) found.push([index, index + hit.length]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}

/**
 * Mark words in an element, and nowhere else; a browser that cannot leaves them as they are.
 *
 * @param {Element} element
 * @param {string} asked
 */
export function highlight(element, asked) {
  if (!globalThis.CSS?.highlights) return;
  const ranges = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    for (const [from, to] of hits(node.textContent ?? "", asked)) {
      const range = new Range();
      range.setStart(node, from);
      range.setEnd(node, to);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
