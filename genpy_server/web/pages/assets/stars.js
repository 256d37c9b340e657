// A rating from 1 to 5 as a group of radio buttons that look like stars.

import { el, icon } from "./dom.js";

let groups = 0;

/**
 * `rate(n)` is called with the choice; `show(n)` of the result sets what is shown.
 *
 * @param {number | null | undefined} rating
 * @param {(rating: number) => void} rate
 */
export function stars(rating, rate) {
  groups += 1;
  const group = `rating-${groups}`;
  const inputs = [1, 2, 3, 4, 5].map((value) =>
    el("input", {
      type: "radio",
      name: group,
      value,
      id: `${group}-${value}`,
      on: { change: () => rate(value) },
    }),
  );
  const element = el(
    "fieldset",
    { class: "stars" },
    el("legend", { text: "Rating" }),
    ...inputs.map((input) =>
      el(
        "label",
        { for: input.id, title: `${input.value} of 5` },
        input,
        icon("star"),
        el("span", { class: "unseen", text: `${input.value} of 5` }),
      ),
    ),
  );
  const show = (/** @type {number | null | undefined} */ value) =>
    inputs.forEach((input) => {
      input.checked = Number(input.value) === value;
    });
  show(rating);
  return { element, show };
}
