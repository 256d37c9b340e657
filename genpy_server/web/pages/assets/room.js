// One open session: its connection, what is known of it, what is on its way, what is shown.

import { api, query, session } from "./api.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Gap, Transcript, messageFrame } from "./transcript.js";
import { View } from "./view.js";

/** @import {Entry} from "./transcript.js" */

const PAGE = 100;
const SEARCHED_PAGES = 20;
const ARRIVAL = 300; // ms in which the newest messages have come

export class Room {
  #caughtUp = 0;

  /**
   * @param {object} place
   * @param {string} place.ref
   * @param {string | null} [place.message] the id of a message to bring into view
   * @param {HTMLElement} place.scroller
   * @param {HTMLElement} place.list
   * @param {(room: Room, cause?: string) => void} place.tell called after every change of what the
   *   page shows around the conversation
   * @param {(text: string) => void} place.refused
   * @param {Actions["edit"]} place.edit
   */
  constructor({ ref, message, scroller, list, tell, refused, edit }) {
    this.ref = ref;
    this.wanted = message;
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
        again: (intent) => this.ask({ type: "retry", ...(intent ? { intent } : {}) }),
        edit,
        older: () => this.older(),
        rate: (rating) => this.ask({ type: "rate", rating }),
        resend: (id) => this.outbox?.again(id),
        discard: (id) => this.outbox?.remove(id),
      },
    });
    this.outbox = new Outbox(ref, {
      send: (frame) => this.link?.send(frame) ?? false,
      stuck: () => this.link?.again(),
      changed: () => this.#showWaiting(),
    });
    this.#showWaiting();
    this.link = new Link({
      ref,
      place: () => ({ epoch: this.transcript.epoch, after: this.transcript.seq }),
      frame: (frame) => this.#receive(frame),
      state: (state) => this.#become(state),
    });
  }

  close() {
    this.link?.close();
    this.outbox?.close();
    this.view.close();
  }

  /**
   * @param {string} text
   * @param {number} [replaces]
   */
  say(text, replaces) {
    this.view.toEnd();
    this.outbox?.add(text, replaces);
    this.tell(this);
  }

  /**
   * Ask something of the session that makes sense only now.
   *
   * @param {ClientFrame} frame
   */
  ask(frame) {
    if (!this.link?.send(frame)) {
      this.refused("There is no connection. It comes back by itself; try again then.");
    }
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
    if (changed) this.#showWaiting();
    else this.tell(this);
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
    if (frame.type === "run_finished" && changed) changed.at ||= new Date().toISOString();
    if (frame.type === "ready") this.#attached(frame);
    else if (frame.type === "ack") this.outbox?.remove(frame.id);
    else if (frame.type === "error") this.#failed(frame);
    else if (frame.type === "notice") this.view.notice(frame.text);
    if (frame.type === "delta" && changed) this.view.update(this.transcript, changed);
    else this.#show(frame, changed);
    this.#catchUp();
  }

  /**
   * @param {ServerFrame} frame
   * @param {Entry | null} changed
   */
  #show(frame, changed) {
    this.view.update(this.transcript, changed);
    if (frame.type === "message") {
      this.#showWaiting();
      this.#found();
    }
    if (frame.type === "run_finished" && changed) this.#finished(changed);
    this.tell(this, frame.type);
  }

  async #finished(/** @type {Entry} */ entry) {
    await this.view.viewOf(entry)?.rendered;
    this.view.spoke(entry);
  }

  #attached(/** @type {ReadyFrame} */ ready) {
    this.#caughtUp = ready.seq;
    this.#become({ name: "ready" });
    this.outbox?.resume();
    if (ready.status === "completed" && !this.transcript.summary) this.#recall();
    if (this.wanted) setTimeout(() => this.#seek(), ARRIVAL);
  }

  /** The summary of a session that was ended before. */
  async #recall() {
    const { transcript } = this;
    const {
      summary,
      note,
      topics,
      user_rating: rating,
    } = await api("GET", `${session(transcript.session)}/summary`);
    if (transcript.status !== "completed" || transcript.summary) return;
    transcript.summary = { summary, note, topics };
    transcript.rating = rating;
    this.view.update(transcript);
  }

  #catchUp() {
    const behind = this.transcript.seq < this.#caughtUp;
    const name = behind ? "replaying" : "ready";
    if (["ready", "replaying"].includes(this.state.name) && this.state.name !== name) {
      this.#become({ name });
    }
  }

  #failed(/** @type {ErrorFrame} */ error) {
    const { re, run, message, code } = error;
    if (run && this.transcript.entries.some((entry) => entry.run === run)) return; // told in place
    if (re === "auth" && code === "conflict") return; // the server needs no token any more
    if (re && this.outbox?.refused(re, error)) return;
    this.refused(message);
  }

  #showWaiting() {
    const known = new Set(this.transcript.entries.map(({ clientId }) => clientId));
    this.view.waiting(this.outbox?.waiting ?? [], known, this.link?.ready ?? false);
    this.tell(this);
  }

  async older() {
    const { before } = this.transcript;
    if (!before) return false;
    /** @type {MessagePage} */
    const page = await api(
      "GET",
      `${session(this.transcript.session)}/messages${query({ before, limit: PAGE })}`,
    );
    const frames = page.messages.map(messageFrame);
    this.view.hold(() => {
      this.transcript.older(frames, page.before);
      this.view.update(this.transcript);
    });
    return true;
  }

  /** Bring a message into view, reading back as far as it takes within reason. */
  async #seek() {
    for (let pages = 0; pages < SEARCHED_PAGES && !this.#found(); pages += 1) {
      if (!(await this.older())) return;
    }
  }

  /** Show the message that was asked for, as soon as it is there. */
  #found() {
    if (this.wanted && this.view.find(this.wanted)) this.wanted = null;
    return !this.wanted;
  }
}
