// The conversation on the screen: its entries in order, kept at the end while one is there.

import { link } from "./api.js";
import { announce, button, el, menuOf, once } from "./dom.js";
import { EntryView } from "./entry.js";
import { highlight } from "./highlight.js";
import { stars } from "./stars.js";

/** @import {Entry, Transcript} from "./transcript.js" */

const NEAR = 80; // px from the end within which new text is followed
const AHEAD = 800; // px from the beginning or the end at which more messages are asked for
const SPOKEN = 600; // characters of a reply that are announced
const WAITING = 2_000; // characters of a message on its way that are shown; all of it is sent
const REFUSED = { lines: 3, chars: 200 }; // of a message that was refused: replies come above it

export class View {
  /** @type {Map<Entry, EntryView>} */
  #views = new Map();
  #follow = true;
  #frame = 0;
  #top = 0;
  /** @type {ReturnType<typeof stars> | null} */
  #rating = null;
  /** @type {Entry | null} */
  #asked = null;
  /** @type {HTMLElement | undefined} */
  #last = undefined; // the article of the newest message
  /** @type {Element | null} */
  #reached = null; // the message at an end, once it was near and those beyond it were asked for
  /** @type {HTMLElement | null} */
  #passing = null;
  #window = false; // whether this is a part of the conversation without its end
  /** @type {Wanted | null} */
  #marked = null;
  /** @type {string[]} */
  #models = []; // that can be asked

  /**
   * @param {object} place
   * @param {HTMLElement} place.scroller
   * @param {HTMLElement} place.list
   * @param {Actions} place.act
   */
  constructor({ scroller, list, act }) {
    this.scroller = scroller;
    this.list = list;
    this.act = act;
    this.entries = el("div", { class: "entries" });
    this.entries.addEventListener("formatted", ({ target }) => {
      const article = target instanceof Element && target.closest("article");
      if (this.#marked && article && article.id === `m${this.#marked.id}`) this.#mark(this.#marked);
    });
    this.pending = el("div", { class: "entries" });
    this.ending = el("section", {
      class: "ending",
      "aria-label": "The end of this conversation",
      hidden: true,
    });
    this.older = button("Earlier messages", () => act.older(), { class: "older", hidden: true });
    this.newer = button("Later messages", () => act.newer(), { class: "older", hidden: true });
    this.again = button(
      "Answer again",
      once(() => act.again()),
      { name: "again", class: "quiet" },
    );
    this.others = menuOf("Ask another model", "others", () =>
      this.#models.map((model) => button(model, () => act.again({ model }))),
    );
    this.edit = button("Edit your last message", () => act.edit(this.#asked), {
      name: "edit",
      class: "quiet",
    });
    this.jump = button("To the newest message", () => act.newest(), {
      name: "down",
      class: "jump",
      hidden: true,
    });
    list.replaceChildren(this.older, this.entries, this.newer, this.pending, this.ending);
    scroller.after(this.jump);
    scroller.classList.remove("still");
    scroller.onscroll = () => this.#scrolled();
    this.sizes = new ResizeObserver(() => this.#keepUp());
    this.sizes.observe(list);
    this.sizes.observe(scroller);
  }

  close() {
    this.sizes.disconnect();
    this.jump.remove();
    this.list.replaceChildren();
  }

  /**
   * Bring the screen up to the transcript.
   *
   * @param {Transcript} transcript
   * @param {Set<Entry>} changed the entries that changed
   * @param {boolean} arrange whether there may be others than before
   */
  update(transcript, changed, arrange) {
    for (const entry of changed) {
      const view = this.#views.get(entry);
      if (view) view.update();
      else arrange = true;
    }
    if (arrange) this.#arrange(transcript);
    if (arrange || changed.size) this.#place(transcript);
    this.older.hidden = transcript.before === null;
    this.#window = transcript.after !== null;
    this.newer.hidden = !this.#window;
    this.pending.hidden = this.#window;
    this.#offerJump();
    this.#end(transcript);
    if (this.#marked) this.#mark(this.#marked);
  }

  /** @param {Transcript} transcript */
  #arrange({ entries }) {
    const wanted = new Set(entries);
    for (const [entry, view] of this.#views) {
      if (wanted.has(entry)) continue;
      view.shown.element.remove();
      this.#views.delete(entry);
    }
    // The newest is formatted first, as it is what is seen first.
    for (const entry of entries.toReversed()) {
      if (!this.#views.has(entry)) this.#views.set(entry, new EntryView(entry, this.act));
    }
    let before = this.entries.firstElementChild;
    for (const entry of entries) {
      const view = /** @type {EntryView} */ (this.#views.get(entry));
      if (entry.earlier.length) view.shown.update();
      view.shown.mark();
      while (before?.classList.contains("notice")) before = before.nextElementSibling;
      const { element } = view.shown;
      if (before && element === before) before = before.nextElementSibling;
      else this.entries.insertBefore(element, before);
    }
  }

  /**
   * The last reply, once it is over, can be asked for again; the last message can be edited.
   *
   * @param {Transcript} transcript
   */
  #place({ entries, running, after }) {
    const last = after === null ? entries.at(-1) : undefined;
    const view = last?.role === "assistant" && !running ? this.#views.get(last)?.shown : null;
    if (!view) {
      this.again.remove();
      this.others.remove();
    } else if (this.again.parentNode !== view.foot) {
      view.foot.firstElementChild?.after(this.again, this.others);
    }
    this.#asked =
      (after === null && entries.findLast((one) => one.role === "user" && one.messageId)) || null;
    const head = this.#asked && this.#views.get(this.#asked)?.head;
    if (!head) this.edit.remove();
    else if (this.edit.parentNode !== head) head.append(this.edit);
    const element = last && this.#views.get(last)?.shown.element;
    if (element !== this.#last) this.#last?.classList.remove("last");
    element?.classList.add("last");
    this.#last = element;
  }

  /**
   * Offer models to answer again with.
   *
   * @param {string[]} models
   */
  offer(models) {
    this.#models = models;
    this.others.hidden = models.length < 2;
  }

  /** @param {Transcript} transcript */
  #end({ status, summary, rating, session }) {
    this.ending.hidden = status !== "completed";
    if (this.ending.hidden) return;
    const text =
      summary?.summary ?? summary?.note ?? "This conversation was ended. Write to go on with it.";
    const state = `${session}:${text}`;
    if (this.ending.dataset.state !== state) {
      this.ending.dataset.state = state;
      this.#rating = stars(rating, (value) => this.act.rate(value));
      this.ending.replaceChildren(
        el("h2", { text: summary?.summary ? "Summary" : "Ended" }),
        el("p", { text }),
        summary?.topics?.length
          ? el(
              "ul",
              { class: "topics", "aria-label": "Topics" },
              ...summary.topics.map((topic) => el("li", { text: topic })),
            )
          : "",
        el(
          "div",
          { class: "ending-foot" },
          this.#rating.element,
          el("a", { href: link(`summary/${session}`), text: "Open the summary" }),
        ),
      );
    }
    this.#rating?.show(rating);
  }

  /**
   * Show what is on its way, what waits to go out again, and what was refused.
   *
   * @param {Waiting[]} messages
   * @param {Set<string | null>} known ids that the transcript holds
   * @param {boolean} connected
   */
  waiting(messages, known, connected) {
    const shown = messages.filter(({ id }) => !known.has(id));
    const way = messages.some((one) => one.held) ? "Waits for its turn…" : "On its way…";
    this.pending.replaceChildren(
      ...shown.map(({ id, text, refused, held }) => {
        const discard = button("Discard", () => this.act.discard(id));
        let begin = text.slice(0, refused ? REFUSED.chars : WAITING);
        if (refused) begin = begin.split("\n", REFUSED.lines).join("\n");
        let note = el("p", { class: "note", text: connected ? way : "Waits for the connection…" });
        if (refused) {
          const back = button("Take back to edit", () => this.act.takeBack(id));
          const again = button("Send again", () => this.act.resend(id));
          const why = `Not sent. ${refused} `;
          note = el("p", { class: "note bad", text: why }, back, again, discard);
        } else if (held && connected) {
          const why = `Waits and goes out again by itself. ${held} `;
          note = el("p", { class: "note", text: why }, discard);
        }
        return el(
          "article",
          { class: "message user pending" },
          el("header", {}, el("h2", { text: "You" })),
          el(
            "div",
            { class: "body", dir: "auto" },
            el("p", { text: begin.length < text.length ? `${begin}…` : text }),
          ),
          note,
        );
      }),
    );
  }

  /**
   * A line between the messages.
   *
   * @param {string} text
   * @param {boolean} [passing] whether it holds only until the reply goes on
   */
  notice(text, passing) {
    const line = el("p", { class: "notice", text });
    this.entries.append(line);
    announce(text);
    if (!passing) return;
    this.goesOn();
    this.#passing = line;
  }

  /** The reply does not wait any more. */
  goesOn() {
    this.#passing?.remove();
    this.#passing = null;
  }

  /**
   * Announce a reply, as soon as all of it is there.
   *
   * @param {Entry} entry
   */
  spoke(entry) {
    const view = this.#views.get(entry);
    if (view?.body.busy) {
      view.text.addEventListener("formatted", () => this.spoke(entry), { once: true });
      return;
    }
    let text = "";
    // Not by innerText, for which all of a long reply would be laid out at once.
    for (const block of view?.text.children ?? []) {
      if (text.length > SPOKEN) break;
      text += `${(block.querySelector("pre") ?? block).textContent}\n`;
    }
    text = text.trim() || entry.text;
    if (text.length > SPOKEN) text = `${text.slice(0, SPOKEN)} …`;
    announce(`GenPy: ${[text, view?.note].filter(Boolean).join(" ")}`);
  }

  /**
   * Bring a message into view, and mark the words in it that were looked for.
   *
   * @param {Wanted} wanted
   */
  find(wanted) {
    for (const [{ earlier }, view] of this.#views) {
      const answer = earlier.find(({ messageId }) => messageId === wanted.id);
      if (answer) view.choose(answer);
    }
    const article = document.getElementById(`m${wanted.id}`);
    if (!article) return;
    this.#follow = false;
    article.tabIndex = -1;
    article.focus({ preventScroll: true });
    article.scrollIntoView({ block: "center" });
    // What is near it is laid out only now, and may be higher than was guessed.
    requestAnimationFrame(() => article.scrollIntoView({ block: "center" }));
    this.#marked = wanted;
    this.#mark(wanted);
  }

  #mark(/** @type {Wanted} */ { id, words }) {
    const article = document.getElementById(`m${id}`);
    if (article) highlight(article, words);
  }

  /**
   * Keep what is on the screen where it is while `change` puts something in front or behind.
   *
   * @param {() => void} change
   * @param {"before" | "after"} side
   */
  hold(change, side) {
    const still =
      side === "before" ? this.entries.firstElementChild : this.entries.lastElementChild;
    const top = still?.getBoundingClientRect().top ?? 0;
    this.#follow = false;
    change();
    if (still) this.scroller.scrollTop += still.getBoundingClientRect().top - top;
    this.#top = this.scroller.scrollTop; // nobody scrolled
  }

  toEnd() {
    this.#follow = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.#keepUp(); // what is there is laid out only now, and may be higher than was guessed
  }

  #scrolled() {
    const { scrollTop } = this.scroller;
    const below = this.#below;
    const near = below < NEAR;
    const moved = scrollTop - this.#top;
    // What is not near the end may be new text that was not followed yet; only going up leaves it.
    if (near || moved < 0) this.#follow = near && !this.#window;
    const { firstElementChild: first, lastElementChild: last } = this.entries;
    if (moved < 0 && scrollTop < AHEAD && !this.older.hidden) this.#reach(first, this.act.older);
    if (moved > 0 && below < AHEAD && this.#window) this.#reach(last, this.act.newer);
    this.#top = scrollTop;
    this.#offerJump();
  }

  /** How much is below what is seen, in px. */
  get #below() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #offerJump() {
    this.jump.hidden = !this.#window && (this.#follow || this.#below < NEAR);
  }

  /**
   * Ask for what is beyond an end, once for each message that stands there.
   *
   * @param {Element | null} end
   * @param {() => void} ask
   */
  #reach(end, ask) {
    if (end === this.#reached) return;
    this.#reached = end;
    ask();
  }

  #keepUp() {
    if (!this.#follow || this.#frame || !this.list.clientHeight) return; // nothing is said yet
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#follow) this.scroller.scrollTop = this.scroller.scrollHeight;
    });
  }
}
