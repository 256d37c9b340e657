"""The table of commands: what is typed, and the module whose `run` does it."""

from importlib import import_module
from typing import Any, NamedTuple, Protocol


class Command(NamedTuple):
    """A row of the table."""

    module: str
    help: str
    """The docstring of its `run`, so that the help needs no module."""


COMMANDS: dict[str, Command] = {
    "chat": Command("chat", "Talk, in the terminal."),
    "ask": Command("ask", "Ask one question; the reply is printed as it comes."),
    "sessions list": Command("sessions_list", "List conversations, the newest first."),
    "sessions show": Command(
        "sessions_show", "Show one conversation, or as SESSION#NUMBER one message of it."
    ),
    "sessions rename": Command("sessions_rename", "Give a conversation another title."),
    "sessions delete": Command(
        "sessions_delete", "Remove a conversation with all its messages, after asking."
    ),
    "sessions export": Command("export", "Export a conversation, or all, as Markdown or JSON."),
    "summary": Command(
        "summary", "Show what a conversation was about: summary, topics, outcomes, metrics."
    ),
    "rate": Command("rate", "Rate a conversation from 1 to 5."),
    "search": Command(
        "search", "Find messages that hold any of the words, in all conversations, the best first."
    ),
    "export": Command("export", "Export a conversation, or all, as Markdown or JSON."),
    "import": Command(
        "import_",
        "Import conversations that `genpy export` wrote; a second time changes nothing.",
    ),
    "explain": Command(
        "explain", "Show what GenPy makes of a text: the kind of help, the tool, the context."
    ),
    "serve": Command("serve", "Serve terminals and browsers until told to stop."),
    "doctor": Command(
        "doctor", "Show what is configured, what answers, and the next step for what does not."
    ),
}
"""In the order of the help."""

GROUPS: dict[str, str] = {"sessions": "List, read, rename, delete and export conversations."}


class Run(Protocol):
    """A command: keyword arguments in, an exit code out; None is 0."""

    __doc__: str | None
    __annotations__: dict[str, Any]
    __kwdefaults__: dict[str, Any] | None

    def __call__(self, **values: Any) -> int | None:
        """Do it."""


def find(name: str) -> Run:
    """The `run` of a command; its module is imported here and not before."""
    run: Run = import_module(f"genpy_cli.commands.{COMMANDS[name].module}").run
    return run
