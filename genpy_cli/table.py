"""The table of commands: what is typed, and the module whose `run` does it."""

from importlib import import_module
from typing import Any, Protocol

COMMANDS: dict[str, str] = {
    "chat": "chat",
    "ask": "ask",
    "sessions list": "sessions_list",
    "sessions show": "sessions_show",
    "sessions rename": "sessions_rename",
    "sessions delete": "sessions_delete",
    "sessions export": "export",
    "summary": "summary",
    "rate": "rate",
    "search": "search",
    "export": "export",
    "explain": "explain",
    "serve": "serve",
    "doctor": "doctor",
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
    run: Run = import_module(f"genpy_cli.commands.{COMMANDS[name]}").run
    return run
