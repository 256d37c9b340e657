// What a page shows of a session: a fold over the frames of genpy.v1, without a document.
//
// It does as genpy_server/core/transcript.py does; tests/pages/test_transcript.py plays the same
// frames to both. After a cut, overlapping deltas are trimmed by their offset, which counts
// characters and not the UTF-16 units of a JavaScript string; a gap throws, and the page attaches
// anew.

export class Gap extends Error {}

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

const skip = (text, count) => Array.from(text).slice(count).join("");

export class Entry {
  constructor(role, text = "") {
    Object.assign(this, {
      role,
      text,
      length: characters(text),
      messageId: null,
      clientId: null,
      run: null,
      replyTo: null,
      replaces: null,
      replaced: false,
      at: "",
      intent: null,
      score: null,
      reason: "",
      model: "",
      status: "done",
      tools: [],
      error: "",
      ms: null,
      firstTokenMs: null,
      usage: {},
    });
  }

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
      })),
    });
  }
}

export class Transcript {
  entries = [];
  session = "";
  epoch = null;
  seq = 0;
  title = "";
  status = "new";
  rating = null;
  model = "";
  store = "";
  before = null;
  summary = null;
  quota = {};
  #replaced = new Set();

  get running() {
    return this.entries.findLast((entry) => entry.status === "streaming") ?? null;
  }

  /** Take in one frame; returns the entry it changed. Throws `Gap`. */
  apply(frame) {
    if (frame.type === "ready") return this.#ready(frame);
    if (frame.seq != null) this.seq = Math.max(this.seq, frame.seq);
    return this[`_${frame.type}`]?.(frame) ?? null;
  }

  /** Put an older page of stored messages in front. */
  older(frames, before) {
    const newer = this.entries;
    this.entries = [];
    for (const frame of frames) this._message(frame);
    this.entries.push(...newer);
    this.before = before;
  }

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
    const { session, epoch, title, status, model, store } = frame;
    Object.assign(this, { session, epoch, title, status, model, store });
    return null;
  }

  _delta({ run, offset, text }) {
    const entry = this.#run(run);
    if (!entry) return null;
    const known = entry.length - offset;
    if (known < 0) throw new Gap(`run ${run}: ${entry.length} characters known, ${offset} next`);
    const fresh = known ? skip(text, known) : text;
    entry.text += fresh;
    entry.length += characters(fresh);
    return entry;
  }

  _message(frame) {
    let entry = this.entries.findLast((one) => same(one, frame));
    if (!entry) {
      entry = new Entry(frame.role, frame.text);
      this.entries.splice(this.#place(frame.meta?.reply_to), 0, entry);
    }
    entry.fill(frame);
    if (entry.replaces !== null) {
      this.#replaced.add(entry.replaces);
      for (const other of this.entries) this.#mark(other);
    }
    return this.#mark(entry);
  }

  _run_started({ run, reply_to: replyTo, intent, score, reason, model }) {
    let entry = this.#run(run);
    if (!entry) {
      entry = new Entry("assistant");
      this.entries.splice(this.#place(replyTo), 0, entry);
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

  _tool_started({ run, call, name, args = {} }) {
    const entry = this.#run(run);
    if (entry && !entry.tools.some((tool) => tool.call === call)) {
      entry.tools.push({ call, name, args, ok: null, ms: 0, result: "" });
    }
    return entry;
  }

  _tool_finished({ run, call, ok, ms, result, error }) {
    const entry = this.#run(run);
    const tool = entry?.tools.find((one) => one.call === call);
    if (tool) Object.assign(tool, { ok, ms, result: (ok ? result : error) ?? "" });
    return entry;
  }

  _run_finished(frame) {
    const entry = this.#run(frame.run);
    if (entry) {
      Object.assign(entry, {
        status: frame.status,
        ms: frame.ms,
        firstTokenMs: frame.first_token_ms ?? null,
        messageId: frame.message_id ?? null,
        usage: frame.usage ?? {},
        model: frame.model ?? entry.model,
      });
    }
    this.model = frame.model ?? this.model;
    this.quota = frame.quota ?? this.quota;
    return entry;
  }

  _summary(frame) {
    Object.assign(this, { summary: frame, status: "completed", rating: frame.user_rating ?? null });
  }

  _session({ title, status, user_rating: rating = null }) {
    Object.assign(this, { title, status, rating });
  }

  _error({ run, message }) {
    const entry = run ? this.#run(run) : null;
    if (entry) entry.error = message;
    return entry;
  }

  /** Say whether an entry was edited away; what replaces it may be known before it is. */
  #mark(entry) {
    entry.replaced = this.#replaced.has(entry.messageId) || this.#replaced.has(entry.replyTo);
    return entry;
  }

  #run(run) {
    return this.entries.findLast((entry) => entry.run === run) ?? null;
  }

  /** Where an entry that answers `replyTo` goes; drops the reply it supersedes. */
  #place(replyTo) {
    const asked =
      replyTo == null ? -1 : this.entries.findLastIndex((entry) => entry.messageId === replyTo);
    if (asked < 0) return this.entries.length;
    if (this.entries[asked + 1]?.replyTo === replyTo) this.entries.splice(asked + 1, 1);
    return asked + 1;
  }
}

function same(entry, { message_id: id, client_id: client = null, meta = {} }) {
  if (entry.run !== null && entry.run === meta.run) return true;
  if (entry.messageId) return entry.messageId === id;
  return entry.clientId !== null && entry.clientId === client;
}
