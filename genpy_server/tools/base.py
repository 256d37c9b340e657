"""What a tool is: a read-only question to the store, for the user who asks."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from genpy_server.core.context.excerpts import excerpt
from genpy_server.core.models import Message, ToolSpec
from genpy_server.stores.base import Store


class Asker(NamedTuple):
    """Who asks, in which session, and the ids of messages there that are no answer.

    Those are the one that asks, and what its person edited away.
    """

    store: Store
    user_id: str
    session_id: str
    left_out: frozenset[int]


class ToolResult(msgspec.Struct, frozen=True):
    """`data` is compact, for a model; `display` is exact, Markdown for a person."""

    data: Any
    display: str


class Tool(msgspec.Struct, frozen=True):
    """A tool: what a model is told of it, the type of its arguments, and the function."""

    spec: ToolSpec
    arguments: type[msgspec.Struct]
    ask: Callable[[Asker, Any], Awaitable[ToolResult]]


def spec(name: str, description: str, arguments: type[msgspec.Struct]) -> ToolSpec:
    """A tool's spec, its JSON schema made from the type of its arguments."""
    (_,), components = msgspec.json.schema_components([arguments])
    schema = {key: value for key, value in components[arguments.__name__].items() if key != "title"}
    return ToolSpec(name, description, schema)


def short_date(at: str) -> str:
    """A stored time as a person reads it, to the minute, where this server is."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"


def counted(number: int, name: str) -> str:
    """A number of things in words: "1 message", "1,200 messages"."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def safe_excerpt(text: str, looked_for: str = "", limit: int = 160) -> str:
    """The part of a text that matches, on one line, safe inside a Markdown list or table."""
    line = excerpt(text, looked_for, limit)
    for mark in "\\`*_[]<>|#":
        line = line.replace(mark, "\\" + mark)
    return line


def message_data(message: Message, looked_for: str) -> dict[str, str]:
    """A message as a model gets it: the part that matches, of a long one."""
    return {
        "role": message.role,
        "at": short_date(message.at),
        "text": excerpt(message.text, looked_for, 400),
    }
