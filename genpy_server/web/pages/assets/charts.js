// Numbers as bars, each with its number in words beside it.

import { el, svg } from "./dom.js";

const WIDTH = 100;

/**
 * A figure of one row for each [label, number], or null when there is nothing to show.
 *
 * @param {string} caption
 * @param {[string, number][]} rows
 */
export function bars(caption, rows) {
  const shown = rows.filter(([, number]) => number > 0);
  if (!shown.length) return null;
  const most = Math.max(...shown.map(([, number]) => number));
  const list = el("dl", {});
  for (const [label, number] of shown) {
    const bar = svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} 8`,
        preserveAspectRatio: "none",
        class: "bar",
        "aria-hidden": "true",
      },
      svg("rect", { width: WIDTH, height: 8, rx: 2, class: "track" }),
      svg("rect", { width: Math.max(1, (number / most) * WIDTH), height: 8, rx: 2, class: "fill" }),
    );
    list.append(
      el(
        "div",
        { class: "row" },
        el("dt", { text: label }),
        el("dd", {}, bar, el("span", { text: number.toLocaleString("en") })),
      ),
    );
  }
  return el("figure", { class: "chart" }, el("figcaption", { text: caption }), list);
}
