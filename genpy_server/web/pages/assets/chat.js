// The chat page: the address names the session, and everything around the conversation.

import { menuButton } from "./actions.js";
import { BASE, Refusal, api, enterToken, link, loaded, orRefusal } from "./api.js";
import { Composer, TOUCH } from "./composer.js";
import { announce, button, byId, el, icon, isolated, randomUuid } from "./dom.js";
import { Room } from "./room.js";
import { SessionList } from "./sessions.js";
import { ANSWERS } from "./shapes.js";
import { themeButton } from "./theme.js";

const REF = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/; // dots alone are a folder to a browser
const NAMES = "Names have 1 to 64 of the characters A-Z a-z 0-9 . _ -";
const NARROW = matchMedia("(max-width: 52rem)");
const NO_MODEL = "offline";
const CHANGES_LIST = new Set(["session", "summary", "run_finished"]);

const box = byId("say", HTMLTextAreaElement);
const modes = byId("mode", HTMLSelectElement);
const models = byId("model-choice", HTMLSelectElement);
/** @type {Room | null} */
let room = null;

const composer = new Composer({
  form: byId("composer", HTMLFormElement),
  box,
  send: byId("send", HTMLButtonElement),
  editing: byId("editing"),
  say,
  command: readCommand,
  commands: offered,
});

/** @type {import("./page_commands.js").PageCommands | null} */
let commands = null;

/** What begins with a slash is carried out by modules that are asked for when one is typed. */
async function loadCommands() {
  const { PageCommands: Commands } = await loaded(() => import("./page_commands.js"));
  commands ??= new Commands({
    room: () => /** @type {Room} */ (room),
    models: () => [...models.options].map(({ value }) => value).filter(Boolean),
    say,
    write: (text) => composer.take(text),
    refused,
    search: (words) => {
      byId("search", HTMLInputElement).value = words;
      list.refresh();
      toSearch();
    },
    openNew,
    sessions: toSearch,
    changed: (deleted) => {
      list.happened();
      if (deleted) openNew();
    },
    setup: () => setUp(true),
  });
  return commands;
}

/**
 * @param {string} text
 * @returns {Promise<(() => void) | null>}
 */
async function readCommand(text) {
  try {
    return (await loadCommands()).read(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused(error.message);
    return () => composer.take(text);
  }
}

function offered() {
  if (commands) return commands.offered;
  loadCommands().then(
    () => composer.menu.look(),
    () => {}, // Enter says why
  );
  return new Map();
}

/**
 * @param {string} text
 * @param {number} [replaces]
 */
function say(text, replaces) {
  byId("problem").hidden = true;
  room?.say(text, replaces, modes.value || undefined);
}

const list = new SessionList({
  search: byId("search", HTMLInputElement),
  list: byId("sessions"),
  changed: (deleted, id) => {
    if (deleted && id === room?.transcript.session) openNew();
  },
});

// The address

/**
 * What the document brought along of the conversation that it was asked for.
 *
 * @type {Preload | null}
 */
let preload = JSON.parse(document.getElementById("sent")?.textContent ?? "null");

/**
 * @param {string} ref
 * @param {Wanted | null} [wanted] a message to bring into view
 * @param {boolean} [fresh] whether its id was made a moment ago
 */
function open(ref, wanted = null, fresh = false) {
  room?.close();
  room = null; // what a new room tells while it is being made is the new room's
  byId("problem").hidden = true;
  composer.open(ref);
  modes.value = "";
  room = new Room({
    ref,
    fresh,
    wanted,
    preload,
    scroller: byId("conversation"),
    list: byId("messages"),
    tell,
    refused,
    edit: (entry) => composer.edit(entry),
    takeBack: (text) => composer.take(text),
  });
  preload = null;
  document.getElementById("sent")?.remove();
  showSidebar(false);
}

function go(/** @type {string} */ address) {
  history.pushState(null, "", address);
  follow();
}

let followed = ""; // of the address, what is shown

function follow() {
  const asked = new URLSearchParams(location.search);
  const ref = asked.get("session") ?? "";
  const id = Number(asked.get("message"));
  const known = id > 0 && Number.isSafeInteger(id);
  const wanted = known ? { id, words: asked.get("words") ?? "" } : null;
  if (REF.test(ref)) open(ref, wanted);
  else {
    const made = randomUuid();
    history.replaceState(null, "", link(`?session=${made}`));
    open(made, null, true);
    if (ref) {
      refused(
        `“${isolated(ref.slice(0, 80))}” is not a name of a conversation, so this is a new one. ${NAMES}`,
      );
    }
  }
  if (wanted && !ref) {
    refused(`Message ${wanted.id} of which conversation? The address does not say it.`);
  }
  if (asked.has("message") && !known) {
    const said = isolated((asked.get("message") ?? "").slice(0, 80));
    refused(`“${said}” is not the number of a message, so the newest ones are shown.`);
  }
  followed = location.search;
}

function openNew() {
  go(BASE.pathname);
  box.focus();
}

addEventListener("popstate", () => {
  if (location.search !== followed) follow(); // else only the place within the page is another
});
document.addEventListener("click", (event) => {
  const { target } = event;
  if (!(target instanceof Element)) return;
  const found = target.closest("a[href]");
  if (!(found instanceof HTMLAnchorElement) || found.target || found.hasAttribute("download")) {
    return;
  }
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (found.origin !== location.origin || found.pathname !== BASE.pathname || found.hash) return;
  event.preventDefault();
  if (found.search) go(found.href);
  else openNew();
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
        `${state.why || (navigator.onLine ? "Connection lost" : "No connection")}${kept}`,
        `, attempt ${state.attempt} in ${state.seconds} s`,
      ];
    case "replaying":
      return ["Catching up", ""];
    case "locked":
      return ["This server asks for a token", kept];
    case "refused":
      return [state.why, ""];
    default:
      return ["Connected", kept];
  }
}

let away = false; // whether the connection was lost

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
  byId("unlock").hidden = state.name !== "locked";
  const over = state.name === "refused" && state.over; // the conversation was deleted
  if (over && !composer.closed) list.refresh();
  composer.close(over);
  const name = title || "New conversation";
  byId("title").textContent = name;
  document.title = `${isolated(name)} - GenPy`;
  showModes(transcript.modes);
  if (cause === "ready") showModels(said);
  if (cause === "ready" && model === NO_MODEL) setUp();
  if (cause === "settings") models.value = transcript.settings.model ?? "";
  const named = model === NO_MODEL ? "no model" : isolated(model);
  const facts = model ? [named, `kept in ${store}`] : [];
  byId("model").textContent = [
    ...facts,
    ...(elsewhere ? ["also open on another server"] : []),
  ].join(" · ");
  byId("stop").hidden = !running;
  byId("end").hidden = status !== "active" || over;
  byId("more").hidden = status === "new" || over;
  byId("welcome").hidden = status !== "new" || transcript.entries.length > 0 || behind.length > 0;
  if (transcript.entries.length && byId("setup").classList.contains("done")) {
    byId("setup").hidden = true;
  }
  if (session) list.show(session);
  if (away && state.name === "ready") list.refresh(); // what others did meanwhile
  away = state.name === "waiting" || (away && state.name !== "ready");
  if (cause && CHANGES_LIST.has(cause)) list.happened(50);
}

/** Offer to set up a model, by a module that most visits need not. */
async function setUp(wanted = false) {
  const { offerSetup } = await loaded(() => import("./setup.js"));
  return offerSetup(modelFound, wanted);
}

/** Go on with the model that was set up, in the same conversation. */
function modelFound() {
  if (room) open(room.ref);
  box.focus();
}

/** Offer the kinds of help that the server has. */
function showModes(/** @type {Mode[]} */ known) {
  if (modes.options.length === known.length + 1) return;
  const { value } = modes;
  modes.replaceChildren(
    el("option", { value: "", text: "Help: automatic" }),
    ...known.map(({ name, label }) => el("option", { value: name, text: label })),
  );
  modes.value = known.some(({ name }) => name === value) ? value : "";
  byId("mode-box").hidden = !known.length;
}

/**
 * Offer the models that the server has, once for each conversation.
 *
 * @param {Room} asking
 */
async function showModels(asking) {
  /** @type {{default: string, models: {name: string}[]} | Refusal} */
  const found = await orRefusal(api("GET", "api/models", ANSWERS.models));
  if (asking !== room) return;
  if (found instanceof Refusal) {
    // Of a server that is away or asks for a token the connection's own state tells.
    if (found.status && found.status !== 401) refused(found.message, () => showModels(asking));
    return;
  }
  const { default: usual, models: known } = found;
  const chosen = asking.transcript.settings.model ?? "";
  asking.view.offer(known.map(({ name }) => name));
  const names = new Set([...known.map(({ name }) => name), ...(chosen ? [chosen] : [])]);
  models.replaceChildren(
    el("option", { value: "", text: usual ? `Model: ${isolated(usual)}` : "Model: default" }),
    ...[...names].map((name) => el("option", { value: name, text: name })),
  );
  models.value = chosen;
  byId("model-box").hidden = names.size < 2 && !chosen;
}

/**
 * Say what does not work, and offer to try it again where that makes sense.
 *
 * @param {string} text
 * @param {() => void} [again]
 */
function refused(text, again) {
  byId("problem-words").textContent = text;
  byId("again").hidden = !again;
  byId("again").onclick = () => {
    byId("problem").hidden = true;
    again?.();
  };
  byId("problem").hidden = false;
  announce(text);
}

byId("more").append(
  menuButton(
    "More for this conversation",
    () => ({ id: room?.transcript.session ?? "", title: room?.transcript.title ?? "" }),
    (deleted) => {
      list.happened();
      if (deleted) openNew();
    },
    button("Settings", async () => (await loadCommands()).effects.set("")),
  ),
);
addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refusal)) return;
  event.preventDefault();
  refused(event.reason.message);
});
// What had the focus may go away, such as the button that ends the conversation; the box takes it then.
/** @type {Element | null} */
let focused = null;
document.addEventListener("focusin", ({ target }) => {
  focused = target instanceof Element ? target : null;
});
new MutationObserver((changes) => {
  const { activeElement: active, body } = document;
  const left = active === body ? focused : active;
  if (TOUCH.matches || !left || left === body) return;
  // What is moved loses the focus too, such as the buttons below the newest reply.
  const moved = changes.some(({ removedNodes }) => [...removedNodes].some((n) => n.contains(left)));
  if (left.checkVisibility() && !(active === body && moved)) return;
  focused = null;
  if (!document.querySelector("dialog[open]")) box.focus({ preventScroll: true });
}).observe(byId("main"), { subtree: true, childList: true, attributeFilter: ["hidden"] });
byId("retry-now").addEventListener("click", () => room?.link?.now());
byId("unlock").addEventListener("click", () => enterToken());
addEventListener("token", () => {
  byId("problem").hidden = true; // what it says was refused for want of one
  list.refresh();
});
byId("problem-ways").append(
  button(
    "Dismiss",
    () => {
      byId("problem").hidden = true;
    },
    { name: "close", class: "quiet" },
  ),
);
byId("editing").append(button("Leave it as it was", () => composer.edit(null)));
models.addEventListener("change", () => room?.ask({ type: "set", model: models.value || null }));
byId("end").addEventListener("click", () => room?.end());
byId("stop").addEventListener("click", () => room?.ask({ type: "cancel" }));
byId("new").addEventListener("click", openNew);

for (const choice of document.querySelectorAll("#welcome button")) {
  choice.addEventListener("click", () => {
    composer.take(choice.textContent ?? "");
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

/** Go to the search over conversations and messages. */
function toSearch() {
  if (NARROW.matches) showSidebar(true);
  byId("search").focus();
}

byId("menu").addEventListener("click", toSearch);
byId("close-sidebar").addEventListener("click", () => {
  showSidebar(false);
  byId("menu").focus();
});
NARROW.addEventListener("change", () => showSidebar(false));

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    toSearch();
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
byId("foot").append(themeButton());
list.refresh();
if (!NARROW.matches) box.focus();
follow();
