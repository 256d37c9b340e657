// The first minute: the way to a model, at a server of one's own that has none yet.

import { PATIENCE, Refusal, api } from "./api.js";
import { announce, button, byId, el, isolated, plural } from "./dom.js";
import { ANSWERS } from "./shapes.js";

/** @typedef {{provider?: string, url?: string, key?: string, model?: string}} Choice */
/** @typedef {{model: string, models: string[], notes: string[]}} Chosen */
/** @typedef {{name: string, url: string, models: number}} Found */

/**
 * Offer the ways to a model where the server lets whoever asks choose one; `done` is called once one
 * answers. Resolves to whether that may be.
 *
 * @param {() => void} done
 * @param {boolean} [wanted] also where there is a model
 */
export async function offerSetup(done, wanted = false) {
  const place = byId("setup");
  /** @type {{has_model: boolean, allowed: boolean, servers: Found[]}} */
  const state = await api("GET", "api/setup", ANSWERS.setup);
  if (!state.allowed) return false;
  if (!place.hidden && !place.classList.contains("done")) {
    if (wanted) goTo(place);
    return true;
  }
  if (state.has_model && !wanted) return true;
  place.classList.remove("done");
  const says = el("p", { class: "setup-says", role: "status" });
  /**
   * @param {Choice} choice
   * @param {HTMLElement} asked where it was chosen, and where is said what comes of it
   */
  const choose = async (choice, asked) => {
    const where = choice.model ?? choice.url ?? choice.provider ?? "";
    const { activeElement: active } = document;
    asked.append(says);
    tell(`Trying ${isolated(where)}…`);
    place.inert = true;
    try {
      /** @type {Chosen} */
      const tried = await api("POST", "api/setup", ANSWERS.tried, choice, PATIENCE.setup);
      const { model, models, notes } = tried;
      if (model) {
        place.inert = false;
        place.classList.add("done");
        place.replaceChildren(el("p", { id: "setup-title", text: notes.join(" ") }));
        announce(notes.join(" "));
        done();
        return;
      }
      tell("");
      place.inert = false;
      place.replaceChildren(
        ...whichModel(models, (name, made) => choose({ ...choice, model: name }, made)),
        button("Back", showWays),
      );
      focusFirst(place);
    } catch (error) {
      place.inert = false;
      if (!(error instanceof Refusal)) throw error;
      if (active instanceof HTMLElement) active.focus();
      tell(error.message, true);
    }
  };
  const tell = (/** @type {string} */ text, bad = false) => {
    says.textContent = text;
    says.classList.toggle("bad", bad);
    if (bad) announce(text);
  };
  const leave = () => {
    place.hidden = true;
    byId("say").focus();
  };
  const about = state.has_model ? "Another model is tried" : "GenPy needs a model. It is tried";
  const ways = () => [
    el("h2", { id: "setup-title", text: "Set up a model" }),
    el("p", { text: `${about} now, and kept for every folder.` }),
    ...found(state.servers, (provider, asked) => choose({ provider }, asked)),
    form(
      "Use this key",
      [secret("A key for Groq (free at console.groq.com/keys)", true)],
      ([key], asked) => choose({ provider: "groq", key }, asked),
    ),
    form(
      "Use this address",
      [
        field("Or the address of another model server, which mostly ends in /v1", {
          type: "url",
          placeholder: "http://…/v1",
          required: true,
        }),
        secret("Its key, if it needs one", false),
      ],
      ([url, key], asked) => choose({ url, key }, asked),
    ),
    ...(state.has_model ? [button("Leave it as it is", leave)] : []),
  ];
  const showWays = () => {
    tell("");
    place.replaceChildren(...ways());
    focusFirst(place);
  };
  place.replaceChildren(...ways());
  place.hidden = false;
  if (wanted) goTo(place);
  return true;
}

function goTo(/** @type {HTMLElement} */ place) {
  place.scrollIntoView();
  focusFirst(place);
}

function focusFirst(/** @type {HTMLElement} */ place) {
  const first = place.querySelector("input, select");
  if (first instanceof HTMLElement) first.focus();
}

/**
 * @param {Found[]} servers
 * @param {(name: string, asked: HTMLElement) => void} choose
 */
function found(servers, choose) {
  if (!servers.length) return [];
  const box = el("div", { class: "setup-found" });
  const buttons = servers.map(({ name, models }) =>
    button(`${name} on this machine, ${plural(models, "model")}`, () => choose(name, box), {
      class: "primary",
    }),
  );
  box.append(...buttons);
  return [box];
}

/**
 * @param {string[]} models
 * @param {(name: string, made: HTMLElement) => void} choose
 */
function whichModel(models, choose) {
  const title = el("h2", { id: "setup-title", text: "Which model?" });
  if (!models.length) {
    const name = field("Name of the model", { required: true });
    return [title, form("Use this model", [name], ([model], made) => choose(model, made))];
  }
  const select = el(
    "select",
    { "aria-labelledby": "setup-title" },
    ...models.map((name) => el("option", { value: name, text: name })),
  );
  return [title, form("Use this model", [select], ([model], made) => choose(model, made))];
}

/**
 * @param {string} label
 * @param {Record<string, any>} given
 */
function field(label, given) {
  const input = el("input", { autocomplete: "off", spellcheck: "false", dir: "auto", ...given });
  return el("label", {}, label, input);
}

/**
 * @param {string} label
 * @param {boolean} required
 */
const secret = (label, required) =>
  field(label, { type: "password", autocomplete: "off", required });

/**
 * A form whose values are given to `submit` in their order, and itself.
 *
 * @param {string} yes
 * @param {HTMLElement[]} fields
 * @param {(values: string[], made: HTMLElement) => unknown} submit
 */
function form(yes, fields, submit) {
  const made = el(
    "form",
    {
      on: {
        submit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const inputs = [...made.querySelectorAll("input, select")];
          const values = inputs.map((one) =>
            one instanceof HTMLInputElement || one instanceof HTMLSelectElement
              ? one.value.trim()
              : "",
          );
          submit(values, made);
        },
      },
    },
    ...fields,
    el("button", { type: "submit", class: "primary", text: yes }),
  );
  return made;
}
