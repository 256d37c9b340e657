// The summary page: what a session was about, counted and told, and everything that was said.

import { PATIENCE, api, attempt, link, query, session } from "./api.js";
import { bars } from "./charts.js";
import { announce, button, byId, el, exactly, isolated, plural, words } from "./dom.js";
import { EntryView } from "./entry.js";
import { Memory } from "./memory.js";
import { ANSWERS } from "./shapes.js";
import { stars } from "./stars.js";
import { themeButton } from "./theme.js";
import { Transcript } from "./transcript.js";

/** @import {Entry} from "./transcript.js" */

const PAGE = 200;
/** @type {Record<string, string>} */
const MOODS = { positive: "Positive", neutral: "Neutral", negative: "Negative" };

const ref = decodeURIComponent(location.pathname.split("/").at(-1) ?? "");
const place = session(ref);
const transcript = new Transcript();
const memory = new Memory(ref, act);
/** @type {Map<Entry, EntryView>} */
const views = new Map();
let total = 0; // messages of the conversation
/** @type {ReturnType<typeof stars> | null} */
let rating = null;

function duration(/** @type {number} */ seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 60) return plural(Math.round(seconds), "second");
  if (minutes < 60) return plural(minutes, "minute");
  return `${plural(Math.floor(minutes / 60), "hour")}${minutes % 60 ? ` ${plural(minutes % 60, "minute")}` : ""}`;
}

const exact = (/** @type {string} */ at) => el("time", { datetime: at, text: exactly(at) });

function show(/** @type {SessionRow} */ found) {
  document.title = `${isolated(found.title)} - summary - GenPy`;
  byId("title").textContent = found.title;
  byId("back", HTMLAnchorElement).href = link(`?session=${found.session_id}`);
  byId("when").replaceChildren(
    "Begun ",
    exact(found.start_time),
    ...(found.end_time ? [", ended ", exact(found.end_time)] : [", still active"]),
  );
  const ended = found.status === "completed";
  byId("again").textContent = ended
    ? found.summary
      ? "Summarise again"
      : "Summarise"
    : "End and summarise";
  byId("again").hidden = false;
  byId("missing").hidden = Boolean(found.summary);
  byId("missing").textContent = !ended
    ? "This conversation is still active, so it has no summary yet. Go on talking, or end it here to have it summed up."
    : (found.note ?? "This conversation has no summary yet. It can be summarised here.");
  byId("summary").textContent = found.summary ?? "";
  byId("told").hidden = !found.summary;
  fill("topics", found.topics);
  fill("outcomes", found.key_outcomes);
  byId("mood").hidden = !found.sentiment;
  byId("sentiment").textContent = MOODS[found.sentiment ?? ""] ?? "";
  byId("sentiment").dataset.mood = found.sentiment ?? "";
  showRating(found.user_rating);
  measure(found.metrics);
}

/**
 * @param {string} id
 * @param {string[]} texts
 */
function fill(id, texts) {
  byId(id).replaceChildren(...texts.map((text) => el("li", { text })));
  byId(`${id}-part`).hidden = !texts.length;
}

function showRating(/** @type {number | null | undefined} */ value) {
  if (!rating) {
    rating = stars(value, (chosen) =>
      act(async () => {
        const found = await api("POST", `${place}/rate`, ANSWERS.rating, { rating: chosen });
        announce(`Rated ${found.user_rating} of 5.`);
        showRating(found.user_rating);
      }),
    );
    byId("rating").append(rating.element);
  }
  rating.show(value);
}

function measure(/** @type {SessionMetrics | null | undefined} */ metrics) {
  byId("metrics-part").hidden = !metrics;
  if (!metrics) return;
  const facts = [
    [plural(metrics.total_messages, "message"), "exchanged"],
    [duration(metrics.duration_seconds), "from first to last"],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([number, text]) => el("p", {}, el("strong", { text: number }), ` ${text}`)),
  );
  /** @type {(counts: Record<string, number>) => [string, number][]} */
  const named = (counts) =>
    Object.entries(counts)
      .map(([name, count]) => /** @type {[string, number]} */ ([words(name), count]))
      .sort((a, b) => b[1] - a[1]);
  byId("charts").replaceChildren(
    ...[
      bars("Messages", [
        ["You", metrics.user_messages],
        ["GenPy", metrics.ai_messages],
      ]),
      bars("Words", [
        ["You", metrics.user_words],
        ["GenPy", metrics.assistant_words],
      ]),
      bars("Kinds of help", named(metrics.intents)),
      bars("Tools asked", named(metrics.tools)),
      bars("Tokens", [
        ["Read", metrics.prompt_tokens],
        ["Written", metrics.completion_tokens],
      ]),
    ].filter((chart) => chart !== null),
  );
}

async function read(/** @type {number | null | undefined} */ before = undefined) {
  /** @type {MessagePage} */
  const page = await api(
    "GET",
    `${place}/messages${query({ limit: PAGE, before, html: "true" })}`,
    ANSWERS.messages,
  );
  transcript.add(page, "before");
  const list = byId("transcript");
  const first = list.firstElementChild;
  for (const entry of transcript.entries) {
    const view = views.get(entry) ?? new EntryView(entry);
    if (entry.earlier.length) view.shown.update(); // more of them may be known by now
    view.mark();
    if (!views.has(entry)) list.insertBefore(view.shown.element, first);
    views.set(entry, view);
  }
  byId("older").hidden = !page.before;
  const missing = total - transcript.entries.length;
  byId("left-out").hidden = !page.before;
  byId("left-out").textContent =
    `${plural(missing, "earlier message")} ${missing === 1 ? "is" : "are"} left out.`;
}

function act(/** @type {() => unknown} */ work) {
  byId("problem").hidden = true;
  return attempt(work, (why, again) => {
    const retry = button("Try again", () => {
      byId("problem").hidden = true;
      again?.();
    });
    byId("problem").replaceChildren(`${why} `, again ? retry : "");
    byId("problem").hidden = false;
  });
}

async function load() {
  const found = await api("GET", `${place}/summary`, ANSWERS.session);
  show(found);
  byId("page").hidden = false;
  total = found.message_count;
  const notes = memory.load().then(() => {
    byId("memory-part").hidden = false;
  });
  await Promise.all([read(), notes]);
}

byId("again").addEventListener("click", () =>
  act(async () => {
    byId("again", HTMLButtonElement).disabled = true;
    byId("again").textContent = "Summing up…";
    try {
      const made = `${place}/regenerate-summary`;
      show(await api("POST", made, ANSWERS.session, undefined, PATIENCE.summary));
      announce("The summary is written.");
    } finally {
      byId("again", HTMLButtonElement).disabled = false;
      if (byId("again").textContent === "Summing up…") {
        byId("again").textContent = "Summarise again";
      }
    }
  }),
);
byId("memory-part").append(...memory.elements);
byId("older").append(button("Earlier messages", () => act(() => read(transcript.before))));
byId("print").addEventListener("click", () =>
  act(async () => {
    const pressed = byId("print", HTMLButtonElement);
    pressed.disabled = true;
    if (transcript.before) announce("All messages are read first.");
    try {
      while (transcript.before) {
        const known = transcript.entries.length.toLocaleString("en");
        pressed.textContent = `Reading: ${known} of ${plural(total, "message")}…`;
        await read(transcript.before);
      }
    } finally {
      pressed.disabled = false;
      pressed.textContent = "Print";
    }
    print();
  }),
);
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload(); // it was kept while the conversation may have gone on
});
byId("foot").append(themeButton());
act(load);
