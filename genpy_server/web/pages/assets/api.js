// Requests to the server: JSON in and out, the token of this tab, and Markdown as safe HTML.

import { ask } from "./dom.js";

export const UNREACHABLE = "unreachable";
const KEY = "genpy-token";
const BATCH_BYTES = 48 * 1024; // below the server's limit for a body, with room for escapes

export class Refusal extends Error {
  /**
   * @param {{code: string, message: string, retry_after?: number}} error
   * @param {number} status
   */
  constructor({ code, message, retry_after: retryAfter }, status) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
    this.status = status;
  }
}

// The token lives in sessionStorage: this tab alone, and gone with it.
export const token = () => sessionStorage.getItem(KEY);

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Ask for the token, once however many need it; false when the person dismisses the question.
 *
 * @param {boolean} wrong whether one was refused
 * @returns {Promise<boolean>}
 */
export function askToken(wrong) {
  asking ??= (async () => {
    sessionStorage.removeItem(KEY);
    const given = await ask({
      title: "This server asks for a token",
      text: wrong
        ? "That token was refused. It is the server’s GENPY_TOKEN."
        : "It is the server’s GENPY_TOKEN. This tab keeps it until it is closed.",
      field: { type: "password" },
      yes: "Connect",
    });
    if (typeof given === "string") sessionStorage.setItem(KEY, given);
    asking = null;
    dispatchEvent(new Event("token"));
    return Boolean(given);
  })();
  return asking;
}

/**
 * The JSON answer of the API; throws `Refusal`.
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function api(method, path, body) {
  for (;;) {
    const sent = token();
    /** @type {Record<string, string>} */
    const headers = {};
    if (sent) headers.Authorization = `Bearer ${sent}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const { ok, status, value } = await reach(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
    if (ok) return value;
    if (status === 401 && (token() !== sent || (await askToken(Boolean(sent))))) continue;
    throw new Refusal(value.error, status);
  }
}

/**
 * An answer with its JSON, or the refusal of a server that is away.
 *
 * @param {string} path
 * @param {RequestInit} request
 */
async function reach(path, request) {
  try {
    const answer = await fetch(path, request);
    return { ok: answer.ok, status: answer.status, value: await answer.json() };
  } catch {
    const message = "The server does not answer. Try again when it runs.";
    throw new Refusal({ code: UNREACHABLE, message }, 0);
  }
}

/** @param {string} ref */
export const session = (ref) => `/api/session/${encodeURIComponent(ref)}`;

/**
 * A query string of what is given.
 *
 * @param {Record<string, string | number | null | undefined>} given
 */
export const query = (given) => {
  const present = Object.entries(given).filter(([, value]) => value);
  const pairs = present.map(([name, value]) => [name, String(value)]);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
};

// Markdown

/** @typedef {{createHTML(html: string): string}} Policy */
/** @type {Policy | undefined} */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("genpy", {
  createHTML: (/** @type {string} */ html) => html,
});
/** @type {Map<string, string>} */
const known = new Map();
const size = (/** @type {string} */ text) => new TextEncoder().encode(JSON.stringify(text)).length;
/** @typedef {{text: string, resolve(html: string): void, reject(error: unknown): void}} Wanted */
/** @type {Wanted[]} */
let waiting = [];

/**
 * Nodes of HTML that the server's renderer made. The only place where HTML becomes nodes.
 *
 * @param {string} html
 */
export function nodes(html) {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(html) : html;
  return template.content;
}

/**
 * Safe HTML of a Markdown text; texts asked for at the same time travel together.
 *
 * @param {string} text
 * @returns {Promise<string>}
 */
export function render(text) {
  const html = known.get(text);
  if (html !== undefined) return Promise.resolve(html);
  return new Promise((resolve, reject) => {
    if (!waiting.length) queueMicrotask(flush);
    waiting.push({ text, resolve, reject });
  });
}

function flush() {
  const all = waiting;
  waiting = [];
  /** @type {Wanted[]} */
  let batch = [];
  let bytes = 0;
  for (let at = 0; at < all.length; at += 1) {
    batch.push(all[at]);
    bytes += size(all[at].text);
    if (at + 1 < all.length && bytes + size(all[at + 1].text) < BATCH_BYTES) continue;
    send(batch);
    [batch, bytes] = [[], 0];
  }
}

async function send(/** @type {Wanted[]} */ batch) {
  try {
    const { html } = await api("POST", "/api/render", { texts: batch.map(({ text }) => text) });
    batch.forEach(({ text, resolve }, index) => {
      if (known.size > 500) known.clear();
      known.set(text, html[index]);
      resolve(html[index]);
    });
  } catch (error) {
    batch.forEach(({ reject }) => reject(error));
  }
}
