// One open session: its connection, what is known of it, what is on its way, what is shown.

import { api, attempt, orRefusal, query, session } from "./api.js";
import { announce } from "./dom.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { ANSWERS } from "./shapes.js";
import { Gap, Transcript } from "./transcript.js";
import { View } from "./view.js";

/** @import {Entry} from "./transcript.js" */

const PAGE = 50; // messages asked for at once
const MORE = 20; // earlier or later ones, which are made in one task of the browser
const MOST = 300; // messages that are shown at once; the document gets slow with many more
const LIVE = 200; // of them that are kept of the end, where its beginning is left
const PAUSE = 40; // ms between two looks at what came
const HIDDEN_PAUSE = 250; // ms between two looks at what came, in a tab that nobody sees
const ARRIVAL = 1_000; // ms in which the newest messages have come
const LATE_HTML = 2_000; // ms after a return in which HTML that was cut off comes by itself
/** Frames that change entries which are there, and add none. */
const INNER = new Set([
  "delta",
  "reasoning",
  "html",
  "tool_started",
  "tool_progress",
  "tool_finished",
]);
/** Frames with which a reply that waited goes on, or ends. */
const GOING_ON = new Set(["delta", "reasoning", "run_finished"]);

export class Room {
  #caughtUp = 0;
  /** @type {Set<Entry>} */
  #changed = new Set();
  #arrange = false;
  #due = false;
  #drawn = 0; // when something was shown last, in ms
  #closed = false;
  #live = false; // whether what comes is new
  /** @type {Entry | null} */
  #ended = null; // the reply that was just finished
  #said = ""; // of a message that waits, so that it is said once
  #asked = ""; // what is said once the settings are changed as it was asked
  /** @type {number | null} */
  #asking = null; // where the page begins that was asked for
  /**
   * A window further back, which is shown instead of the end of the conversation.
   *
   * @type {Transcript | null}
   */
  #past = null;

  /**
   * @param {object} place
   * @param {string} place.ref
   * @param {boolean} place.fresh whether its id was made a moment ago
   * @param {Wanted | null} place.wanted a message to bring into view
   * @param {Preload | null} place.preload what the document brought along of it
   * @param {HTMLElement} place.scroller
   * @param {HTMLElement} place.list
   * @param {(room: Room, cause?: string) => void} place.tell called after every change of what the
   *   page shows around the conversation
   * @param {(text: string, again?: () => void) => void} place.refused
   * @param {Actions["edit"]} place.edit
   * @param {(text: string) => void} place.takeBack called with a message that was refused
   */
  constructor({ ref, fresh, wanted, preload, scroller, list, tell, refused, edit, takeBack }) {
    this.ref = ref;
    this.wanted = wanted;
    this.tell = tell;
    this.refused = refused;
    /** @type {LinkState} */
    this.state = { name: "connecting" };
    /** @type {Link | undefined} */
    this.link = undefined;
    /** @type {Outbox | undefined} */
    this.outbox = undefined;
    this.transcript = new Transcript();
    this.view = new View({
      scroller,
      list,
      act: {
        again: (other) => this.ask({ type: "retry", ...other }),
        edit,
        older: () => this.#try(() => this.page("before")),
        newer: () => this.#try(() => this.page("after")),
        newest: () => this.newest(),
        rate: (rating) => this.ask({ type: "rate", rating }),
        resend: (id) => this.outbox?.again(id),
        discard: (id) => this.outbox?.remove(id),
        takeBack: (id) => {
          takeBack(this.outbox?.waiting.find((one) => one.id === id)?.text ?? "");
          this.outbox?.remove(id);
        },
        approve: (run, call, decision) => this.ask({ type: "approve", run, call, decision }),
        modes: () => this.transcript.modes,
        turned: () => this.#redraw(),
      },
    });
    this.outbox = new Outbox(ref, {
      send: (frame) => this.link?.send(frame) ?? false,
      stuck: () => this.link?.again(),
      changed: () => this.#showWaiting(),
    });
    for (const frame of preload?.frames ?? []) this.transcript.apply(frame);
    if (preload?.around) this.#show(preload.around);
    else if (preload) {
      this.#redraw();
      if (!wanted) this.view.toEnd();
    }
    this.#showWaiting();
    this.link = new Link({
      ref,
      place: () => ({
        epoch: this.transcript.epoch,
        after: this.transcript.seq,
        history: PAGE,
        fresh: fresh && !this.transcript.session ? 1 : 0,
      }),
      frame: (frame) => this.#receive(frame),
      state: (state) => this.#become(state),
    });
  }

  close() {
    this.#closed = true;
    this.link?.close();
    this.outbox?.close();
    this.view.close();
  }

  /**
   * @param {string} text
   * @param {number} [replaces]
   * @param {string} [intent]
   */
  say(text, replaces, intent) {
    this.newest();
    this.outbox?.add(text, replaces, intent);
    this.tell(this);
  }

  /**
   * Ask something of the session that makes sense only now.
   *
   * @param {ClientFrame} frame
   */
  ask(frame) {
    if (this.link?.send(frame)) return;
    const { state } = this;
    this.refused(
      state.name === "refused"
        ? state.why
        : "Not connected. Try again once the connection is back.",
    );
  }

  /**
   * Change settings of the session, and say so once they are.
   *
   * @param {ClientFrame} frame
   * @param {string} done
   */
  set(frame, done) {
    this.#asked = done;
    this.ask(frame);
  }

  /** What was said before belongs to what ends. */
  end() {
    if (this.outbox?.behind) {
      this.refused("What you said is sent first. End the conversation then.");
    } else this.ask({ type: "end" });
  }

  #become(/** @type {LinkState} */ state) {
    const changed = state.name !== this.state.name;
    this.state = state;
    if (state.name === "refused" && state.over) this.#stopped(state.why);
    if (changed) this.#showWaiting();
    else this.tell(this);
  }

  /** Nothing more comes of a reply in progress. */
  #stopped(/** @type {string} */ why) {
    for (let entry; (entry = this.transcript.running); this.#changed.add(entry)) {
      Object.assign(entry, { status: "interrupted", error: why });
      for (const tool of entry.tools) tool.asks = null;
    }
    this.#draw();
  }

  #receive(/** @type {ServerFrame} */ frame) {
    let changed = null;
    try {
      changed = this.transcript.apply(frame);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      this.transcript.epoch = null;
      this.link?.again();
      return;
    }
    if (changed) this.#changed.add(changed);
    if (frame.type === "run_finished" && changed) {
      changed.at ||= new Date().toISOString();
      this.#ended = changed;
    }
    if (frame.type === "ready") this.#attached(frame);
    else if (frame.type === "ack") this.outbox?.remove(frame.id);
    else if (frame.type === "error") this.#failed(frame);
    else if (frame.type === "notice") this.view.notice(frame.text, frame.code === "reply_waits");
    else if (frame.type === "settings" && this.#asked) {
      this.view.notice(this.#asked);
      this.#asked = "";
    } else if (frame.type === "run_started" && this.#live) announce("GenPy is writing.");
    else if (frame.type === "summary" && this.#live) {
      announce(`The conversation has ended. ${frame.summary ?? frame.note ?? ""}`);
    }
    if (GOING_ON.has(frame.type)) this.view.goesOn();
    if (frame.type === "snapshot_end") this.#live = true;
    if (!INNER.has(frame.type)) {
      this.#arrange = true;
      this.tell(this, frame.type);
    }
    if (frame.type === "message") this.#showWaiting();
    this.#catchUp();
    this.#draw();
  }

  /** Show what changed, soon; not for every picture of the screen where much comes. */
  #draw() {
    if (this.#due) return;
    this.#due = true;
    const draw = () => {
      this.#due = false;
      this.#drawn = performance.now();
      if (!this.#closed) this.#drawNow();
    };
    const pause = this.#drawn + PAUSE - performance.now();
    if (document.hidden) setTimeout(draw, HIDDEN_PAUSE);
    else if (pause > 0) setTimeout(() => requestAnimationFrame(draw), pause);
    else requestAnimationFrame(draw);
  }

  #drawNow() {
    const [changed, arrange, ended] = [this.#changed, this.#arrange, this.#ended];
    this.#changed = new Set();
    this.#arrange = false;
    this.#ended = null;
    this.view.update(this.#past ?? this.transcript, changed, arrange);
    if (this.wanted) this.#found();
    if (ended) this.view.spoke(ended);
  }

  #redraw() {
    this.#arrange = true;
    this.#drawNow();
  }

  #attached(/** @type {ReadyFrame} */ ready) {
    this.#caughtUp = ready.seq;
    this.#live = ready.replay === "complete" || ready.status === "new";
    this.#become({ name: "ready" });
    this.outbox?.resume();
    if (ready.status === "completed" && !this.transcript.summary) {
      this.#try(() => this.#recall());
    }
    if (ready.replay === "complete") {
      // Where that is refused, what the page made of the text stays.
      setTimeout(() => orRefusal(this.#complete()), LATE_HTML);
    }
    if (!this.wanted) return;
    const { before } = this.transcript;
    if (before && this.wanted.id < before) this.#try(() => this.#open());
    else setTimeout(() => this.#try(() => this.#open()), ARRIVAL); // it comes by itself, or there is none
  }

  /** Do what asks the server for something, or say why it is refused. */
  #try(/** @type {() => unknown} */ work) {
    return attempt(work, (why, again) => {
      if (!this.#closed) this.refused(why, again);
    });
  }

  /** Ask for HTML that a cut swallowed. */
  async #complete() {
    const bare = this.transcript.entries.filter(
      ({ html, messageId, text }) => messageId && text && html === null,
    );
    if (!bare.length || this.#closed) return;
    const after = /** @type {number} */ (bare[0].messageId) - 1;
    const page = await this.#page({ after: String(after), limit: PAGE });
    page.messages.forEach(({ id }, number) => {
      const html = page.html?.[number];
      const changed = html && this.transcript.apply({ type: "html", message_id: id, html });
      if (changed) this.#changed.add(changed);
    });
    this.#draw();
  }

  /** The summary of a session that was ended before. */
  async #recall() {
    const { transcript } = this;
    const {
      summary,
      note,
      topics,
      user_rating: rating,
    } = await api("GET", `${session(transcript.session)}/summary`, ANSWERS.session);
    if (transcript.status !== "completed" || transcript.summary) return;
    transcript.summary = { summary, note, topics };
    transcript.rating = rating;
    this.#draw();
  }

  #catchUp() {
    const behind = this.transcript.seq < this.#caughtUp;
    const name = behind ? "replaying" : "ready";
    if (["ready", "replaying"].includes(this.state.name) && this.state.name !== name) {
      this.#become({ name });
    }
  }

  #failed(/** @type {ErrorFrame} */ error) {
    const { re, run, message, code, retryable } = error;
    if (run && this.transcript.entries.some((entry) => entry.run === run)) return; // told in place
    if (re === "set") this.#asked = "";
    if (re === "auth" && code === "conflict") return; // the server needs no token any more
    if (re && this.outbox?.refused(re, error)) {
      const said = `${retryable ? "Waits and goes out again by itself." : "Not sent."} ${message}`;
      if (!retryable || said !== this.#said) announce(said);
      this.#said = said;
    } else this.refused(message);
  }

  #showWaiting() {
    const known = new Set(this.transcript.entries.map(({ clientId }) => clientId));
    this.view.waiting(this.outbox?.waiting ?? [], known, this.link?.ready ?? false);
    this.tell(this);
  }

  // What was said further back

  /**
   * @param {Record<string, string | number>} which
   * @returns {Promise<MessagePage>}
   */
  #page(which) {
    const place = session(this.transcript.session || this.ref);
    return api("GET", `${place}/messages${query({ html: "true", ...which })}`, ANSWERS.messages);
  }

  /**
   * Show a page more, before what is shown or behind it.
   *
   * @param {"before" | "after"} side
   */
  async page(side) {
    const shown = this.#past ?? this.transcript;
    const from = shown[side];
    if (from === null || this.#asking === from) return;
    this.#asking = from;
    const page = await this.#page({ [side]: from, limit: MORE }).finally(() => {
      this.#asking = null;
    });
    if (shown !== (this.#past ?? this.transcript) || shown[side] !== from) return;
    const change = () => {
      shown.add(page, side);
      if (side === "before") this.#leaveEnd(shown);
      else if (shown === this.#past) {
        shown.leave(MOST, "before");
        this.#join(shown);
      }
      this.#redraw();
    };
    this.view.hold(change, side);
  }

  /** Of a conversation read far back the beginning is shown, until somebody goes to its end. */
  #leaveEnd(/** @type {Transcript} */ shown) {
    if (shown.entries.length <= MOST) return;
    if (shown === this.transcript) {
      this.#past = new Transcript();
      this.#past.join(shown);
      shown.leave(LIVE, "before");
    }
    this.#past?.leave(MOST, "after");
  }

  /** A window that reaches what is live becomes a part of it. */
  #join(/** @type {Transcript} */ past) {
    const first = this.transcript.entries.find(({ messageId }) => messageId)?.messageId;
    const last = past.entries.at(-1)?.messageId ?? 0;
    if (past.after !== null && (!first || last < first)) return;
    this.transcript.join(past);
    this.#past = null;
  }

  /** Back to the end of the conversation. */
  newest() {
    this.#past = null;
    this.transcript.leave(LIVE, "before");
    this.#redraw();
    this.view.toEnd();
  }

  /** Show the message that was asked for, as soon as it is there. */
  #found() {
    const { wanted } = this;
    const { entries } = this.#past ?? this.transcript;
    const there = entries.some((entry) =>
      [entry, ...entry.earlier].some(({ messageId }) => messageId === wanted?.id),
    );
    if (!wanted || !there) return;
    this.wanted = null;
    this.view.find(wanted);
  }

  /** Ask for the messages around the one that is wanted, where it is not among those shown. */
  async #open() {
    const { wanted } = this;
    if (!wanted || this.#closed) return;
    if (this.transcript.status === "new") {
      this.refused("This message does not exist: the conversation is empty.");
      return;
    }
    const page = await this.#page({ around: wanted.id, limit: PAGE });
    if (!this.#closed && this.wanted === wanted) this.#show(page);
  }

  /** Show a part of the conversation that may be far from its end. */
  #show(/** @type {MessagePage} */ page) {
    this.#past = new Transcript();
    this.#past.add(page, "before");
    this.#past.after = page.after;
    this.#join(this.#past);
    this.#redraw();
  }
}
