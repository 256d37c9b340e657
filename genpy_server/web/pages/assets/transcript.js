// What a page shows of a session: a fold over the frames of genpy.v1, without a document.
//
// It does as genpy_server/client/transcript.py does; tests/pages/test_transcript.py plays the same
// frames to both. After a cut, overlapping deltas are trimmed by their offset, which counts
// characters and not the UTF-16 units of a JavaScript string; a gap throws, and the page attaches
// again.

export class Gap extends Error {}

/**
 * The number of code points in a text, as the server counts.
 *
 * @param {string} text
 */
export const characters = (text) => {
  let count = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && at + 1 < text.length) {
      const next = text.charCodeAt(at + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count -= 1;
        at += 1;
      }
    }
  }
  return count;
};

/** @type {(text: string, count: number) => string} */
const skip = (text, count) => Array.from(text).slice(count).join("");

export class Entry {
  /** @type {number | null} */
  messageId = null;
  /** @type {string | null} */
  clientId = null;
  /** @type {string | null} */
  run = null;
  /** @type {number | null} */
  replyTo = null;
  /** @type {number | null} */
  replaces = null;
  replaced = false;
  at = "";
  /** @type {string | null} */
  intent = null;
  /** @type {number | null} */
  score = null;
  reason = "";
  model = "";
  /** @type {RunStatus | "streaming"} */
  status = "done";
  /** @type {ToolLine[]} */
  tools = [];
  error = "";
  /** @type {number | null} */
  ms = null;
  /** @type {number | null} */
  firstTokenMs = null;
  /** @type {Usage} */
  usage = {};
  /** @type {Entry[]} */
  earlier = []; // the replies to the same message before this one, oldest first
  reasoning = ""; // what the model thought before it answered
  reasoningLength = 0;
  /** @type {HtmlBlock[]} */
  blocks = []; // safe HTML of the finished blocks of a reply in progress
  /** @type {string | null} */
  html = null; // safe HTML of the whole text, as soon as the server has sent it

  /**
   * @param {Role} role
   * @param {string} [text]
   */
  constructor(role, text = "") {
    this.role = role;
    this.text = text;
    this.length = characters(text);
  }

  /** @param {MessageFrame} frame */
  fill({ message_id: messageId, client_id: clientId = null, at, meta = {} }) {
    Object.assign(this, {
      messageId,
      clientId,
      at,
      run: meta.run ?? null,
      replyTo: meta.reply_to ?? null,
      replaces: meta.replaces ?? null,
      intent: meta.intent ?? null,
      score: meta.intent_score ?? null,
      reason: meta.intent_reason ?? "",
      model: meta.model ?? "",
      status: meta.status ?? "done",
      error: meta.error ?? "",
      ms: meta.ms ?? null,
      firstTokenMs: meta.first_token_ms ?? null,
      usage: meta.usage ?? {},
      tools: (meta.tools ?? []).map((tool, number) => ({
        call: `${messageId}-${number}`,
        name: tool.name,
        args: tool.args ?? {},
        ok: tool.ok ?? true,
        ms: tool.ms ?? 0,
        result: tool.result ?? "",
        progress: "",
        asks: null,
      })),
      reasoning: meta.reasoning ?? "",
      reasoningLength: characters(meta.reasoning ?? ""),
    });
  }
}

export class Transcript {
  /** @type {Entry[]} */
  entries = [];
  session = "";
  /** @type {string | null} */
  epoch = null;
  seq = 0;
  title = "";
  /** @type {SessionStatus} */
  status = "new";
  /** @type {number | null} */
  rating = null;
  /** Whether another server hosts the session too. */
  elsewhere = false;
  model = "";
  store = "";
  /** @type {number | null} */
  before = null; // the id from which to ask for what came before; null where all of it is known
  /** @type {number | null} */
  after = null; // the same for what came later, in a window that does not reach the end
  /** @type {SummaryFacts | null} */
  summary = null;
  /** @type {Record<string, number>} */
  quota = {};
  /** @type {Mode[]} */
  modes = []; // the kinds of help that the server has
  /** @type {SessionSettings} */
  settings = {};
  /** @type {Set<number | null>} */
  #replaced = new Set();

  get running() {
    return this.entries.findLast((entry) => entry.status === "streaming") ?? null;
  }

  /**
   * Take in one frame; returns the entry it changed. Throws `Gap`.
   *
   * @param {ServerFrame} frame
   * @returns {Entry | null}
   */
  apply(frame) {
    if (frame.type !== "ready" && frame.seq != null) this.seq = Math.max(this.seq, frame.seq);
    switch (frame.type) {
      case "ready":
        return this.#ready(frame);
      case "message":
        return this.#message(frame);
      case "run_started":
        return this.#runStarted(frame);
      case "tool_started":
        return this.#toolStarted(frame);
      case "tool_finished":
        return this.#toolFinished(frame);
      case "delta":
      case "reasoning":
        return this.#piece(frame);
      case "approval_requested":
      case "approval_resolved":
      case "tool_progress":
        return this.#toolChanged(frame);
      case "settings":
        this.settings = { model: frame.model, params: frame.params, system: frame.system };
        return null;
      case "html":
        return this.#html(frame);
      case "run_finished":
        return this.#runFinished(frame);
      case "summary":
        this.summary = frame;
        this.status = "completed";
        this.rating = frame.user_rating ?? null;
        return null;
      case "session":
        this.title = frame.title;
        this.status = frame.status;
        this.rating = frame.user_rating ?? null;
        this.elsewhere = frame.elsewhere ?? false;
        return null;
      case "error":
        return this.#error(frame);
      default: // a frame without an entry, or of a newer server
        return null;
    }
  }

  /**
   * Put a page of stored messages before those that are known, or behind them.
   *
   * @param {MessagePage} page
   * @param {"before" | "after"} side
   */
  add({ messages, html, before, after }, side) {
    const newer = side === "before" ? this.entries : [];
    if (side === "before") this.entries = [];
    for (const message of messages) this.#message(messageFrame(message));
    messages.forEach(({ id }, number) => {
      const entry = this.#answer(id);
      if (entry) entry.html = html?.[number] ?? null;
    });
    for (const entry of newer) this.#insert(entry, entry.replyTo);
    if (side === "before") this.before = before;
    else this.after = after;
    for (const entry of this.entries) this.#mark(entry);
  }

  /**
   * Leave all but so many messages, those at the beginning or at the end; they can be asked for again.
   *
   * @param {number} most
   * @param {"before" | "after"} side that is left
   */
  leave(most, side) {
    const { entries } = this;
    if (entries.length <= most) return;
    const before = side === "before";
    let at = before ? entries.length - most : most;
    // What is left out begins or ends with a message that has a number.
    while (at > 0 && at < entries.length && !entries[before ? at : at - 1].messageId) {
      at += before ? 1 : -1;
    }
    this.entries = before ? entries.slice(at) : entries.slice(0, at);
    const edge = (before ? this.entries[0] : this.entries.at(-1))?.messageId ?? null;
    if (before) this.before = edge;
    else this.after = edge;
  }

  /**
   * Put what a window further back holds before what is known here, which it reaches.
   *
   * @param {Transcript} window
   */
  join(window) {
    const first = this.entries.find(({ messageId }) => messageId)?.messageId ?? Infinity;
    const newer = this.entries;
    this.entries = [];
    for (const entry of window.entries.flatMap((one) => [...one.earlier, one])) {
      if (!entry.messageId || entry.messageId >= first) continue;
      entry.earlier = []; // it is filled again
      this.#insert(entry, entry.replyTo);
    }
    for (const entry of newer) this.#insert(entry, entry.replyTo);
    this.before = window.before;
    for (const id of window.#replaced) this.#replaced.add(id);
    for (const entry of this.entries) this.#mark(entry);
  }

  /**
   * @param {ReadyFrame} frame
   * @returns {null}
   */
  #ready(frame) {
    if (frame.replay !== "complete") {
      this.#replaced.clear();
      Object.assign(this, {
        entries: [],
        before: frame.before ?? null,
        summary: null,
        seq: frame.seq,
      });
    }
    const { session, epoch, title, status, model, store, elsewhere = false } = frame;
    Object.assign(this, { session, epoch, title, status, model, store, elsewhere });
    this.modes = frame.modes ?? [];
    this.settings = frame.settings ?? {};
    return null;
  }

  /** @param {DeltaFrame | ReasoningFrame} frame */
  #piece({ type, run, offset, text }) {
    const entry = this.#run(run);
    if (!entry) return null;
    const length = type === "delta" ? entry.length : entry.reasoningLength;
    const known = length - offset;
    if (!(known >= 0) || typeof text !== "string") {
      throw new Gap(`run ${run}: ${length} characters known, ${offset} next`);
    }
    const fresh = known ? skip(text, known) : text;
    if (type === "delta") {
      entry.text += fresh;
      entry.length += characters(fresh);
    } else {
      entry.reasoning += fresh;
      entry.reasoningLength += characters(fresh);
    }
    return entry;
  }

  /** @param {ApprovalRequestedFrame | ApprovalResolvedFrame | ToolProgressFrame} frame */
  #toolChanged(frame) {
    const entry = this.#run(frame.run);
    const tool = entry?.tools.find((one) => one.call === frame.call);
    if (!tool) return entry;
    if (frame.type === "tool_progress") tool.progress = frame.text;
    else tool.asks = frame.type === "approval_requested" ? (frame.question ?? "") : null;
    return entry;
  }

  /** @param {HtmlFrame} frame */
  #html({ message_id: id, run, start = 0, end = 0, html }) {
    if (!run) {
      const entry = this.#answer(id);
      if (entry) entry.html = html;
      return entry;
    }
    const entry = this.#run(run);
    // Who comes back is sent the blocks again.
    if (entry && start >= (entry.blocks.at(-1)?.end ?? 0)) entry.blocks.push({ start, end, html });
    return entry;
  }

  /** @param {MessageFrame} frame */
  #message(frame) {
    if (typeof frame.text !== "string") throw new Gap("a message without its text");
    let entry = this.entries.findLast((one) => same(one, frame));
    if (!entry) {
      entry = new Entry(frame.role, frame.text);
      this.#insert(entry, frame.meta?.reply_to);
    }
    entry.fill(frame);
    if (entry.text !== frame.text) {
      entry.text = frame.text; // the beginning of the reply turned out to be reasoning
      entry.length = characters(frame.text);
    }
    if (entry.replaces !== null) {
      this.#replaced.add(entry.replaces);
      for (const other of this.entries) this.#mark(other);
    }
    return this.#mark(entry);
  }

  /** @param {RunStartedFrame} frame */
  #runStarted({ run, reply_to: replyTo, intent, score, reason, model }) {
    let entry = this.#run(run);
    if (!entry) {
      entry = new Entry("assistant");
      this.#insert(entry, replyTo);
    }
    Object.assign(entry, {
      run,
      replyTo,
      intent,
      score,
      reason,
      model,
      status: "streaming",
      tools: [],
    });
    this.model = model || this.model;
    return this.#mark(entry);
  }

  /** @param {ToolStartedFrame} frame */
  #toolStarted({ run, call, name, args = {} }) {
    const entry = this.#run(run);
    if (entry && !entry.tools.some((tool) => tool.call === call)) {
      entry.tools.push({ call, name, args, ok: null, ms: 0, result: "", progress: "", asks: null });
    }
    return entry;
  }

  /** @param {ToolFinishedFrame} frame */
  #toolFinished({ run, call, ok, ms, result, error }) {
    const entry = this.#run(run);
    const tool = entry?.tools.find((one) => one.call === call);
    if (tool) Object.assign(tool, { ok, ms, result: (ok ? result : error) ?? "", asks: null });
    return entry;
  }

  /** @param {RunFinishedFrame} frame */
  #runFinished(frame) {
    const entry = this.#run(frame.run);
    if (entry) {
      Object.assign(entry, {
        status: frame.status,
        ms: frame.ms,
        firstTokenMs: frame.first_token_ms ?? null,
        messageId: frame.message_id ?? null,
        at: frame.at ?? entry.at,
        usage: frame.usage ?? {},
        model: frame.model ?? entry.model,
      });
    }
    this.model = frame.model ?? this.model;
    this.quota = frame.quota ?? this.quota;
    return entry;
  }

  /** @param {ErrorFrame} frame */
  #error({ run, message }) {
    const entry = run ? this.#run(run) : null;
    if (entry) entry.error = message;
    return entry;
  }

  /** Say whether an entry was edited away; what replaces it may be known before it is. */
  #mark(/** @type {Entry} */ entry) {
    entry.replaced = this.#replaced.has(entry.messageId) || this.#replaced.has(entry.replyTo);
    return entry;
  }

  #run(/** @type {string} */ run) {
    return this.entries.findLast((entry) => entry.run === run) ?? null;
  }

  /** What has this number: an entry, or an earlier answer of one. */
  #answer(/** @type {number | undefined} */ id) {
    for (let at = this.entries.length - 1; at >= 0; at -= 1) {
      const entry = this.entries[at];
      const found =
        entry.messageId === id ? entry : entry.earlier.find(({ messageId }) => messageId === id);
      if (found) return found;
    }
    return null;
  }

  /**
   * Put an entry at the end, or behind what it answers, in place of the reply before it, which may be
   * known without what both answer: that is on an older page.
   *
   * @param {Entry} entry
   * @param {number | null | undefined} replyTo
   */
  #insert(entry, replyTo) {
    const { entries } = this;
    const place = replyTo == null ? entries.length : this.#place(replyTo);
    const before = entries[place];
    if (replyTo == null || before?.replyTo !== replyTo) {
      entries.splice(place, 0, entry);
      return;
    }
    const known = new Set(entry.earlier.map(({ messageId }) => messageId));
    const earlier = [...before.earlier, ...(before.length ? [before] : [])];
    entry.earlier.unshift(...earlier.filter(({ messageId }) => !known.has(messageId)));
    before.earlier = [];
    entries[place] = entry;
  }

  /** Where a reply to this message is or belongs. */
  #place(/** @type {number} */ replyTo) {
    const { entries } = this;
    const at = entries.findLastIndex((one) => one.replyTo === replyTo || one.messageId === replyTo);
    if (at < 0) return entries.length;
    return entries[at].replyTo === replyTo ? at : at + 1;
  }
}

/**
 * @param {Entry} entry
 * @param {MessageFrame} frame
 */
function same(entry, { message_id: id, client_id: client = null, meta = {} }) {
  if (entry.run !== null && entry.run === meta.run) return true;
  if (entry.messageId) return entry.messageId === id;
  return entry.clientId !== null && entry.clientId === client;
}

/**
 * A stored message, as HTTP answers it, as the frame that says the same.
 *
 * @param {StoredMessage} message
 * @returns {MessageFrame}
 */
const messageFrame = ({ id, ...message }) => ({
  type: "message",
  ...message,
  message_id: id,
});
