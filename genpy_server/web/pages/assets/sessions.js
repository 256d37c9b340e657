// The list of conversations beside the chat, and the search over them and their messages.

import { menuButton } from "./actions.js";
import { Refusal, api, link, orRefusal, query } from "./api.js";
import { announce, button, el, isolated, plural, timeOf } from "./dom.js";
import { hits } from "./highlight.js";
import { ANSWERS } from "./shapes.js";

const PAUSE = 200; // ms of typing nothing after which a search begins
const SNIPPET = 140; // characters
const LEAD = 24; // of them before what was found, at most
const PAGE = 40;
const MOST = 200; // rows that are asked for again at once
const FOLLOW = 10_000; // ms between two looks at what others did, while the page is seen

/** Other tabs of this browser, which hear at once of what was changed here. */
const tabs = new BroadcastChannel("genpy-sessions");

export class SessionList {
  #timer = 0;
  #asked = 0;
  #waits = false; // for an answer, which a look at what others did would only put off
  #late = false; // whether an answer came while a menu or a dialog was open
  /** @type {SessionRow[]} */
  #found = [];
  /** @type {number | null} */
  #next = null;
  #shown = ""; // what was shown last, as JSON
  /** @type {string | null} */
  #query = null; // what that was the answer to

  /**
   * @param {object} place
   * @param {HTMLInputElement} place.search
   * @param {HTMLElement} place.list
   * @param {(deleted: boolean, id: string) => void} place.changed called when a session was
   *   renamed or deleted here
   */
  constructor({ search, list, changed }) {
    this.search = search;
    this.list = list;
    this.changed = changed;
    this.current = "";
    search.addEventListener("input", () => this.refresh(PAUSE));
    tabs.addEventListener("message", () => this.refresh());
    const closed = () => {
      if (this.#late && !this.#chosenFrom) this.refresh();
    };
    // Which do not bubble.
    for (const type of ["toggle", "close"]) {
      document.addEventListener(type, closed, { capture: true });
    }
    document.addEventListener("visibilitychange", () => this.#follow());
    setInterval(() => this.#follow(), FOLLOW);
  }

  /** Ask the server again, soon; several wishes at once are one. */
  refresh(pause = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), pause);
  }

  /** Something was changed here: ask again, and let the other tabs do so. */
  happened(pause = 0) {
    this.refresh(pause);
    tabs.postMessage("");
  }

  #follow() {
    if (this.#waits || document.hidden || this.#chosenFrom) return;
    this.refresh();
  }

  /** Whether a menu of a row is open, or the question of one: with its row the focus would go. */
  get #chosenFrom() {
    const { list } = this;
    return Boolean(list.querySelector(":popover-open") || document.querySelector("dialog[open]"));
  }

  /** @param {string} id */
  show(id) {
    this.current = id;
    for (const row of this.#links()) {
      if (row.dataset.session === id) row.setAttribute("aria-current", "page");
      else row.removeAttribute("aria-current");
    }
  }

  /** @returns {NodeListOf<HTMLAnchorElement>} */
  #links() {
    return this.list.querySelectorAll("a[data-session]");
  }

  async #load(/** @type {number | undefined} */ before = undefined) {
    this.#asked += 1;
    const mine = this.#asked;
    this.#waits = true;
    const q = this.search.value.trim();
    const limit = before ? PAGE : Math.min(MOST, Math.max(PAGE, this.#found.length));
    const answers = await orRefusal(
      Promise.all([
        api("GET", `api/sessions${query({ limit, before, q })}`, ANSWERS.sessions),
        q && !before ? api("GET", `api/search${query({ q })}`, ANSWERS.search) : null,
      ]),
    );
    if (mine !== this.#asked) return;
    this.#waits = false;
    this.#late = this.#chosenFrom;
    if (this.#late) return;
    if (answers instanceof Refusal) {
      if (!answers.status) dispatchEvent(new Event("silent"));
      // A list that is there stays, as the next look may succeed; a token is asked for elsewhere.
      const stays = answers.status === 401 || (this.#query === q && !before);
      if (!stays) this.#failed(answers.message, before);
      return;
    }
    const [page, messages] = answers;
    this.#query = q;
    this.#found = before ? [...this.#found, ...page.sessions] : page.sessions;
    this.#next = page.next;
    // Those of titles and summaries stand among the conversations.
    const said = (messages?.hits ?? []).filter(inMessage);
    const shown = JSON.stringify([q, this.#found, said, this.#next]);
    if (shown === this.#shown) return;
    const searched = q && !this.#shown.startsWith(JSON.stringify([q]).slice(0, -1));
    this.#shown = shown;
    this.#render(q, said);
    if (searched) {
      announce(`${plural(this.#found.length, "conversation")}, ${plural(said.length, "message")}.`);
    }
  }

  /**
   * Say in the place of the list, or below it where more of it was asked for, that it cannot be shown.
   *
   * @param {string} why
   * @param {number | undefined} before
   */
  #failed(why, before) {
    if (this.#shown === why) return;
    this.#shown = why;
    const again = button("Try again", () => this.#load(before));
    const problem = el("p", { class: "empty" }, `${why} `, again);
    announce(why);
    if (before) this.list.lastElementChild?.replaceWith(problem);
    else {
      this.#query = null;
      this.list.replaceChildren(problem);
    }
  }

  /**
   * @param {string} q
   * @param {SearchHit[]} found
   */
  #render(q, found) {
    const giveFocus = this.#keepFocus();
    const next = this.#next;
    const more = next ? button("More", () => this.#load(next)) : "";
    const none = el("p", {
      class: "empty",
      text: q ? "No conversation is called that." : "What you talk about will be listed here.",
    });
    this.list.replaceChildren(
      ...(q ? [el("h2", { text: "Conversations" })] : []),
      this.#found.length ? el("ul", {}, ...this.#found.map((one) => this.#row(one))) : none,
      more,
      ...(q
        ? [
            el("h2", { text: "Messages" }),
            found.length
              ? el("ul", {}, ...found.map((hit) => hitRow(hit, q)))
              : el("p", { class: "empty", text: "No message holds any of these words." }),
          ]
        : []),
    );
    this.show(this.current);
    giveFocus?.();
  }

  /** Once there are other rows: to what had it in the same row, else in the one in its place. */
  #keepFocus() {
    const { activeElement: active } = document;
    if (!active || !this.list.contains(active)) return null;
    const rows = () => [...this.list.querySelectorAll("li")];
    const address = (/** @type {Element | undefined} */ row) => row?.querySelector("a")?.href;
    const before = rows();
    const at = before.findIndex((row) => row.contains(active));
    const own = address(before[at]);
    return () => {
      const made = rows();
      const same = own && made.find((row) => address(row) === own);
      const row = same || made[at < 0 ? before.length : at] || made.at(-1);
      const part = at < 0 ? "a" : active.nodeName;
      /** @type {HTMLElement | null | undefined} */ (row?.querySelector(part))?.focus();
    };
  }

  #row(/** @type {SessionRow} */ session) {
    const told = [
      plural(session.message_count, "message"),
      session.status === "active" ? "" : "ended",
      session.user_rating ? `${session.user_rating} of 5` : "",
    ]
      .filter(Boolean)
      .join(" · ");
    const row = el(
      "a",
      { href: link(`?session=${session.session_id}`), "data-session": session.session_id },
      el("span", { class: "title", dir: "auto", text: session.title }),
      el("span", { class: "told" }, timeOf(session.updated_at), ` · ${told}`),
    );
    return el(
      "li",
      {},
      row,
      menuButton(
        `More for ${isolated(session.title)}`,
        () => ({ id: session.session_id, title: session.title }),
        (deleted) => {
          this.happened();
          this.changed(deleted, session.session_id);
        },
      ),
    );
  }
}

const inMessage = (/** @type {SearchHit} */ { found_in: place }) => !place || place === "message";

/**
 * @param {SearchHit} hit
 * @param {string} q
 */
function hitRow({ message, session_title: title }, q) {
  const { text, id, role, session_id: session } = message;
  const [first] = hits(text, q);
  const found = first?.[0] ?? 0;
  const lead = text.slice(Math.max(0, found - LEAD), found);
  const from = found > LEAD ? found - lead.length + lead.search(/(?<=\s)\S|$/) : 0;
  const snippet = text.slice(from, from + SNIPPET);
  /** @type {(Node | string)[]} */
  const parts = [from ? "…" : ""];
  let last = 0;
  for (const [start, end] of hits(snippet, q)) {
    if (start < last) continue;
    parts.push(snippet.slice(last, start), el("mark", { text: snippet.slice(start, end) }));
    last = end;
  }
  parts.push(snippet.slice(last));
  return el(
    "li",
    {},
    el(
      "a",
      { href: link(query({ session, message: id, words: q })) },
      el("span", { class: "title", dir: "auto" }, ...parts),
      el(
        "span",
        { class: "told" },
        `${role === "user" ? "You" : "GenPy"} in “`,
        el("bdi", { text: title }),
        "”",
      ),
    ),
  );
}
