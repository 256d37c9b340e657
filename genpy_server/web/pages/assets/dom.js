// Elements made from data, and the few words and signs that every page shares.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  plus: "M12 5v14M5 12h14",
  more: "M6 11.5v1M12 11.5v1M18 11.5v1",
  send: "M12 19V6M6 12l6-6 6 6",
  stop: "M8 8h8v8H8z",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 13l4 4L19 7",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  again: "M19 12a7 7 0 1 1-2-5M19 4v4h-4",
  down: "M12 5v14M6 13l6 6 6-6",
  back: "M15 5l-7 7 7 7",
  forth: "M9 5l7 7-7 7",
  others: "M5 8h11l-3-3M19 16H8l3 3",
  close: "M6 6l12 12M18 6L6 18",
  star: "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z",
};

/**
 * An element: `text`, `on: {event: handler}`, properties such as `hidden`, else attributes.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [given]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (name === "text") made.textContent = value;
    else if (name === "on") {
      for (const [event, run] of Object.entries(value)) made.addEventListener(event, run);
    } else if (typeof value === "boolean" && name in made) Reflect.set(made, name, value);
    else made.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const shape = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, shape);
}

/**
 * A button with a label, or with an icon that the label names.
 *
 * @param {string} label
 * @param {(event: Event) => unknown} run
 * @param {{name?: keyof typeof ICONS} & Record<string, any>} [options]
 */
export const button = (label, run, { name, ...more } = {}) =>
  el(
    "button",
    {
      type: "button",
      ...(name ? { "aria-label": label, title: label } : {}),
      on: { click: run },
      ...more,
    },
    name ? icon(name) : label,
  );

const AGAIN = 500; // ms after which a click is meant again

/**
 * What a button does that makes sense once: the second click of a double one does nothing, nor does a
 * key that is held.
 *
 * @param {() => unknown} run
 */
export function once(run) {
  let last = -Infinity;
  return (/** @type {Event} */ event) => {
    const since = event.timeStamp - last;
    last = event.timeStamp;
    if (since > AGAIN && !(event instanceof UIEvent && event.detail > 1)) run();
  };
}

/**
 * A button that opens a small menu, which closes when something in it is chosen.
 *
 * @param {string} label
 * @param {keyof typeof ICONS} name
 * @param {() => HTMLElement[]} choices links and buttons
 */
export function menuOf(label, name, choices) {
  const menu = el("div", { class: "menu", popover: "auto" });
  const place = () => {
    const { bottom, right } = opener.getBoundingClientRect();
    const { offsetHeight, offsetWidth } = menu;
    menu.style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - offsetHeight - 8))}px`;
    menu.style.left = `${Math.max(8, Math.min(right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
  };
  const opener = button(
    label,
    () => {
      menu.replaceChildren(...choices());
      menu.showPopover();
      place();
      /** @type {HTMLElement | null} */ (menu.firstElementChild)?.focus();
    },
    { name, class: "quiet", "aria-haspopup": "dialog" },
  );
  // Before what was chosen is done: a dialog gives the focus back to what has it now.
  const chosen = () => {
    menu.hidePopover();
    opener.focus();
  };
  menu.addEventListener("click", chosen, { capture: true });
  // Before the change, as "toggle" comes later than a resize that follows at once.
  menu.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "open") addEventListener("resize", place);
    else removeEventListener("resize", place);
  });
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState === "closed" && menu.contains(document.activeElement)) opener.focus();
  });
  return el("span", { class: "menu-box" }, opener, menu);
}

/**
 * The element of the page with this id; throws where it is missing or of another kind.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function byId(id, kind = /** @type {new () => T} */ (HTMLElement)) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no #${id}.`);
  return found;
}

/** @param {string | null | undefined} name */
export const words = (name) => (name ?? "").replaceAll("_", " ");

/**
 * A text of somebody else within words of ours, whose direction it cannot change.
 *
 * @param {string} text
 */
export const isolated = (text) => `\u2068${text}\u2069`;

const PLURALS = new Intl.PluralRules("en");

/**
 * A count with its noun.
 *
 * @param {number} count
 * @param {string} noun
 */
export const plural = (count, noun) =>
  `${count.toLocaleString("en")} ${noun}${PLURALS.select(count) === "one" ? "" : "s"}`;

// The page is written in English, so its dates are too; only the time zone is the person's.
const HOUR = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });
const EXACT = new Intl.DateTimeFormat("en", {
  ...{ year: "numeric", month: "long", day: "numeric" },
  ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
});

/**
 * A date and time in full; what is none stays as it is.
 *
 * @param {string} at
 */
export const exactly = (at) => written(EXACT, at);

/**
 * The hour of a time today, else its day.
 *
 * @param {string} at
 */
export function when(at) {
  const today = new Date().toDateString() === new Date(at).toDateString();
  return written(today ? HOUR : DAY, at);
}

/**
 * @param {Intl.DateTimeFormat} format
 * @param {string} at
 */
function written(format, at) {
  const time = Date.parse(at);
  return Number.isNaN(time) ? at : format.format(time);
}

/** @param {string} at */
export const timeOf = (at) => el("time", { datetime: at, title: exactly(at), text: when(at) });

/** 22 characters nobody will choose again; randomUUID is missing where a page has no TLS. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .slice(0, 22);
}

export function randomUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

/**
 * Copy text; a page without TLS, or without the permission, has only the old way. False where that
 * is refused too.
 *
 * @param {string} text
 */
async function copy(text) {
  const { activeElement: active } = document;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (active instanceof HTMLElement) active.focus();
    return copied;
  }
}

/**
 * A button that copies what `text()` returns, and says so.
 *
 * @param {string} label
 * @param {() => string} text
 */
export function copyButton(label, text) {
  const made = button(
    label,
    async () => {
      const copied = await copy(text());
      const said = copied ? "Copied" : "Not copied: the browser does not allow it";
      made.replaceChildren(icon(copied ? "check" : "close"));
      made.setAttribute("aria-label", said);
      made.title = said;
      announce(`${said}.`);
      setTimeout(() => {
        made.replaceChildren(icon("copy"));
        made.setAttribute("aria-label", label);
        made.title = label;
      }, 1500);
    },
    { name: "copy", class: "quiet" },
  );
  return made;
}

/**
 * Say something to a screen reader, once.
 *
 * @param {string} text
 */
export function announce(text) {
  const line = el("p", { text });
  byId("spoken").replaceChildren(line);
}

/**
 * Open a dialog, which is removed when it closes.
 *
 * @param {string} title
 * @param {Child[]} content
 * @param {(event: SubmitEvent) => void} [submit] called in place of closing
 * @param {() => void} [closed]
 */
export function openDialog(title, content, submit, closed) {
  const named = "dialog-title";
  /** @type {HTMLDialogElement} */
  const dialog = el(
    "dialog",
    {
      "aria-labelledby": named,
      on: {
        close: () => {
          dialog.remove();
          closed?.();
        },
      },
    },
    el(
      "form",
      { method: "dialog", on: submit && { submit } },
      el("h2", { text: title, id: named }),
      ...content,
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Show something in a dialog that only closes.
 *
 * @param {string} title
 * @param {...HTMLElement} content
 */
export const tell = (title, ...content) =>
  openDialog(title, [
    ...content,
    el(
      "p",
      { class: "buttons" },
      el("button", { class: "primary", text: "Close", autofocus: true }),
    ),
  ]);

/**
 * Let a person choose an answer; resolves to its key, or to "" where the question was dismissed.
 *
 * @param {string} title
 * @param {string} text
 * @param {Record<string, string>} answers the last one is the likeliest
 * @returns {Promise<string>}
 */
export const choose = (title, text, answers) =>
  new Promise((resolve) => {
    const last = Object.keys(answers).at(-1);
    const buttons = Object.entries(answers).map(([value, label]) =>
      el("button", { value, text: label, class: value === last ? "primary" : "" }),
    );
    const dialog = openDialog(
      title,
      [el("p", { text, dir: "auto" }), el("p", { class: "buttons" }, ...buttons)],
      undefined,
      () => resolve(dialog.returnValue),
    );
    buttons.at(-1)?.focus();
  });

/**
 * Ask in a dialog; resolves to what was entered and whether the choice was made, or to null when it
 * was dismissed.
 *
 * @param {object} question
 * @param {string} question.title
 * @param {string} [question.text]
 * @param {Record<string, any>} [question.field] attributes of the input
 * @param {string} [question.choice] words of a box to tick
 * @param {string} question.yes
 * @param {boolean} [question.danger]
 * @returns {Promise<{text: string, chosen: boolean} | null>}
 */
export function ask({ title, text, field, choice, yes, danger }) {
  return new Promise((resolve) => {
    /** @type {{text: string, chosen: boolean} | null} */
    let answer = null;
    const input =
      field &&
      el("input", {
        autocomplete: "off",
        ...field,
        "aria-labelledby": "dialog-title",
        required: true,
        dir: "auto",
      });
    const box = choice ? el("input", { type: "checkbox" }) : null;
    const dialog = openDialog(
      title,
      [
        text ? el("p", { text }) : null,
        input,
        box && el("label", { class: "choice" }, box, choice),
        el(
          "p",
          { class: "buttons" },
          button("Cancel", () => dialog.close()),
          el("button", { type: "submit", class: danger ? "danger" : "primary", text: yes }),
        ),
      ],
      (event) => {
        event.preventDefault();
        const given = input?.value.trim() ?? "";
        if (!input || given) answer = { text: given, chosen: box?.checked ?? false };
        dialog.close();
      },
      () => resolve(answer),
    );
    input?.select();
  });
}
