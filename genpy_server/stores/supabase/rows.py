"""Reads rows of Supabase, including those that GenPy's first version wrote."""

from typing import Any

import msgspec

from genpy_server.core.models import (
    UNTITLED,
    Hit,
    Memory,
    MessageMeta,
    Metrics,
    Session,
)
from genpy_server.errors import NotFound
from genpy_server.stores.base import (
    Ending,
    EndingContent,
    Hosted,
    JournaledReply,
    LeftBehind,
    Opened,
)
from genpy_server.stores.foreign import message_of, read, session_of


class Seen(msgspec.Struct, frozen=True):
    """The answer of `genpy_check`."""

    version: int
    sessions: int
    messages: int
    unindexed: int = 0
    users: int = 1


def ending_of(answer: dict[str, Any] | None, given: dict[str, Any]) -> Ending | None:
    """The answer of `genpy_claim_ending`, which is null if another server hosts the session."""
    if answer is None or answer["attempt"] is None:
        return None
    found = answer["said"]
    content = found and EndingContent(
        read(Metrics, found["metrics"]),
        [message_of(row) for row in found["messages"]],
        found["memory"] and msgspec.convert(found["memory"], Memory),
        found["first"] or "",
    )
    ids = given["session_id"], given["user_id"], given["token"]
    return Ending(*ids, answer["attempt"], content)


def hosted_of(row: dict[str, Any]) -> Hosted:
    """A row of `genpy_touch`."""
    session = row["session"] and session_of(row["session"])
    memory = row["memory"] and msgspec.convert(row["memory"], Memory)
    others = {name: row[name] for name in ("elsewhere", "deleted", "left")}
    return Hosted(row["session_id"], session, memory, **others)


def left_of(answer: dict[str, Any]) -> LeftBehind:
    """The answer of `genpy_take_over`."""
    replies = (
        JournaledReply(row["run"], row["reply_to"], row["text"], read(MessageMeta, row["meta"]))
        for row in answer["replies"]
    )
    return LeftBehind(tuple(replies), tuple(message_of(row) for row in answer["questions"]))


def opened_of(answer: dict[str, Any]) -> Opened:
    """The answer of `genpy_attach`."""
    return Opened(
        answer["session"] and session_of(answer["session"]),
        [message_of(row) for row in answer["messages"]],
        answer["memory"] and msgspec.convert(answer["memory"], Memory),
        elsewhere=answer["elsewhere"],
        left=answer["left"],
    )


def found_session_of(row: dict[str, Any] | None) -> Session:
    """The session of a row; raises `NotFound` without one."""
    if row is None:
        raise NotFound("Session not found.")
    return session_of(row)


def hit_of(row: dict[str, Any]) -> Hit:
    """One result of `genpy_search`."""
    return Hit(
        message_of(row["message"]),
        row["session_title"] or UNTITLED,
        row["score"],
        row["before"] and message_of(row["before"]),
        row["after"] and message_of(row["after"]),
        coverage=row["coverage"],
        terms=row["terms"],
        found_in=row["found_in"],
    )
