// How the model answers in one conversation: a dialog of all settings, and one that is typed.

import { EFFORTS, SETTINGS } from "./commands.js";
import { button, el, openDialog, words } from "./dom.js";
import { shellWords } from "./slash.js";

const DEFAULT = "default";
const OF_SESSION = new Set(["model", "system"]);
/** @type {Record<string, Record<string, any>>} */
const FIELDS = {
  temperature: { type: "number", min: 0, max: 2, step: "any" },
  max_tokens: { type: "number", min: 1, step: 1 },
  seed: { type: "number", step: 1 },
};

/**
 * What a typed value asks of the session; throws an `Error` with what it must be.
 *
 * @param {string} name
 * @param {string} text
 * @returns {SetFrame}
 */
export function change(name, text) {
  const value = [DEFAULT, ""].includes(text.trim().toLowerCase()) ? null : parsed(name, text);
  const given = { [name]: value };
  return { type: "set", ...(OF_SESSION.has(name) ? given : { params: given }) };
}

/**
 * @param {string} name
 * @param {string} text
 */
function parsed(name, text) {
  const value = text.trim();
  if (OF_SESSION.has(name)) return value;
  if (name === "reasoning_effort") return value.toLowerCase();
  if (name === "stop") {
    const texts = shellWords(value);
    if (texts) return texts;
    throw new Error("Not set: a quotation mark is not closed.");
  }
  const number = Number(value);
  const fits = name === "temperature" ? Number.isFinite(number) : Number.isSafeInteger(number);
  if (fits) return number;
  throw new Error(`Not set: ${name} is ${SETTINGS[/** @type {keyof SETTINGS} */ (name)]}.`);
}

/**
 * What is set, as it is typed, by name.
 *
 * @param {SessionSettings} settings
 * @returns {Record<string, string>}
 */
function written({ params, ...settings }) {
  const given = Object.entries({ ...settings, ...params }).filter(([, value]) => value != null);
  return Object.fromEntries(
    given.map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => JSON.stringify(one)).join(" ") : String(value),
    ]),
  );
}

/**
 * Show the settings of a conversation, and set what is changed.
 *
 * @param {SessionSettings} settings
 * @param {string[]} models that can be chosen
 * @param {(frame: SetFrame) => void} set
 * @param {string} [first] the setting that has the focus
 */
export function settingsDialog(settings, models, set, first = "temperature") {
  const now = written(settings);
  const problem = el("p", { class: "note bad", role: "alert", hidden: true });
  const choices = { model: models, reasoning_effort: EFFORTS };
  const fields = Object.entries(SETTINGS).map(([name, help]) => {
    const listed = choices[/** @type {keyof choices} */ (name)];
    const value = now[name] ?? "";
    const given = { id: `set-${name}`, dir: "auto" };
    const told = { ...given, "aria-describedby": `help-${name}` };
    let field;
    if (listed) {
      const names = [...new Set([...listed, ...(value ? [value] : [])])];
      field = el(
        "select",
        given,
        el("option", { value: "", text: DEFAULT }),
        ...names.map((one) => el("option", { value: one, text: one })),
      );
    } else if (name === "system") field = el("textarea", { ...told, rows: 3 });
    else field = el("input", { ...told, autocomplete: "off", ...FIELDS[name] });
    field.value = value;
    return { name, help, field };
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const changed = fields.filter(({ name, field }) => field.value.trim() !== (now[name] ?? ""));
    try {
      const frames = changed.map(({ name, field }) => change(name, field.value));
      const params = Object.assign({}, ...frames.map((frame) => frame.params));
      const more = Object.keys(params).length ? { params } : {};
      if (frames.length) set(Object.assign({}, ...frames, more));
      dialog.close();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
    }
  };
  const dialog = openDialog(
    "Settings of this conversation",
    [
      el(
        "div",
        { class: "settings" },
        ...fields.map(({ name, help, field }) =>
          el(
            "p",
            { class: "setting" },
            el("label", { for: field.id, text: words(name) }),
            field,
            field instanceof HTMLSelectElement
              ? null
              : el("span", { class: "help", text: help, id: `help-${name}` }),
          ),
        ),
      ),
      problem,
      el(
        "p",
        { class: "buttons" },
        button("Cancel", () => dialog.close()),
        el("button", { type: "submit", class: "primary", text: "Set" }),
      ),
    ],
    submit,
  );
  fields.find(({ name }) => name === first)?.field.focus();
}
