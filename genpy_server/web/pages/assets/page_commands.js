// What each slash command does on the chat page, and what the prompts of MCP servers are filled into.

import { download, remove, rename } from "./actions.js";
import { api, attempt, link, session } from "./api.js";
import { AS_IT_IS } from "./commands.js";
import { TOUCH } from "./composer.js";
import { byId, choose, el, isolated, plural, tell, words } from "./dom.js";
import { memoryDialog } from "./memory.js";
import { change, settingsDialog } from "./settings.js";
import { ANSWERS } from "./shapes.js";
import { BY_SLASH, oneLine, readLine, shellWords } from "./slash.js";
import { stars } from "./stars.js";
import { THEMES, setTheme } from "./theme.js";

/** @import {Room} from "./room.js" */

const AUTOMATIC = "automatic";
/** What is pressed on the page, beside the commands. */
const KEYS = [
  ...(TOUCH.matches
    ? []
    : [
        ["Enter", "Send the message."],
        ["Shift+Enter", "Begin a line."],
      ]),
  ["Escape", "Stop the reply, or leave an edit."],
  ["Ctrl+K", "Search conversations and messages."],
  ["/", "Commands: up and down choose, Tab completes, Enter runs."],
];

/** An argument of a command that it cannot be carried out with; the line is given back. */
class Mistyped extends Error {}

/** Carries out what begins with a slash. */
export class PageCommands {
  /** @type {Map<string, ListedPrompt>} */
  #prompts = new Map();
  #loaded = false;

  /**
   * @param {object} page
   * @param {() => Room} page.room
   * @param {() => string[]} page.models that can be chosen
   * @param {(text: string) => void} page.say send a message
   * @param {(text: string) => void} page.write put a text into the box
   * @param {(text: string, again?: () => void) => void} page.refused
   * @param {(words: string) => void} page.search
   * @param {() => void} page.openNew
   * @param {() => void} page.sessions go to the list
   * @param {(deleted: boolean) => void} page.changed the session was renamed or deleted
   * @param {() => Promise<boolean>} page.setup offer to set up a model; whether that may be
   */
  constructor(page) {
    this.page = page;
    /** @type {Record<string, (argument: string) => unknown>} */
    this.effects = {
      help: () => this.#help(),
      new: () => page.openNew(),
      sessions: () => page.sessions(),
      search: (said) => page.search(said),
      summary: () => this.#begun(() => location.assign(link(`summary/${this.#about.id}`))),
      memory: () => this.#begun(() => memoryDialog(this.#about.id)),
      rename: (title) => this.#begun(() => this.#rename(title)),
      stop: () => this.#stop(),
      retry: (mode) => this.#again(mode ? { intent: this.#mode(mode) || undefined } : {}),
      edit: () => this.#press(page.room().view.edit, "Nothing to edit: no message was sent."),
      mode: (name) => this.#chooseMode(name),
      rate: (number) => this.#begun(() => this.#rate(number)),
      end: () => this.#begun(() => page.room().end()),
      export: (name) => this.#begun(() => download(this.#about, name)),
      delete: () => this.#begun(async () => page.changed(await remove(this.#about))),
      model: (name) => (name ? this.#set("model", name) : this.#settings("model")),
      again: (model) => this.#otherModel(model),
      set: (said) => this.#setting(said),
      context: () => this.#begun(() => this.#context()),
      think: (effort) =>
        effort ? this.#set("reasoning_effort", effort) : this.#settings("reasoning_effort"),
      setup: () => this.#setup(),
      theme: (name) => this.#theme(name),
    };
  }

  /** What the menu offers: what this page has of the terminal's commands, and the prompts. */
  get offered() {
    this.#loadOnce();
    const own = [...BY_SLASH].filter(([slash]) => slash in this.effects);
    return new Map([...this.#prompted, ...own]);
  }

  /** @returns {[string, SlashCommand][]} */
  get #prompted() {
    return [...this.#prompts].map(([slash, { description, arguments: given = [] }]) => [
      slash,
      {
        slash,
        help: description,
        argument: given.map(({ name }) => name.toUpperCase()).join(" "),
        pattern: "[^\\n]+",
        asks: "",
      },
    ]);
  }

  /**
   * What carries out a text that is a command; null where it is a message.
   *
   * @param {string} text
   */
  read(text) {
    const known = new Map([...this.#prompted, ...BY_SLASH]);
    const modes = this.#modes.flatMap(({ name, label }) => [name, label.toLowerCase()]);
    const line = readLine(text, known, modes);
    if (line.kind === "message") return null;
    return async () => {
      byId("problem").hidden = true;
      try {
        if (line.kind === "wrong") throw new Mistyped(line.wrong);
        const { command, argument } = line;
        if (line.kind === "ask") await this.#ask(text, command, argument);
        else await this.#run(command, argument, text);
      } catch (error) {
        if (!(error instanceof Mistyped)) throw error;
        this.page.write(text);
        this.page.refused(error.message);
      }
    };
  }

  /**
   * @param {SlashCommand} command
   * @param {string} argument
   * @param {string} text as it was typed
   */
  async #run({ slash }, argument, text) {
    const effect = this.effects[slash];
    if (effect) await attempt(() => effect(argument), this.page.refused);
    else if (this.#prompts.has(slash)) this.#fill(slash, argument, text);
    else throw new Mistyped(`/${slash} is a command of the terminal only. ${AS_IT_IS}`);
  }

  /** The question of the terminal where words follow that are not an argument. */
  async #ask(/** @type {string} */ text, /** @type {SlashCommand} */ command, argument = "") {
    if (!(command.slash in this.effects)) {
      this.page.say(text);
      return;
    }
    const answers = { run: command.asks, send: "Send it as a message" };
    const answer = await choose("Is this a message?", text, answers);
    if (answer === "send") this.page.say(text);
    else if (answer === "run") await this.#run(command, command.argument ? argument : "", text);
    else this.page.write(text);
  }

  get #about() {
    const { session: id, title } = this.page.room().transcript;
    return { id, title };
  }

  get #modes() {
    return this.page.room().transcript.modes;
  }

  #begun(/** @type {() => unknown} */ work) {
    if (this.page.room().transcript.status !== "new") return work();
    this.page.refused("Nothing here yet: no message was sent.");
    return null;
  }

  /**
   * @param {HTMLElement} element
   * @param {string} missing
   */
  #press(element, missing) {
    if (element.isConnected && !element.hidden) element.click();
    else this.page.refused(missing);
  }

  async #rename(/** @type {string} */ title) {
    if (title) await api("PATCH", session(this.#about.id), ANSWERS.done, { title });
    else await rename(this.#about);
    this.page.changed(false);
  }

  #stop() {
    if (this.page.room().transcript.running) this.page.room().ask({ type: "cancel" });
    else this.page.refused("No reply is being written.");
  }

  #again(/** @type {{intent?: string, model?: string}} */ other) {
    const room = this.page.room();
    if (room.transcript.running) {
      this.page.refused("A reply is being written; Escape stops it.");
    } else this.#begun(() => room.ask({ type: "retry", ...other }));
  }

  #otherModel(/** @type {string} */ model) {
    const { view } = this.page.room();
    if (model) this.#again({ model });
    else {
      const opener = /** @type {HTMLElement} */ (view.others.querySelector("button"));
      this.#press(opener, "Nothing to answer with another model: no message was sent.");
    }
  }

  /**
   * The mode with this name or label, "" for the automatic choice.
   *
   * @param {string} said
   */
  #mode(said) {
    const wanted = oneLine(said.toLowerCase());
    if (wanted === AUTOMATIC) return "";
    const found = this.#modes.find(({ name, label }) =>
      [name, label.toLowerCase()].includes(wanted),
    );
    if (found) return found.name;
    const labels = [...this.#modes.map(({ label }) => label), AUTOMATIC].join(", ");
    throw new Mistyped(`Unknown mode: ${isolated(said)}. Choose one of ${labels}. ${AS_IT_IS}`);
  }

  #chooseMode(/** @type {string} */ name) {
    const modes = byId("mode", HTMLSelectElement);
    if (!name) {
      modes.focus();
      modes.showPicker?.();
      return;
    }
    modes.value = this.#mode(name);
    const chosen = modes.selectedOptions[0]?.textContent ?? "";
    this.page.room().view.notice(`From now on: ${isolated(chosen)}.`);
  }

  #rate(/** @type {string} */ said) {
    const { rating } = this.page.room().transcript;
    const rate = (/** @type {number} */ value) =>
      this.page.room().ask({ type: "rate", rating: value });
    if (!said) tell("Rate this conversation", stars(rating, rate).element);
    else if (/^[1-5]$/.test(said)) rate(Number(said));
    else throw new Mistyped(`A rating is a number from 1 to 5. ${AS_IT_IS}`);
  }

  #setting(/** @type {string} */ said) {
    const [, name = "", value = ""] = /^(\S*)\s*(.*)$/s.exec(said) ?? [];
    if (value) this.#set(name.toLowerCase(), value);
    else this.#settings(name.toLowerCase() || undefined);
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #set(name, value) {
    try {
      this.page
        .room()
        .set(change(name, value), `${words(name)}: ${isolated(value)}, from the next reply on.`);
    } catch (error) {
      throw new Mistyped(error instanceof Error ? error.message : String(error));
    }
  }

  #settings(/** @type {string | undefined} */ first) {
    const room = this.page.room();
    const set = (/** @type {SetFrame} */ frame) =>
      room.set(frame, "The settings hold from the next reply on.");
    settingsDialog(room.transcript.settings, this.page.models(), set, first);
  }

  async #context() {
    const { context } = await api("GET", `${session(this.#about.id)}/context`, ANSWERS.context);
    const number = (/** @type {number} */ count) => count.toLocaleString("en");
    const model = context.window ? `; the model takes ${number(context.window)}` : "";
    tell(
      "What is sent to the model",
      el("p", {
        text: `${number(context.total)} of ${plural(context.budget, "token")}${model}.`,
      }),
      el(
        "table",
        {},
        ...Object.entries(context.tokens).map(([name, count]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row", text: words(name) }),
            el("td", { class: "number", text: number(count) }),
          ),
        ),
      ),
    );
  }

  async #setup() {
    if (!(await this.page.setup())) {
      this.page.refused("A model is set up at the server’s own machine: run genpy setup there.");
    }
  }

  #theme(/** @type {string} */ name) {
    if (!name) byId("foot").querySelector("button")?.click();
    else if (THEMES.includes(name.toLowerCase())) setTheme(name.toLowerCase());
    else {
      const known = THEMES.join(", ");
      throw new Mistyped(`Unknown theme: ${isolated(name)}. Choose one of ${known}. ${AS_IT_IS}`);
    }
  }

  #help() {
    const row = (/** @type {string} */ key, /** @type {string | null} */ text) =>
      el("tr", {}, el("th", { scope: "row" }, el("kbd", { text: key })), el("td", { text }));
    const commands = [...this.offered.values()].map(({ slash, argument, help }) =>
      row(`/${slash} ${argument}`.trim(), help),
    );
    tell(
      "Keys and commands",
      el(
        "div",
        { class: "help-page", tabindex: "0", role: "group", "aria-label": "Keys and commands" },
        el("table", {}, ...KEYS.map(([key, text]) => row(key, text)), ...commands),
      ),
    );
  }

  // Prompts of MCP servers

  #loadOnce() {
    if (this.#loaded) return;
    this.#loaded = true;
    /** @type {(found: {prompts: ListedPrompt[]}) => void} */
    const known = ({ prompts }) => {
      this.#prompts = new Map(prompts.map((prompt) => [prompt.name, prompt]));
      if (prompts.length) byId("say").dispatchEvent(new Event("input"));
    };
    api("GET", "api/prompts", ANSWERS.prompts).then(known, ({ status, message }) => {
      this.#loaded = Boolean(status); // one that is away is asked again
      if (status === 404) return; // an older server has none
      this.page.refused(message, () => {
        this.#loaded = false;
        this.#loadOnce();
      });
    });
  }

  /**
   * Put a prompt with its arguments into the box; several are words, as in a shell.
   *
   * @param {string} slash
   * @param {string} argument
   * @param {string} text
   */
  #fill(slash, argument, text) {
    const names = this.#prompts.get(slash)?.arguments ?? [];
    const given = names.length <= 1 ? [argument].filter(Boolean) : shellWords(argument);
    if (!given) throw new Mistyped("A quotation mark is not closed.");
    const needed = names.filter(({ required }) => required).length;
    if (given.length < needed || given.length > names.length) {
      const usage = names.map(({ name }) => name.toUpperCase()).join(" ");
      throw new Mistyped(`Usage: /${slash} ${usage}.`);
    }
    const values = Object.fromEntries(given.map((value, at) => [names[at].name, value]));
    const place = `api/prompts/${encodeURIComponent(slash)}`;
    api("POST", place, ANSWERS.prompt, { arguments: values }).then(
      (filled) => this.page.write(filled.text),
      (error) => {
        this.page.write(text);
        throw error;
      },
    );
  }
}
