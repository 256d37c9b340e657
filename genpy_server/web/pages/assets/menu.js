// The slash commands that fit what is written, above the box; one of them is chosen.

import { byId, el } from "./dom.js";

const ROWS = 8; // that are seen at once
const BEGUN = /^\/([a-z0-9_-]*)$/;

export class SlashMenu {
  /** @type {SlashCommand[]} */
  #fits = [];
  #place = 0;
  #left = ""; // the text for which it was closed

  /**
   * @param {HTMLTextAreaElement} box
   * @param {object} doors
   * @param {() => Map<string, SlashCommand>} doors.commands
   * @param {() => void} doors.chosen called when one was clicked
   */
  constructor(box, { commands, chosen }) {
    this.box = box;
    this.commands = commands;
    this.list = byId("slash");
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box stays
    this.list.addEventListener("click", ({ target }) => {
      const row = target instanceof Element && target.closest("[role=option]");
      if (!row) return;
      this.#place = Number(row.getAttribute("aria-posinset")) - 1;
      chosen();
    });
    box.addEventListener("input", () => this.look());
    box.addEventListener("blur", () => this.close());
  }

  /** What Enter runs; undefined while nothing fits. */
  get chosen() {
    return this.#fits[this.#place];
  }

  /** Show what fits the text in the box. */
  look() {
    const begun = this.box.value === this.#left ? null : BEGUN.exec(this.box.value);
    if (begun) this.#left = "";
    const fits = begun
      ? [...this.commands().values()].filter(({ slash }) => slash.startsWith(begun[1]))
      : [];
    const same = fits.length === this.#fits.length && fits.every((c, at) => c === this.#fits[at]);
    if (same) return;
    this.#fits = fits;
    this.list.hidden = !fits.length;
    this.#choose(0);
  }

  /** Close until another text is written. */
  close() {
    this.#left = this.box.value;
    this.look();
  }

  /**
   * Take a key; true when it was the menu's.
   *
   * @param {string} key
   */
  key(key) {
    const { chosen } = this;
    if (!chosen) return false;
    const count = this.#fits.length;
    if (key === "ArrowDown") this.#choose((this.#place + 1) % count);
    else if (key === "ArrowUp") this.#choose((this.#place + count - 1) % count);
    else if (key === "Escape") this.close();
    else if (key === "Tab") {
      this.box.value = `/${chosen.slash} `;
      this.look();
    } else return false;
    return true;
  }

  /** Show the rows around the one that is chosen. */
  #choose(/** @type {number} */ place) {
    this.#place = place;
    const count = this.#fits.length;
    const first = Math.max(0, Math.min(place - ROWS / 2, count - ROWS));
    const last = Math.min(count, first + ROWS) - 1;
    this.list.replaceChildren(
      ...this.#fits.slice(first, last + 1).map(({ slash, argument, help }, number) => {
        const at = first + number;
        const [arrow, more] = at === last ? ["↓", count - 1 - last] : ["↑", at > first ? 0 : first];
        return el(
          "li",
          {
            role: "option",
            id: `slash-${at}`,
            "aria-selected": String(at === place),
            "aria-posinset": at + 1,
            "aria-setsize": count,
          },
          el("span", { class: "name" }, `/${slash}`, argument && el("i", { text: ` ${argument}` })),
          el("span", { class: "help", text: help, dir: "auto" }),
          more
            ? el("span", { class: "more", "aria-hidden": "true", text: `${arrow} ${more}` })
            : "",
        );
      }),
    );
    const { chosen } = this;
    this.list.children[place - first]?.scrollIntoView({ block: "nearest" });
    if (chosen) this.box.setAttribute("aria-activedescendant", `slash-${place}`);
    else this.box.removeAttribute("aria-activedescendant");
  }
}
