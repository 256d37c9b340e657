// One message as an article: who, what for, with which tools, the text, how it ended.

import { Body } from "./body.js";
import { copyButton, el, timeOf, words } from "./dom.js";
import { blocks } from "./markdown.js";

/** @import {Entry} from "./transcript.js" */

export const INTENTS = ["casual_chat", "code_assistant", "tutorial", "technical_support"];

/** @type {Record<string, string>} */
const ENDINGS = {
  stopped: "Stopped by you. What came is kept.",
  length: "The reply reached the model’s limit.",
  content_filter: "The model’s service filtered the rest of the reply.",
  interrupted: "The reply was interrupted. What came is kept.",
  error: "There is no reply.",
};

export class EntryView {
  /** @typedef {{box: HTMLDetailsElement, state: HTMLElement, result: HTMLElement}} ToolBox */
  /** @type {Map<string, ToolBox>} */
  #tools = new Map();
  #chipped = "";
  #parts = {
    chip: /** @type {HTMLElement} */ (el("span", {})),
    at: el("span", { class: "at" }),
    tools: el("div", { class: "tools" }),
    note: el("p", { class: "note", hidden: true }),
    facts: el("span", { class: "facts" }),
  };

  /**
   * @param {Entry} entry
   * @param {{choose?: (intent: string) => void}} [doors] `choose` answers again as another intent
   */
  constructor(entry, { choose } = {}) {
    this.entry = entry;
    this.choose = choose;
    this.text = el("div", { class: "body", dir: "auto" });
    this.body = new Body(this.text);
    const { chip, at, tools, note, facts } = this.#parts;
    const who = entry.role === "user" ? "You" : "GenPy";
    this.copy = copyButton(`Copy what ${who} said`, () => entry.text);
    const edited = entry.role === "user" ? "edited" : "to an edited message";
    this.edited = el("span", { class: "edited", text: edited, hidden: true });
    this.head = el("header", {}, el("h2", { text: who }), chip, at, this.edited);
    this.foot = el("footer", { hidden: true }, facts);
    if (entry.role === "assistant") this.foot.prepend(this.copy);
    else this.head.append(this.copy);
    this.element = el(
      "article",
      { class: `message ${entry.role}` },
      this.head,
      tools,
      this.text,
      note,
      this.foot,
    );
    this.update();
  }

  update() {
    const { entry } = this;
    const streaming = entry.status === "streaming";
    this.element.setAttribute("aria-busy", String(streaming));
    if (entry.messageId) this.element.id = `m${entry.messageId}`;
    if (entry.at && !this.#parts.at.hasChildNodes()) this.#parts.at.append(timeOf(entry.at));
    this.#chip();
    for (const tool of entry.tools) this.#tool(tool);
    this.body.show(entry);
    this.#ending(streaming);
  }

  /** What was edited away stays readable, and steps back. */
  mark() {
    this.edited.hidden = !this.entry.replaced;
    this.element.classList.toggle("replaced", this.entry.replaced);
  }

  #chip() {
    const { intent, score, reason } = this.entry;
    const state = `${intent}:${reason}`;
    if (!intent || state === this.#chipped) return;
    this.#chipped = state;
    const why = `${reason || "found by GenPy"}${score != null && score < 1 ? ` (${Math.round(score * 100)} %)` : ""}`;
    const others = INTENTS.filter((name) => name !== intent).map((name) =>
      el("button", {
        type: "button",
        class: "chip-choice",
        text: words(name),
        on: { click: () => this.choose?.(name) },
      }),
    );
    const panel = el(
      "div",
      { class: "panel" },
      el("p", { text: `Understood as ${words(intent)}: ${why}.` }),
    );
    if (this.choose) {
      panel.append(el("p", { class: "choices", text: "Answer again as " }, ...others));
    }
    const chip = el(
      "details",
      { class: "chip" },
      el("summary", {
        title: why,
        "aria-label": `Intent: ${words(intent)}. Why: ${why}`,
        text: words(intent),
      }),
      panel,
    );
    this.#parts.chip.replaceWith(chip);
    this.#parts.chip = chip;
  }

  /** @param {ToolLine} tool */
  #tool(tool) {
    let shown = this.#tools.get(tool.call);
    if (!shown) {
      const state = el("span", { class: "tool-state" });
      const result = el("div", { class: "tool-result" });
      const args = Object.keys(tool.args).length
        ? el("p", { class: "args", text: JSON.stringify(tool.args) })
        : null;
      const box = el(
        "details",
        { class: "tool" },
        el("summary", {}, el("span", { text: words(tool.name) }), state),
        args,
        result,
      );
      // The result is formatted when somebody looks at it.
      box.addEventListener("toggle", () => {
        if (box.open) this.#result(tool, result);
      });
      shown = { box, state, result };
      this.#tools.set(tool.call, shown);
      this.#parts.tools.append(box);
    }
    const { box, state, result } = shown;
    box.classList.toggle("failed", tool.ok === false);
    if (tool.ok === null) state.textContent = "asking…";
    else state.textContent = tool.ok ? `${Math.max(1, Math.round(tool.ms))} ms` : "failed";
    if (box.open) this.#result(tool, result);
  }

  /**
   * @param {ToolLine} tool
   * @param {HTMLElement} place
   */
  #result(tool, place) {
    if (tool.ok === null || place.hasChildNodes()) return;
    place.append(el("div", { class: "body", dir: "auto" }, ...blocks(tool.result, false)));
  }

  #ending(/** @type {boolean} */ streaming) {
    const { entry } = this;
    const { note, facts } = this.#parts;
    const text = entry.error || (streaming ? "" : (ENDINGS[entry.status] ?? ""));
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("bad", Boolean(entry.error) || entry.status === "error");
    this.foot.hidden = streaming || entry.role !== "assistant";
    this.copy.hidden = !entry.text;
    if (this.foot.hidden) return;
    const told = [
      entry.model,
      entry.ms && `${(entry.ms / 1000).toFixed(1)} s`,
      entry.usage.completion_tokens &&
        `${entry.usage.completion_tokens.toLocaleString("en")} tokens`,
    ];
    facts.textContent = told.filter(Boolean).join(" · ");
  }
}
