// What can be done with a kept session, asked before it is done: rename, delete.

import { api, link, loaded, query, session } from "./api.js";
import { ask, el, button, isolated, menuOf } from "./dom.js";
import { ANSWERS } from "./shapes.js";

/** @typedef {{id: string, title: string}} Named */

/** @param {Named} named */
export async function rename({ id, title }) {
  const answer = await ask({
    title: "Rename the conversation",
    field: { type: "text", maxlength: 200, value: title },
    yes: "Rename",
  });
  if (answer && answer.text !== title) {
    await api("PATCH", session(id), ANSWERS.done, { title: answer.text });
  }
}

/**
 * True when it was deleted.
 *
 * @param {Named} named
 */
export async function remove({ id, title }) {
  const sure = await ask({
    title: "Delete the conversation?",
    text: `“${isolated(title)}” and all of its messages will be gone for good.`,
    yes: "Delete",
    danger: true,
  });
  if (sure) await api("DELETE", session(id), ANSWERS.done);
  return Boolean(sure);
}

/**
 * Save a conversation as a Markdown document.
 *
 * @param {Named} named
 * @param {string} [file] its name, which is made of the title otherwise
 */
export async function download({ id, title }, file) {
  const zone = query({ utc_offset: -new Date().getTimezoneOffset() });
  const { markdown } = await api("GET", `${session(id)}/export${zone}`, ANSWERS.export);
  const address = URL.createObjectURL(new Blob([markdown], { type: "text/markdown" }));
  const name =
    title
      .replace(/[^\p{L}\p{N} ._-]+/gu, " ")
      .trim()
      .slice(0, 80) || id;
  el("a", { href: address, download: file ?? `${name}.md` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @param {Named} named */
async function showMemory({ id }) {
  const { memoryDialog } = await loaded(() => import("./memory.js"));
  return memoryDialog(id);
}

/**
 * A button that opens a small menu of a session's actions; `done` is called when one was carried out.
 *
 * @param {string} label
 * @param {() => Named} about
 * @param {(deleted: boolean, about: Named) => unknown} done
 * @param {...HTMLElement} more buttons among them
 */
export function menuButton(label, about, done, ...more) {
  const run = (/** @type {(about: Named) => Promise<unknown>} */ action) => async () =>
    done(Boolean(await action(about())), about());
  return menuOf(label, "more", () => [
    el("a", { href: link(`summary/${about().id}`), text: "Summary" }),
    button("Rename", run(rename)),
    ...more,
    button("Memory", () => showMemory(about())),
    button("Export as Markdown", run(download)),
    button("Delete", run(remove), { class: "danger" }),
  ]);
}
