// Requests to the server: where it is, JSON in and out, and the token.

import { ask } from "./dom.js";
import { ANSWERS, fits } from "./shapes.js";
import { device, tab } from "./storage.js";

const KEY = "genpy-token";
const MISSING = 404;
const REDIRECTED = 302; // which of the statuses it was, a browser does not tell
const MOST_BYTES = 64 * 2 ** 20; // of an answer
/** Seconds of silence after which nothing is waited for any more, as in the terminal client. */
export const PATIENCE = { usual: 30, summary: 150, setup: 600 };

/** Where the server's own addresses begin; it may stand below a folder of its host. */
export const BASE = new URL("../../", import.meta.url);

/**
 * The address of a path of the server, for a link.
 *
 * @param {string} path without a slash in front
 */
export const link = (path) => `${BASE.pathname}${path}`;

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

// The token is of this tab alone and gone with it, unless a person wants it kept.
export const token = () => tab.get(KEY) ?? device.get(KEY);

/** Forget the token, wherever it is kept. */
function forget() {
  tab.remove(KEY);
  device.remove(KEY);
}

/** @type {Promise<boolean> | null} */
let asking = null;
let dismissed = false; // then nobody is asked again until that is wanted

/** Ask for the token because a person wants to enter it. */
export function enterToken() {
  dismissed = false;
  return askToken(false);
}

/**
 * Ask for the token, once however many need it; false when the person dismisses the question. The
 * event `locked` says that one is needed, `token` that one was given.
 *
 * @param {boolean} wrong whether one was refused
 * @returns {Promise<boolean>}
 */
export function askToken(wrong) {
  dispatchEvent(new Event("locked"));
  if (dismissed && !wrong) return Promise.resolve(false);
  asking ??= (async () => {
    forget();
    const answer = await ask({
      title: "This server asks for a token",
      text: wrong
        ? "That token was refused. It is the server’s GENPY_TOKEN."
        : "It is the server’s GENPY_TOKEN. This tab keeps it until it is closed.",
      field: { type: "password", autocomplete: "current-password" },
      choice: "Remember it on this device",
      yes: "Connect",
    });
    if (answer) (answer.chosen ? device : tab).set(KEY, answer.text);
    asking = null;
    dismissed = !answer;
    if (answer) dispatchEvent(new Event("token"));
    return Boolean(answer);
  })();
  return asking;
}

/**
 * The JSON answer of the API, which is as the sample; throws `Refusal`.
 *
 * @param {string} method
 * @param {string} path
 * @param {object} sample
 * @param {unknown} [body]
 * @param {number} [seconds] of silence that it may take
 * @returns {Promise<any>}
 */
export async function api(method, path, sample, body, seconds = PATIENCE.usual) {
  for (;;) {
    const sent = token();
    /** @type {Record<string, string>} */
    const headers = {};
    if (sent) headers.Authorization = `Bearer ${sent}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    /** @type {RequestInit} */
    const request = {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      redirect: "manual",
    };
    const { ok, status, value } = await reach(path, request, seconds);
    if (ok && fits(value, sample)) return value;
    if (status === 401 && (token() !== sent || (await askToken(Boolean(sent))))) continue;
    throw new Refusal(fits(value, ANSWERS.error) ? value.error : unknown(status), status);
  }
}

/**
 * Do what asks the server for something; where that is refused, say why, with a way to try again.
 *
 * @param {() => unknown} work
 * @param {(why: string, again?: () => void) => void} refused
 */
export async function attempt(work, refused) {
  const answer = await orRefusal((async () => work())());
  if (!(answer instanceof Refusal)) return;
  const again = () => attempt(work, refused);
  refused(answer.message, answer.status === MISSING ? undefined : again);
}

/**
 * What was asked for, or why it was refused.
 *
 * @template T
 * @param {Promise<T>} asked
 * @returns {Promise<T | Refusal>}
 */
export const orRefusal = (asked) =>
  asked.catch((error) => {
    if (error instanceof Refusal) return error;
    throw error;
  });

/**
 * An answer with its JSON, which is null where it has none that can be read; or the refusal of a
 * server that is away, or silent for too long.
 *
 * @param {string} path
 * @param {RequestInit} request
 * @param {number} seconds
 */
async function reach(path, request, seconds) {
  const stop = new AbortController();
  const wait = () => setTimeout(() => stop.abort(), seconds * 1000);
  let timer = wait();
  try {
    const answer = await fetch(new URL(path, BASE), { ...request, signal: stop.signal });
    const { ok, type } = answer;
    const status = type === "opaqueredirect" ? REDIRECTED : answer.status;
    const reader = answer.body?.getReader();
    const decoder = new TextDecoder();
    let [text, left] = ["", MOST_BYTES];
    for (let part; left > 0 && (part = await reader?.read()) && !part.done;) {
      clearTimeout(timer);
      timer = wait();
      left -= part.value.length;
      text += decoder.decode(part.value, { stream: true });
    }
    return { ok, status, value: json(text) };
  } catch {
    throw away();
  } finally {
    clearTimeout(timer);
    stop.abort(); // what is too much is not sent on
  }
}

/** What a text is as JSON; null where it is none. */
function json(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const away = () =>
  new Refusal(
    { code: "unreachable", message: "The server does not answer. Try again when it runs." },
    0,
  );

/** The error of an answer that is not GenPy's, but of something before it. */
const unknown = (/** @type {number} */ status) => ({
  code: "unreachable",
  message:
    status >= 200 && status < 300
      ? "The answer cannot be read: it is not GenPy’s, or of another version."
      : `The server cannot be reached: something before it answers with ${status}.`,
});

/**
 * A module that is asked for only where it is needed; throws `Refusal` where the server is away.
 *
 * @template T
 * @param {() => Promise<T>} load
 */
export async function loaded(load) {
  let timer = 0;
  try {
    /** @type {Promise<never>} */
    const late = new Promise((_, refuse) => {
      timer = setTimeout(() => refuse(away()), PATIENCE.usual * 1000);
    });
    return await Promise.race([load(), late]);
  } catch (error) {
    if (error instanceof TypeError) throw away(); // nothing came, or something else than a script
    if (!(error instanceof SyntaxError)) throw error;
    const message =
      "A part of the page cannot be read: it was cut off, or is of another version. Reload the page.";
    throw new Refusal({ code: "unreadable", message }, 200);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} ref */
export const session = (ref) => `api/session/${encodeURIComponent(ref)}`;

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
