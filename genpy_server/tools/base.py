"""A tool: its spec for the model, its function, and the context of one call."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import msgspec

from genpy_server.core.context.excerpts import excerpt, safe_excerpt
from genpy_server.core.models import Message, ToolSpec
from genpy_server.core.understanding.periods import PERIODS, Period, days
from genpy_server.errors import BadRequest, ConfigError
from genpy_server.stores.base import Store

TOOL_SECONDS = 60.0
UNUSABLE = "The tools of {origin} cannot be used: {message}"
"""A source of tools that failed, in logs and notices."""


def _no_progress(text: str, fraction: float | None) -> None:
    """Ignore progress."""


async def _answer_no(_: str) -> bool:
    return False


@dataclass(frozen=True)
class ToolContext:
    """The user and session of a call; the optional first parameter of a tool's function.

    @tool
    async def count(context: Context) -> str:
        "Count the person's conversations."
        found = await context.store.sessions(context.user_id, limit=1_000)
        return f"{len(found)} conversations"
    """

    store: Store
    """Has the rows of every user: pass `user_id` to each query. Not available to a synchronous tool
    that acts, since it runs in its own process."""
    user_id: str
    session_id: str
    left_out: frozenset[int] = frozenset()
    """Ids of messages to leave out: the one that asks, and replaced ones."""
    model: str = ""
    """The model that called, as `provider/name`."""
    on_progress: Callable[[str, float | None], None] = field(default=_no_progress, repr=False)
    on_ask: Callable[[str], Awaitable[bool]] = field(default=_answer_no, repr=False)

    def progress(self, text: str, fraction: float | None = None) -> None:
        """Show progress, `fraction` from 0 to 1 if known; callable from any thread."""
        self.on_progress(text, fraction)

    async def ask(self, question: str) -> bool:
        """Ask the person a yes-or-no question; no answer in time is a no.

        The time limit of the tool is paused meanwhile. For asynchronous tools only.
        """
        return await self.on_ask(question)


class ToolResult(msgspec.Struct, frozen=True):
    """`data` is compact, for a model; `display` is exact, Markdown for a person."""

    data: Any
    display: str


@dataclass(frozen=True)
class Tool:
    """A tool: its spec, the type of its arguments, and its function.

    `run` may raise any exception; the model gets its text. `arguments` is None where `run` checks
    them itself.
    """

    spec: ToolSpec
    arguments: type[msgspec.Struct] | None
    run: Callable[[ToolContext, Any], Awaitable[ToolResult]]
    reads_only: bool = False
    """Whether it changes nothing anywhere. Any other tool runs only when a person allows it."""
    seconds: float = TOOL_SECONDS
    origin: str = "genpy"
    """Where it comes from: genpy, app, a file, a package or an MCP server."""
    source: str = ""
    """The source text, or another text that changes with the tool."""

    @cached_property
    def digest(self) -> str:
        """A hash of the definition: a permission to always run ends when it changes."""
        parts = (self.origin, self.source, self.spec)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def check_name(name: str) -> None:
    """Raise `ConfigError` for a name that models cannot call."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ConfigError(f"A tool's name has 1 to 64 of A-Z a-z 0-9 _ -; {name!r} does not.")


def spec(name: str, description: str, arguments: type[msgspec.Struct]) -> ToolSpec:
    """A tool's spec, its JSON schema made from the type of its arguments."""
    _, parts = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema = {k: v for k, v in parts.pop(arguments.__name__).items() if k != "title"}
    if parts:
        schema["$defs"] = parts
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
    """The time range of a tool's arguments; raises `BadRequest` for a day that does not exist."""
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
    """A sentence about a time that the tool did not use; empty for None."""
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
    """The begin of a day in the server's time zone."""
    try:
        return datetime.combine(day, time()).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise BadRequest(f"{day} is too far away.") from None


def short_date(at: str) -> str:
    """A stored time to the minute, in the server's time zone."""
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"


def message_data(message: Message, looked_for: str) -> dict[str, str]:
    """A message for a model; of a long one the matching part."""
    return {
        "role": message.role,
        "at": short_date(message.at),
        "text": excerpt(message.text, looked_for, 400),
    }
