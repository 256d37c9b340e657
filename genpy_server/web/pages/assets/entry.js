// One message as an article: who, what for, with which tools, the text, how it ended.

import { Body } from "./body.js";
import { announce, button, copyButton, el, isolated, once, timeOf, words } from "./dom.js";
import { atOnce, morph } from "./steps.js";

/** @import {Entry} from "./transcript.js" */

/**
 * How a reply ended that was not done, with text of it and without.
 *
 * @type {Record<string, [string, string]>}
 */
const ENDINGS = {
  stopped: ["Stopped by you. What came is kept.", "Stopped by you before anything came."],
  length: ["The reply reached the model’s limit.", "The model’s limit was reached before a reply."],
  content_filter: [
    "The model’s service filtered the rest of the reply.",
    "The model’s service filtered the reply.",
  ],
  interrupted: [
    "The reply was interrupted. What came is kept.",
    "The reply was interrupted before anything came.",
  ],
  error: ["The reply failed. What came is kept.", "The reply failed before anything came."],
};

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu; // marks of direction among them

/**
 * Arguments as JSON, in which nothing is hidden.
 *
 * @param {Json} args
 * @param {number} [indent]
 */
const exact = (args, indent) =>
  JSON.stringify(args, null, indent).replace(INVISIBLE, (mark) =>
    mark === "\n" ? mark : `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`,
  );

/** A time in milliseconds, from a second on in seconds. */
const took = (/** @type {number} */ ms) =>
  Math.round(ms) < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;

export class EntryView {
  /** @typedef {{box: HTMLDetailsElement, state: HTMLElement, result: HTMLElement, asks: HTMLElement}} ToolBox */
  /** @type {Map<string, ToolBox>} */
  #tools = new Map();
  #chipped = "";
  #parts = {
    chip: /** @type {HTMLElement} */ (el("span", {})),
    at: el("span", { class: "at" }),
    thinking: el("details", { class: "tool thinking", hidden: true }),
    tools: el("div", { class: "tools" }),
    note: el("p", { class: "note", hidden: true }),
    facts: el("span", { class: "facts" }),
  };

  /** @type {HTMLElement | null} */
  #thoughts = null;
  #since = 0; // when the model was first seen to think, in ms
  #thought = 0; // how long that was seen
  /** @type {EntryView | null} */
  #chosen = null; // an earlier answer that is shown instead
  /** @type {HTMLElement | null} */
  #answers = null;

  /**
   * @param {Entry} entry
   * @param {Pick<Actions, "again" | "approve" | "modes" | "turned">} [act] what can be done, where
   *   something can
   * @param {EntryView} [newest] the view of the newest answer to the same message, where this is not it
   */
  constructor(entry, act, newest) {
    this.entry = entry;
    this.act = act;
    /** @type {EntryView} */
    this.newest = newest ?? this;
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
      this.#parts.thinking,
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
    this.#thinking(streaming);
    for (const tool of entry.tools) this.#tool(tool);
    this.body.show(entry);
    this.#ending(streaming);
  }

  /** How a reply ended that was not done. */
  get note() {
    return this.#parts.note.textContent;
  }

  /** What was edited away stays readable, and steps back. */
  mark() {
    const { replaced } = this.newest.entry;
    this.edited.hidden = !replaced;
    this.element.classList.toggle("replaced", replaced);
  }

  /**
   * The view of the answer that is shown: this one, or one before it.
   *
   * @returns {EntryView}
   */
  get shown() {
    return this.#chosen ?? this;
  }

  /**
   * Show one of the answers to the same message in the place of the one that is shown.
   *
   * @param {Entry} entry
   */
  choose(entry) {
    const before = this.shown;
    if (before.entry === entry) return;
    this.#chosen = entry === this.entry ? null : new EntryView(entry, this.act, this);
    this.shown.update();
    this.shown.mark();
    before.element.replaceWith(this.shown.element);
    this.act?.turned();
  }

  /** The way to the other answers to the same message. */
  #others() {
    const { entry: newest } = this.newest;
    const all = [...newest.earlier, newest];
    if (all.length < 2) return;
    if (!this.#answers) {
      this.#answers = el("span", { class: "answers" });
      this.#parts.facts.before(this.#answers);
    }
    const at = all.indexOf(this.entry);
    const state = `Answer ${at + 1} of ${all.length}`;
    if (this.#answers.textContent === state) return;
    const turn = (/** @type {string} */ label, /** @type {1 | -1} */ step) =>
      button(
        label,
        () => {
          this.newest.choose(all[at + step]);
          const { foot } = this.newest.shown;
          /** @type {NodeListOf<HTMLButtonElement>} */
          const turns = foot.querySelectorAll(".answers button:enabled");
          ([...turns].find((one) => one.title === label) ?? turns[0])?.focus();
          announce(`Answer ${at + step + 1} of ${all.length}.`);
        },
        { name: step < 0 ? "back" : "forth", class: "quiet", disabled: !all[at + step] },
      );
    this.#answers.replaceChildren(turn("Previous answer", -1), state, turn("Next answer", 1));
  }

  #chip() {
    const { intent, score, reason } = this.entry;
    const state = `${intent}:${reason}`;
    if (!intent || state === this.#chipped) return;
    this.#chipped = state;
    const why = `${reason || "found by GenPy"}${score != null && score < 1 ? ` (${Math.round(score * 100)}%)` : ""}`;
    const panel = el(
      "div",
      { class: "panel" },
      el("p", { text: `Understood as ${isolated(this.#label(intent))}: ${isolated(why)}.` }),
    );
    const others = (this.act?.modes() ?? [])
      .filter(({ name }) => name !== intent)
      .map(({ name, label }) =>
        button(
          label,
          once(() => this.act?.again({ intent: name })),
          { class: "chip-choice", dir: "auto" },
        ),
      );
    if (others.length) {
      panel.append(el("p", { class: "choices", text: "Answer again as " }, ...others));
    }
    const chip = el(
      "details",
      { class: "chip" },
      el("summary", {
        title: why,
        "aria-label": `Kind of help: ${this.#label(intent)}. Why: ${why}`,
        text: this.#label(intent),
      }),
      panel,
    );
    this.#parts.chip.replaceWith(chip);
    this.#parts.chip = chip;
  }

  /** The name of a kind of help as a person reads it. */
  #label(/** @type {string} */ intent) {
    return this.act?.modes().find(({ name }) => name === intent)?.label ?? words(intent);
  }

  /** What the model thought, which is made when somebody looks at it. */
  #thinking(/** @type {boolean} */ streaming) {
    const { reasoning, text, firstTokenMs, ms } = this.entry;
    const { thinking } = this.#parts;
    thinking.hidden = !reasoning;
    if (!reasoning) return;
    if (!this.#thoughts) {
      this.#thoughts = el("div", { class: "tool-result thoughts", dir: "auto" });
      thinking.append(el("summary", { text: "Thoughts" }), this.#thoughts);
      thinking.addEventListener("toggle", () => this.#thinking(this.entry.status === "streaming"));
    }
    const [summary] = thinking.children;
    const now = streaming && !text;
    if (now) {
      this.#since ||= performance.now();
      this.#thought = performance.now() - this.#since;
    }
    const told = streaming ? null : text ? firstTokenMs : ms;
    const seconds = Math.round((told ?? this.#thought) / 1000);
    const [short, long] = now ? ["Thinking…", "Thinking"] : ["Thoughts", "Thought for"];
    const label = seconds ? `${long} ${seconds} s` : short;
    if (summary.textContent !== label) summary.textContent = label;
    if (thinking.open && this.#thoughts.textContent !== reasoning) {
      atOnce(morph(this.#thoughts, [reasoning]));
    }
  }

  /** @param {ToolLine} tool */
  #tool(tool) {
    let shown = this.#tools.get(tool.call);
    if (!shown) {
      const state = el("span", { class: "tool-state" });
      const result = el("div", { class: "tool-result" });
      const args = Object.keys(tool.args).length
        ? el("p", { class: "args", text: exact(tool.args) })
        : null;
      const box = el(
        "details",
        { class: "tool" },
        el("summary", {}, el("bdi", { text: words(tool.name) }), state),
        args,
        result,
      );
      // The result is formatted when somebody looks at it.
      box.addEventListener("toggle", () => {
        if (box.open) this.#result(tool, result);
      });
      const asks = el("div", { class: "asks", hidden: true });
      shown = { box, state, result, asks };
      this.#tools.set(tool.call, shown);
      this.#parts.tools.append(box, asks);
    }
    const { box, state, result, asks } = shown;
    const answered = asks.contains(document.activeElement);
    this.#asks(tool, asks);
    if (answered && asks.hidden) box.querySelector("summary")?.focus();
    const failed = tool.ok === false && tool.result !== "Stopped.";
    box.classList.toggle("failed", failed);
    if (tool.ok === null) state.textContent = tool.progress || "asking…";
    else if (tool.ok) state.textContent = took(tool.ms);
    else state.textContent = failed ? "failed" : "stopped";
    if (box.open) this.#result(tool, result);
  }

  /**
   * Ask whether a tool that acts may run, or what it asks itself.
   *
   * @param {ToolLine} tool
   * @param {HTMLElement} place
   */
  #asks({ call, name, args, asks }, place) {
    place.hidden = asks === null || !this.act;
    if (place.hidden || place.dataset.asks === asks) return;
    place.dataset.asks = asks ?? "";
    const answer = (/** @type {string} */ label, /** @type {Decision} */ decision) =>
      button(
        label,
        once(() => this.act?.approve(this.entry.run ?? "", call, decision)),
      );
    const answers = asks
      ? [answer("Yes", "once"), answer("No", "no")]
      : [
          answer("Allow once", "once"),
          answer("Allow in this conversation", "session"),
          answer("Always allow", "always"),
          answer("Do not allow", "no"),
        ];
    const question = asks || `May “${isolated(words(name))}” run?`;
    place.replaceChildren(
      el("p", { text: question, dir: "auto" }),
      ...(Object.keys(args).length ? [el("pre", { class: "args", text: exact(args, 2) })] : []),
      el("p", { class: "choices" }, ...answers),
    );
    announce(question);
  }

  /**
   * @param {ToolLine} tool
   * @param {HTMLElement} place
   */
  #result(tool, place) {
    if (tool.ok === null || place.hasChildNodes()) return;
    const body = el("div", { class: "body", dir: "auto" });
    place.append(body);
    new Body(body).show({ text: tool.result, blocks: [], html: null, status: "done" });
  }

  #ending(/** @type {boolean} */ streaming) {
    const { entry } = this;
    const { note, facts } = this.#parts;
    const text =
      entry.error || (streaming ? "" : (ENDINGS[entry.status]?.[entry.text ? 0 : 1] ?? ""));
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("bad", Boolean(entry.error) || entry.status === "error");
    this.foot.hidden = streaming || entry.role !== "assistant";
    this.copy.hidden = !entry.text;
    if (this.foot.hidden) return;
    this.#others();
    const told = [
      entry.model && isolated(entry.model),
      entry.ms && took(entry.ms),
      entry.usage.completion_tokens &&
        `${entry.usage.completion_tokens.toLocaleString("en")} tokens`,
    ];
    facts.textContent = told.filter(Boolean).join(" · ");
  }
}
