"""The table of commands, from which keys, footer, help, palette and slash commands are made."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal, get_args

from textual.binding import Binding

from genpy_server.core.models import Effort

AS_IT_IS = "A space before it sends it as it is."
"""How to send a line that looks like a command as a message."""
Where = Literal["everywhere", "transcript"]
Kind = Literal["message", "run", "ask", "wrong"]
_LINE = re.compile(r"/([a-z][a-z0-9_-]*)(?:[^\S\n]+(.*?))?\s*", re.IGNORECASE | re.DOTALL)

SETTINGS = {
    "model": "PROVIDER/NAME",
    "temperature": "0 to 2; higher is more varied",
    "max_tokens": "tokens of a reply at most",
    "reasoning_effort": ", ".join(get_args(Effort)),
    "seed": "a whole number, for the same answer again",
    "stop": "texts before which a reply ends, each in quotation marks",
    "system": "instructions to the model, before everything else",
}
"""Settings of a conversation, each with a description of its value."""
PART_CHARS = 3
"""Shortest part of a setting's name that is recognised in a wrong one."""
MODE = "MODE"
"""Name of an argument that is the name or label of a mode."""


class Mistyped(Exception):
    """A command has an invalid argument; the line is put back into the prompt."""


def _no_setting(argument: str) -> str:
    """The error for an unknown setting, alone or with a value; empty where a message is meant."""
    words = argument.lower().replace("-", "_").split()
    named = (words[0], "_".join(words[:2]))
    meant = [name for word in named for name in get_close_matches(word, SETTINGS, 1, 0.75)]
    meant += [name for name in SETTINGS if len(words[0]) >= PART_CHARS and words[0] in name]
    if "\n" in argument or not (meant or len(words) <= len(named)):
        return ""
    ask = f"Did you mean {meant[0]}?" if meant else f"Choose one of {', '.join(SETTINGS)}."
    return f"Unknown setting: {words[0]}. {ask}"


def _no_effort(argument: str) -> str:
    """The error for one word that is not an effort; empty for several words."""
    if len(argument.split()) > 1:
        return ""
    return f"Unknown effort: {argument.strip()}. Choose one of {SETTINGS['reasoning_effort']}, default."


@dataclass(frozen=True, slots=True)
class Command:
    """A command; the chat screen maps `name` to its function."""

    name: str
    title: str
    help: str
    key: str = ""
    slash: str = ""
    argument: str = ""
    """Name of its argument in help; empty for none."""
    pattern: str = r"[^\n]+"
    """Regular expression of a valid argument; a line with other words is a message."""
    asks: str = ""
    """Question to ask before it runs with words that are not its argument; empty to not ask."""
    mistyped: Callable[[str], str] = lambda _: ""
    """Returns the error for words that are not an argument; empty where they are a message."""
    footer: bool = False
    where: Where = "everywhere"

    def takes(self, argument: str, modes: Collection[str] = ()) -> bool:
        """Whether a text is a valid argument; `modes` are in lower case."""
        if not argument:
            return True
        if self.argument == MODE and " ".join(argument.lower().split()) in modes:
            return True
        return (
            bool(self.argument) and re.fullmatch(self.pattern, argument, re.IGNORECASE) is not None
        )

    @property
    def binding(self) -> Binding:
        """Its key as a binding of Textual; without a default key it may have a configured one."""
        return Binding(
            self.key or "none",
            f"command('{self.name}')",
            self.title,
            show=self.footer,
            # The prompt handles some of these keys itself; escape closes its menu first.
            priority=self.where == "everywhere" and self.key != "escape",
            id=self.name,
        )


def _typed(name: str, about: str, key: str = "", **facts: Any) -> Command:
    """A slash command of its own name."""
    return _pressed(name, about, key, **{"slash": name} | facts)


def _pressed(name: str, about: str, key: str, **facts: Any) -> Command:
    """A command that has a key only; `facts` are other fields of `Command`."""
    title = name.removesuffix("_block").replace("_", " ").capitalize()
    return Command(name, help=about, key=key, **{"title": title} | facts)


_on_message = partial(_pressed, where="transcript")

WORD = r"\S+"
NAME = {"argument": "NAME", "pattern": WORD}
AS_MODE = {"argument": MODE, "pattern": WORD}
FILE = {"argument": "FILE", "pattern": r"\S+|[^\n]+\.md"}
TITLE = {"argument": "TITLE", "pattern": r"[^\n?!]{1,60}(?<![.:;])"}
"""A text that is not a sentence; for a sentence the client asks whether it is a message."""
SETTING: dict[str, Any] = {
    "argument": "NAME VALUE",
    "pattern": rf"(?:{'|'.join(SETTINGS)})(?:\s+[^\n]+)?",
    "mistyped": _no_setting,
}
EFFORT: dict[str, Any] = {
    "argument": "EFFORT",
    "pattern": "|".join([*get_args(Effort), "default"]),
    "mistyped": _no_effort,
}

COMMANDS: tuple[Command, ...] = (
    _typed("help", "What every key does.", "f1", footer=True),
    _typed("new", "Begin a new conversation.", "ctrl+n", footer=True),
    _typed("sessions", "Show or hide the list.", "ctrl+b", footer=True),
    _typed("search", "Search every conversation.", "f3", argument="WORDS", footer=True),
    _typed("summary", "What this conversation was about.", "f4", footer=True),
    _typed("memory", "Show and forget what is remembered of it."),
    _typed("rename", "Give this conversation a title.", "f2", **TITLE, asks="Take it as the title"),
    _typed("stop", "Stop the reply and keep its text.", "escape", footer=True),
    _typed("retry", "Answer the last message again.", "ctrl+r", **AS_MODE),
    _typed("edit_last", "Edit your last message.", title="Edit last", slash="edit"),
    _typed("mode", "Choose the mode of the next replies.", "f5", **AS_MODE),
    _typed("rate", "Rate this conversation from 1 to 5.", argument="1-5", pattern=WORD),
    _pressed("approve", "Answer a tool that waits for your permission.", "f8", title="Answer"),
    _pressed("rate_left", "Rate the conversation you left, when asked.", "f6"),
    _typed("end", "End this conversation and write its summary.", asks="End the conversation"),
    _typed("export", "Write this conversation to a Markdown file.", **FILE),
    _typed("delete", "Delete this conversation.", asks="Delete the conversation"),
    _typed("model", "Choose the model of this conversation.", "f7", **NAME),
    _typed(
        "again", "Answer the last message again with another model.", **NAME, title="Other model"
    ),
    _typed(
        "set",
        "Show and set how the model answers here: temperature, seed …",
        **SETTING,
        title="Settings",
    ),
    _typed("context", "Show what will be sent to the model with the text in the prompt.", "f9"),
    _pressed("thinking", "Show or hide what the model thought before its newest reply.", "ctrl+t"),
    _typed(
        "think", "Set how long the model thinks in this conversation.", **EFFORT, title="Effort"
    ),
    _typed("setup", "Choose where the model is, and try it.", title="Set up a model"),
    _typed("theme", "Choose the colours.", **NAME),
    _pressed("editor", "Write the message in $EDITOR.", "ctrl+g"),
    _pressed("page_up", "Scroll the conversation up.", "pageup"),
    _pressed("page_down", "Scroll the conversation down.", "pagedown"),
    _pressed("to_start", "Show the beginning.", "ctrl+home", title="Oldest"),
    _pressed(
        "to_end",
        "Show the newest and follow it (or end, in an empty prompt).",
        "ctrl+end",
        title="Newest",
    ),
    _pressed("cursor_previous", "Move the cursor up a block.", "alt+up", title="Block above"),
    _pressed("cursor_next", "Move the cursor down a block.", "alt+down", title="Block below"),
    _typed(
        "leave",
        "Leave GenPy.",
        "ctrl+q",
        slash="quit",
        title="Quit",
        asks="Leave GenPy",
        footer=True,
    ),
    _on_message("copy", "Copy the message.", "c", footer=True),
    _on_message("copy_code", "Copy its code; again for the next block.", "y", footer=True),
    _on_message(
        "expand",
        "Show or hide what it thought, what its tools did, or what was edited.",
        "x,enter,space",
        footer=True,
    ),
    _on_message("quote", "Quote it in the prompt.", "q", footer=True),
    _on_message("retry_block", "Answer it again.", "r", footer=True),
    _on_message("model_block", "Answer it again with another model.", "m"),
    _on_message("answer_before", "Show its answer before.", "left"),
    _on_message("answer_after", "Show its answer after.", "right"),
    _on_message("mode_block", "Answer it in another mode.", "i"),
    _on_message("edit_block", "Edit it, if it is your last message.", "e", footer=True),
)
BY_NAME = {command.name: command for command in COMMANDS}
BY_SLASH = {command.slash: command for command in COMMANDS if command.slash}


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A typed line: a message, a command to run or to ask about first, or a `wrong` command."""

    kind: Kind
    command: Command | None = None
    argument: str = ""
    wrong: str = ""


def read_line(text: str, commands: Mapping[str, Command], modes: Collection[str] = ()) -> TypedLine:
    """Parse a typed text; `commands` by their slash, `modes` in lower case.

    `slash.js` of the page does the same.
    """
    slash = _LINE.fullmatch(text)
    if slash is None:
        return TypedLine("message")
    command, argument = commands.get(slash[1].lower()), slash[2] or ""
    if command is None:
        wrong = "" if argument else f"Unknown command: {text.strip()}. {AS_IT_IS}"
        return TypedLine("wrong" if wrong else "message", wrong=wrong)
    words = " ".join(argument.split())
    if command.takes(argument, modes):
        return TypedLine("run", command, words)
    if mistake := command.mistyped(argument):
        return TypedLine("wrong", command, wrong=f"{mistake} {AS_IT_IS}")
    if command.asks and not (command.argument and "\n" in argument):
        return TypedLine("ask", command, words)
    return TypedLine("message")


class Keys(dict[str, str]):
    """The keys that the person configured, by command; other commands have their default keys."""

    def key(self, name: str) -> str:
        """The first key of a command as text; empty for none."""
        keys = self.get(name, BY_NAME[name].key)
        return keys.split(",")[0].replace("escape", "esc")

    def way(self, name: str) -> str:
        """How to run a command: its key, else its slash command, else its title."""
        command = BY_NAME[name]
        slash = f"/{command.slash}" if command.slash else f"“{command.title}”"
        return self.key(name) or slash


def bindings(where: Where) -> list[Binding]:
    """The keys that work everywhere, or in the transcript only."""
    return [command.binding for command in COMMANDS if command.where == where]


def configured(keyboard: Mapping[str, str]) -> Keys:
    """The configured keys of existing commands; other commands lose a default key that is taken."""
    chosen = Keys((name, keys) for name, keys in keyboard.items() if name in BY_NAME)
    taken = {key for keys in chosen.values() for key in keys.split(",")}
    for command in COMMANDS:
        kept = [key for key in command.key.split(",") if key not in taken]
        if command.name not in chosen and kept != command.key.split(","):
            chosen[command.name] = ",".join(kept)
    return chosen
