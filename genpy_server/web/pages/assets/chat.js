// The chat page: the address names the session, and everything around the conversation.

import { menuButton } from "./actions.js";
import { Refusal } from "./api.js";
import { announce, button, byId, icon, randomUuid } from "./dom.js";
import { Room } from "./room.js";
import { SessionList } from "./sessions.js";

const REF = /^[A-Za-z0-9._-]{1,64}$/;
const NARROW = matchMedia("(max-width: 52rem)");
const CHANGES_LIST = new Set(["session", "summary", "ready", "run_finished"]);

/** @import {Entry} from "./transcript.js" */

const box = byId("say", HTMLTextAreaElement);
/** @type {Room | null} */
let room = null;
/**
 * The message that what is written will replace, and what was written before.
 *
 * @type {{id: number, draft: string} | null}
 */
let editing = null;

const list = new SessionList({
  search: byId("search", HTMLInputElement),
  list: byId("sessions"),
  changed: (deleted, id) => {
    if (deleted && id === room?.transcript.session) openNew();
  },
});

// The address

/**
 * @param {string} ref
 * @param {Wanted | null} [wanted] a message to bring into view
 */
function open(ref, wanted = null) {
  room?.close();
  room = null; // what a new room tells while it is being made is the new room's
  byId("problem").hidden = true;
  if (editing) edit(null);
  room = new Room({
    ref,
    wanted,
    scroller: byId("conversation"),
    list: byId("messages"),
    tell,
    refused,
    edit,
  });
  showSidebar(false);
}

function go(/** @type {string} */ address) {
  history.pushState(null, "", address);
  follow();
}

function follow() {
  const asked = new URLSearchParams(location.search);
  const ref = asked.get("session") ?? "";
  const id = Number(asked.get("message"));
  const wanted = id > 0 ? { id, words: asked.get("words") ?? "" } : null;
  if (REF.test(ref)) open(ref, wanted);
  else {
    const made = randomUuid();
    history.replaceState(null, "", `/?session=${made}`);
    open(made);
    if (ref) refused("That is no name of a session, so this is a new one.");
  }
}

function openNew() {
  go("/");
  box.focus();
}

addEventListener("popstate", follow);
document.addEventListener("click", (event) => {
  const { target } = event;
  if (!(target instanceof Element)) return;
  const link = target.closest("a[href^='/?session='], a[href='/']");
  if (!(link instanceof HTMLAnchorElement)) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (link.getAttribute("href") === "/") openNew();
  else go(link.href);
});

// What is around the conversation

/**
 * The state of the connection in words, first what is announced, then what moves.
 *
 * @param {LinkState} state
 * @param {number} waiting messages that are not sent yet
 */
function stateWords(state, waiting) {
  const kept = waiting ? `; ${waiting} waiting` : "";
  switch (state.name) {
    case "connecting":
      return ["Connecting", kept];
    case "reconnecting":
      return ["Reconnecting", `${kept}, attempt ${state.attempt}`];
    case "waiting":
      return [
        `${navigator.onLine ? "Connection lost" : "Offline"}${kept}`,
        `, attempt ${state.attempt} in ${state.seconds} s`,
      ];
    case "replaying":
      return ["Catching up", ""];
    case "refused":
      return [state.why, ""];
    default:
      return ["Connected", kept];
  }
}

/**
 * @param {Room} said
 * @param {string} [cause] the type of the frame that changed it
 */
function tell(said, cause) {
  room ??= said;
  if (said !== room) return;
  const { transcript, state } = said;
  const { title, status, running, model, store, session, elsewhere } = transcript;
  const behind = said.outbox?.waiting ?? [];
  const [fixed, moving] = stateWords(state, behind.filter((one) => !one.refused).length);
  if (byId("state-words").textContent !== fixed) byId("state-words").textContent = fixed;
  byId("state-more").textContent = moving;
  byId("state").dataset.state = state.name;
  byId("retry-now").hidden = state.name !== "waiting";
  const name = title || "New conversation";
  byId("title").textContent = name;
  document.title = `${name} - GenPy`;
  const facts = model ? [model, `kept in ${store}`] : [];
  byId("model").textContent = [...facts, ...(elsewhere ? ["also open on another server"] : [])].join(" · ");
  byId("stop").hidden = !running;
  byId("end").hidden = status !== "active";
  byId("more").hidden = status === "new";
  byId("welcome").hidden = status !== "new" || transcript.entries.length > 0 || behind.length > 0;
  if (session) list.show(session);
  if (cause && CHANGES_LIST.has(cause)) list.refresh(50);
}

function refused(/** @type {string} */ text) {
  byId("problem-words").textContent = text;
  byId("problem").hidden = false;
  announce(text);
}

byId("more").append(
  menuButton(
    "More for this conversation",
    () => ({ id: room?.transcript.session ?? "", title: room?.transcript.title ?? "" }),
    (deleted) => {
      list.refresh();
      if (deleted) openNew();
    },
  ),
);
addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refusal)) return;
  event.preventDefault();
  refused(event.reason.message);
});
byId("retry-now").addEventListener("click", () => room?.link?.now());
byId("problem").append(
  button(
    "Dismiss",
    () => {
      byId("problem").hidden = true;
    },
    { name: "close", class: "quiet" },
  ),
);
byId("editing").append(button("Leave it as it was", () => edit(null)));
byId("end").addEventListener("click", () => room?.end());
byId("stop").addEventListener("click", () => room?.ask({ type: "cancel" }));
byId("new").addEventListener("click", openNew);

// What is said

function say() {
  const text = box.value;
  if (!text.trim()) return;
  const replaces = editing?.id;
  box.value = "";
  if (editing) edit(null);
  grow();
  byId("problem").hidden = true;
  room?.say(text, replaces);
  box.focus();
}

/**
 * Edit the last message; null goes back to what was being written.
 *
 * @param {Entry | null} entry
 */
function edit(entry) {
  const draft = editing ? editing.draft : box.value;
  box.value = entry ? entry.text : draft;
  editing = entry?.messageId ? { id: entry.messageId, draft } : null;
  byId("editing").hidden = !editing;
  grow();
  box.focus();
}

function grow() {
  box.rows = Math.min(10, box.value.split("\n").length);
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});
box.addEventListener("input", grow);
box.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // the key is the input method's
  if (event.key === "Escape" && editing) {
    event.stopPropagation(); // it stops no reply as well
    edit(null);
  }
  if (event.key !== "Enter" || event.shiftKey) return;
  event.preventDefault();
  say();
});
for (const choice of document.querySelectorAll("#welcome button")) {
  choice.addEventListener("click", () => {
    box.value = choice.textContent ?? "";
    box.focus();
  });
}

// The sidebar, which covers a narrow screen while it is open

function showSidebar(/** @type {boolean} */ shown) {
  document.body.classList.toggle("sidebar-open", shown);
  byId("main").inert = shown;
  byId("menu").setAttribute("aria-expanded", String(shown));
  for (const [name, value] of [
    ["role", "dialog"],
    ["aria-modal", "true"],
    ["aria-label", "Conversations"],
  ]) {
    if (shown) byId("sidebar").setAttribute(name, value);
    else byId("sidebar").removeAttribute(name);
  }
}

byId("menu").addEventListener("click", () => {
  showSidebar(true);
  byId("search").focus();
});
byId("close-sidebar").addEventListener("click", () => {
  showSidebar(false);
  byId("menu").focus();
});
NARROW.addEventListener("change", () => showSidebar(false));

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (NARROW.matches) byId("menu").click();
    byId("search").focus();
  } else if (event.key === "Escape" && document.body.classList.contains("sidebar-open")) {
    byId("close-sidebar").click();
  } else if (
    event.key === "Escape" &&
    !byId("stop").hidden &&
    !document.querySelector("dialog[open], :popover-open")
  ) {
    byId("stop").click();
  }
});

/** @type {[string, Parameters<typeof icon>[0]][]} */
const SIGNS = [
  ["menu", "menu"],
  ["close-sidebar", "close"],
  ["send", "send"],
  ["stop", "stop"],
  ["new", "plus"],
];
for (const [id, name] of SIGNS) byId(id).prepend(icon(name));
list.refresh();
follow();
if (!NARROW.matches) box.focus();
