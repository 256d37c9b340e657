"""What a tool is: a read-only question to the store, for the user who asks."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from typing import Annotated, Any, NamedTuple

import msgspec

from genpy_server.core.context.excerpts import excerpt
from genpy_server.core.models import Message, ToolSpec
from genpy_server.core.understanding.periods import PERIODS, Period, days
from genpy_server.errors import BadRequest
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


Day = Annotated[str, msgspec.Meta(max_length=20, description="YYYY-MM-DD")]
"""A day; in a recognised request also a `Period`, which means its first day."""
Unused = Annotated[str, msgspec.Meta(max_length=80)]
"""A time that a recognised request names and no argument can express; no model is offered it."""


class Times(NamedTuple):
    """A half-open range of ISO 8601 times, None for no bound, and how it reads in a sentence."""

    since: str | None
    until: str | None
    text: str


def times(period: Period | None, since: str | None, until: str | None) -> Times:
    """The times that a tool's arguments mean; raises `BadRequest` for a day that does not exist."""
    if period is not None:
        first, after = days(period, _today())
        return Times(_midnight(first), _midnight(after), f" {period.replace('_', ' ')}")
    words = [
        f" {word} {day.replace('_', ' ')}"
        for word, day in (("since", since), ("before", until))
        if day
    ]
    return Times(
        _midnight(_day(since)) if since else None,
        _midnight(_day(until)) if until else None,
        "".join(words),
    )


def unused_note(time: str | None) -> str:
    """A sentence about a time that the tool did not use, or nothing."""
    return f"\n\nThe time \u201c{safe_excerpt(time)}\u201d was not used." if time else ""


def _today() -> date:
    return datetime.now().astimezone().date()


def _day(day: str) -> date:
    named = next((period for period in PERIODS if period == day), None)
    if named is not None:
        return days(named, _today())[0]
    try:
        return datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise BadRequest(f"{day} is not a day; write it as YYYY-MM-DD.") from None


def _midnight(day: date) -> str:
    """When a day begins where this server is."""
    try:
        return datetime.combine(day, time()).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise BadRequest(f"{day} is too far away.") from None


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
