"""Rows of Supabase as values, also those that GenPy's first version wrote."""

from typing import Any

import msgspec

from genpy_server.core.models import Hit, Message, MessageMeta, Metrics, Session
from genpy_server.errors import NotFound


class Seen(msgspec.Struct, frozen=True):
    """The answer of `genpy_check`."""

    version: int
    sessions: int
    messages: int
    unindexed: int = 0


def message_of(row: dict[str, Any]) -> Message:
    """A row of the view `genpy.messages`."""
    return msgspec.convert({**row, "meta": _as(MessageMeta, row["meta"]) or MessageMeta()}, Message)


def session_of(row: dict[str, Any]) -> Session:
    """A row of the view `genpy.sessions`."""
    known = {
        "topics": texts(row["topics"]),
        "key_outcomes": _outcomes(row["key_outcomes"]),
        "metrics": _metrics(row["metrics"]),
    }
    return msgspec.convert(row | known, Session)


def found_session_of(row: dict[str, Any] | None) -> Session:
    """The session of a row; `NotFound` without one."""
    if row is None:
        raise NotFound("There is no such session.")
    return session_of(row)


def hit_of(row: dict[str, Any]) -> Hit:
    """One result of `genpy_search`."""
    return Hit(
        message_of(row["message"]),
        row["session_title"],
        row["score"],
        row["before"] and message_of(row["before"]),
        row["after"] and message_of(row["after"]),
        coverage=row["coverage"],
        found_in=row["found_in"],
    )


def _as(kind: type[Any], value: Any) -> Any:
    """A value of this kind, or None where an earlier version wrote something else."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None


def _metrics(value: Any) -> Metrics | None:
    """None where they hold no count of messages: they were not written by GenPy."""
    return _as(Metrics, value) if isinstance(value, dict) and "total_messages" in value else None


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list; none of anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _outcomes(text: str | None) -> tuple[str, ...]:
    """A JSON list of texts; the first version kept plain text, a line for each."""
    try:
        value = msgspec.json.decode(text or "[]")
    except msgspec.DecodeError:
        value = None
    if isinstance(value, list):
        return texts(value)
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())
