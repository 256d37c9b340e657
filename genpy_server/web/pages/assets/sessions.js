// The list of conversations beside the chat, and the search over them and their messages.

import { menuButton } from "./actions.js";
import { api, query } from "./api.js";
import { announce, button, el, plural, timeOf } from "./dom.js";

const PAUSE = 200; // ms of typing nothing after which a search begins
const SNIPPET = 140; // characters
const PAGE = 40;

export class SessionList {
  #timer = 0;
  #asked = 0;
  /** @type {SessionRow[]} */
  #found = [];
  /** @type {number | null} */
  #next = null;

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
  }

  /** Ask the server anew, soon; several wishes at once are one. */
  refresh(pause = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#load(), pause);
  }

  /** @param {string} id */
  show(id) {
    this.current = id;
    for (const link of this.#links()) {
      if (link.dataset.session === id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** @returns {NodeListOf<HTMLAnchorElement>} */
  #links() {
    return this.list.querySelectorAll("a[data-session]");
  }

  async #load(/** @type {number | undefined} */ before = undefined) {
    this.#asked += 1;
    const mine = this.#asked;
    const q = this.search.value.trim();
    const [page, messages] = await Promise.all([
      api("GET", `/api/sessions${query({ limit: PAGE, before, q })}`),
      q && !before ? api("GET", `/api/search${query({ q })}`) : null,
    ]).catch(() => []);
    if (!page || mine !== this.#asked) return; // the connection's own state says what is wrong
    this.#found = before ? [...this.#found, ...page.sessions] : page.sessions;
    this.#next = page.next;
    this.#render(q, messages?.hits ?? []);
  }

  /**
   * @param {string} q
   * @param {SearchHit[]} hits
   */
  #render(q, hits) {
    const { activeElement: active } = document;
    const focused = active instanceof HTMLElement ? active.dataset.session : undefined;
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
            hits.length
              ? el("ul", {}, ...hits.map((hit) => hitRow(hit, q)))
              : el("p", { class: "empty", text: "No message holds any of these words." }),
          ]
        : []),
    );
    this.show(this.current);
    if (focused) [...this.#links()].find((link) => link.dataset.session === focused)?.focus();
    if (q) {
      announce(`${plural(this.#found.length, "conversation")}, ${plural(hits.length, "message")}.`);
    }
  }

  #row(/** @type {SessionRow} */ session) {
    const told = [
      plural(session.message_count, "message"),
      session.status === "active" ? "" : "ended",
      session.user_rating ? `${session.user_rating} of 5` : "",
    ]
      .filter(Boolean)
      .join(" · ");
    const link = el(
      "a",
      { href: `/?session=${session.session_id}`, "data-session": session.session_id },
      el("span", { class: "title", text: session.title }),
      el("span", { class: "told" }, timeOf(session.updated_at), ` · ${told}`),
    );
    return el(
      "li",
      {},
      link,
      menuButton(
        `More for ${session.title}`,
        () => ({ id: session.session_id, title: session.title }),
        (deleted) => {
          this.refresh();
          this.changed(deleted, session.session_id);
        },
      ),
    );
  }
}

/**
 * @param {SearchHit} hit
 * @param {string} q
 */
function hitRow({ message, session_title: title }, q) {
  const at = message.text.toLowerCase().indexOf(q.split(/\s+/)[0].toLowerCase());
  const from = Math.max(0, at - SNIPPET / 3);
  const snippet = `${from ? "…" : ""}${message.text.slice(from, from + SNIPPET)}`;
  return el(
    "li",
    {},
    el(
      "a",
      { href: `/${query({ session: message.session_id, message: message.id, words: q })}` },
      el("span", { class: "title", text: snippet }),
      el("span", {
        class: "told",
        text: `${message.role === "user" ? "You" : "GenPy"} in “${title}”`,
      }),
    ),
  );
}
