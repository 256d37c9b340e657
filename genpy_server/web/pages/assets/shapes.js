// Whether what the server sent is what it should have sent: what stands before it, or another version, may answer too.

/**
 * Whether a value is as a sample. A sample is a string, a number or a boolean; a list of one sample for
 * each item; or an object of samples, where a name that ends in "?" may be missing or null, and "*"
 * stands for every name. Whatever else is there is not looked at.
 *
 * @param {any} value
 * @param {any} sample
 * @returns {boolean}
 */
export function fits(value, sample) {
  if (typeof value !== typeof sample || value === null) return false;
  if (Array.isArray(value) !== Array.isArray(sample)) return false;
  if (Array.isArray(value)) return value.every((one) => fits(one, sample[0]));
  if (typeof sample !== "object") return true;
  return Object.entries(sample).every(([name, wanted]) => {
    if (name === "*") return Object.values(value).every((one) => fits(one, wanted));
    if (!name.endsWith("?")) return fits(value[name], wanted);
    const found = value[name.slice(0, -1)];
    return found === null || found === undefined || fits(found, wanted);
  });
}

/** What is known of a message beside its text. */
const META = {
  "error?": "",
  "first_token_ms?": 0,
  "intent?": "",
  "intent_reason?": "",
  "intent_score?": 0,
  "model?": "",
  "ms?": 0,
  "reasoning?": "",
  "replaces?": 0,
  "reply_to?": 0,
  "run?": "",
  "status?": "",
  "tools?": [{ name: "", "args?": {}, "ms?": 0, "ok?": true, "result?": "" }],
  "usage?": { "completion_tokens?": 0, "prompt_tokens?": 0 },
};
const MESSAGE = { role: "", text: "", at: "", "client_id?": "", "meta?": META };
const STORED = { ...MESSAGE, id: 0, session_id: "" };
const SETTINGS = { "model?": "", "params?": {}, "system?": "" };
const SUMMARY = { "summary?": "", "note?": "", "topics?": [""], "user_rating?": 0 };
const TOOL = { run: "", call: "" };
const PIECE = { run: "", offset: 0, text: "" };

/**
 * Samples of the frames that a server sends.
 *
 * @type {Record<string, Record<string, unknown>>}
 */
const FRAMES = {
  ready: {
    session: "",
    epoch: "",
    seq: 0,
    replay: "",
    model: "",
    store: "",
    title: "",
    status: "",
    "before?": 0,
    "modes?": [{ name: "", label: "" }],
    "settings?": SETTINGS,
  },
  message: { ...MESSAGE, message_id: 0 },
  snapshot_end: { seq: 0 },
  ack: { id: "" },
  run_started: { run: "", reply_to: 0, intent: "", score: 0, reason: "", model: "" },
  tool_started: { ...TOOL, name: "", "args?": {} },
  tool_finished: { ...TOOL, ok: true, ms: 0, "result?": "", "error?": "" },
  delta: PIECE,
  reasoning: PIECE,
  approval_requested: { ...TOOL, "question?": "" },
  approval_resolved: TOOL,
  tool_progress: { ...TOOL, text: "" },
  settings: SETTINGS,
  html: { html: "", "message_id?": 0, "run?": "", "start?": 0, "end?": 0 },
  run_finished: {
    run: "",
    status: "",
    ms: 0,
    "first_token_ms?": 0,
    "message_id?": 0,
    "at?": "",
    "model?": "",
    "quota?": {},
    "usage?": META["usage?"],
  },
  summary: SUMMARY,
  session: { title: "", status: "", "user_rating?": 0 },
  notice: { code: "", text: "" },
  error: { message: "", code: "", "re?": "", "run?": "", "retry_after?": 0 },
};

/**
 * The frame that a text is, of whatever type; null where it cannot be one.
 *
 * @param {unknown} data
 * @returns {ServerFrame | null}
 */
export function frameOf(data) {
  try {
    const frame = JSON.parse(String(data));
    return fits(frame, { type: "", "seq?": 0, ...FRAMES[frame?.type] }) ? frame : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const SESSION = {
  ...SUMMARY,
  session_id: "",
  title: "",
  status: "",
  start_time: "",
  updated_at: "",
  message_count: 0,
  "end_time?": "",
};
const COUNTS = { "*": 0 };

/** Samples of what the API answers with. */
export const ANSWERS = {
  context: { context: { total: 0, budget: 0, tokens: COUNTS, "window?": 0 } },
  done: {},
  error: { error: { code: "", message: "", "retry_after?": 0 } },
  export: { markdown: "" },
  search: { hits: [{ message: STORED, session_title: "", "found_in?": "" }] },
  memory: { on: true, notes: [{ number: 0, text: "", "message_id?": 0, "said?": "" }] },
  messages: { messages: [STORED], "before?": 0, "after?": 0 },
  models: { "default?": "", models: [{ name: "" }] },
  prompt: { text: "" },
  prompts: { prompts: [{ name: "", description: "", "arguments?": [{ name: "" }] }] },
  rating: { user_rating: 0 },
  session: {
    ...SESSION,
    key_outcomes: [""],
    topics: [""],
    "sentiment?": "",
    "metrics?": {
      total_messages: 0,
      user_messages: 0,
      ai_messages: 0,
      user_words: 0,
      assistant_words: 0,
      duration_seconds: 0,
      intents: COUNTS,
      tools: COUNTS,
      prompt_tokens: 0,
      completion_tokens: 0,
    },
  },
  sessions: { sessions: [SESSION], "next?": 0 },
  setup: { has_model: true, allowed: true, servers: [{ name: "", models: 0 }] },
  tried: { model: "", models: [""], notes: [""] },
};
