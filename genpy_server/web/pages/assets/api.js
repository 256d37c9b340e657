// Requests to the server: JSON in and out, and the token of this tab.

import { ask } from "./dom.js";

export const UNREACHABLE = "unreachable";
const KEY = "genpy-token";

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

/** @typedef {{createHTML(html: string): string}} Policy */
/** @type {Policy | undefined} */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("genpy", {
  createHTML: (/** @type {string} */ html) => html,
});

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
