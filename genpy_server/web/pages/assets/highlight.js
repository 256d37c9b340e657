// Words that were looked for, marked in a text without a change of it.

/**
 * The words of a search: what stands in quotes is one.
 *
 * @param {string} asked
 */
const terms = (asked) =>
  [...asked.matchAll(/"([^"]+)"|[\p{L}\p{N}_]+/gu)]
    .map(([whole, quoted]) => (quoted ?? whole).trim().toLowerCase())
    .filter(Boolean);

/**
 * Where words stand in a text, as places of their first and behind their last unit.
 *
 * @param {string} text
 * @param {string} asked
 */
export function hits(text, asked) {
  const found = [];
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return []; // a letter that is two in lower case moves places
  for (const word of terms(asked)) {
    for (let at = 0; (at = lower.indexOf(word, at)) >= 0; at += word.length) {
      if (!/[\p{L}\p{N}_]/u.test(text[at - 1] ?? "")) found.push([at, at + word.length]);
    }
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
