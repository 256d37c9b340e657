// How a line that begins with a slash is read: as a command of this page, or as a message. It does as
// read_line in genpy_tui/commands.py does; tests/pages/test_commands.py reads the same lines with both.

import { AS_IT_IS, COMMANDS, EFFORTS, PART_CHARS, SETTINGS } from "./commands.js";

const LINE = /^\/([a-z][a-z0-9_-]*)(?:[^\S\n]+([^]*?))?\s*$/i;
const MODE = "MODE"; // the argument that takes the name or the label of a mode
const CLOSE = 0.75; // how much of two words must agree for one to be meant by the other

/**
 * Every command of the terminal client, by what follows the slash.
 *
 * @type {Map<string, SlashCommand>}
 */
export const BY_SLASH = new Map(COMMANDS.map((command) => [command.slash, command]));

/** @param {string} text */
export const oneLine = (text) => text.trim().split(/\s+/).join(" ");

/**
 * What is wrong with an invalid argument; empty where the line is a message.
 *
 * @type {Record<string, (argument: string) => string>}
 */
const MISTAKES = {
  set(argument) {
    const said = oneLine(argument.toLowerCase().replaceAll("-", "_")).split(" ");
    const [first] = said;
    const names = Object.keys(SETTINGS);
    const meant =
      [first, said.slice(0, 2).join("_")].map((word) => closest(word, names)).find(Boolean) ??
      names.find((name) => first.length >= PART_CHARS && name.includes(first));
    if (argument.includes("\n") || !(meant || said.length <= 2)) return "";
    const more = meant ? `Did you mean ${meant}?` : `Choose one of ${names.join(", ")}.`;
    return `Unknown setting: ${first}. ${more}`;
  },
  think(argument) {
    if (oneLine(argument).includes(" ")) return "";
    return `Unknown effort: ${argument.trim()}. Choose one of ${EFFORTS.join(", ")}, default.`;
  },
};

/**
 * What was typed: a message, a command to run or to ask about first, or a wrong command.
 *
 * @param {string} text
 * @param {Map<string, SlashCommand>} commands by what follows the slash
 * @param {string[]} modes names and labels, in small letters
 * @returns {SlashLine}
 */
export function readLine(text, commands, modes) {
  const [, word, given = ""] = LINE.exec(text) ?? [];
  if (!word) return { kind: "message" };
  const command = commands.get(word.toLowerCase());
  if (!command) {
    if (given) return { kind: "message" };
    return { kind: "wrong", wrong: `Unknown command: ${text.trim()}. ${AS_IT_IS}` };
  }
  const argument = oneLine(given);
  if (takes(command, given, modes)) return { kind: "run", command, argument };
  const mistake = MISTAKES[command.slash]?.(given);
  if (mistake) return { kind: "wrong", command, wrong: `${mistake} ${AS_IT_IS}` };
  const ask = command.asks && !(command.argument && given.includes("\n"));
  return ask ? { kind: "ask", command, argument } : { kind: "message" };
}

/**
 * Whether what follows a command is its argument.
 *
 * @param {SlashCommand} command
 * @param {string} given
 * @param {string[]} modes
 */
function takes({ argument, pattern }, given, modes) {
  if (!given) return true;
  if (argument === MODE && modes.includes(oneLine(given.toLowerCase()))) return true;
  return Boolean(argument) && new RegExp(`^(?:${pattern})$`, "iu").test(given);
}

/**
 * The word that is nearest to another one, if it is near.
 *
 * @param {string} word
 * @param {string[]} words
 */
function closest(word, words) {
  const near = (/** @type {string} */ other) =>
    (2 * common(word, other)) / (word.length + other.length);
  const [best] = words.toSorted((a, b) => near(b) - near(a));
  return near(best) >= CLOSE ? best : undefined;
}

/**
 * Letters of two words in their longest common part, and in those on both sides of it, as Python's
 * difflib counts them.
 *
 * @param {string} one
 * @param {string} other
 * @returns {number}
 */
function common(one, other) {
  let [size, from, to] = [0, 0, 0];
  for (let i = 0; i < one.length; i += 1) {
    for (let j = 0; j < other.length; j += 1) {
      let same = 0;
      while (i + same < one.length && one[i + same] === other[j + same]) same += 1;
      if (same > size) [size, from, to] = [same, i, j];
    }
  }
  if (!size) return 0;
  return (
    size +
    common(one.slice(0, from), other.slice(0, to)) +
    common(one.slice(from + size), other.slice(to + size))
  );
}

/**
 * The words of a text as a shell reads them; null where a quotation mark is not closed.
 *
 * @param {string} text
 * @returns {string[] | null}
 */
export function shellWords(text) {
  const found = [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/gs)];
  const read = found.map(([word]) =>
    word.replaceAll(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
      (_, double, single, one) => double?.replaceAll(/\\(["\\])/g, "$1") ?? single ?? one,
    ),
  );
  return text.replaceAll(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^"'\\])+/gs, "") ? null : read;
}
