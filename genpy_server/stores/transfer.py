"""Exported sessions on their way into a database, the same for every store.

A message keeps its `uid` wherever it goes; its id is the database's own. What an export says of
ids (`reply_to`, `replaces`) is put in the terms of the new database while the messages are written.
Times are put in the form in which SQLite's store writes them: it compares them as texts.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID, uuid5

import msgspec

from genpy_server.core.models import (
    Message,
    MessageMeta,
    Session,
    any_title,
    checked_rating,
)
from genpy_server.errors import BadRequest
from genpy_server.stores.foreign import in_utc

S = TypeVar("S", bound=msgspec.Struct)


def checked_session(session: Session) -> Session:
    """A session that can be stored; raises `BadRequest` when it cannot."""
    try:
        return msgspec.structs.replace(
            _in_utc(session, "started_at", "updated_at", "ended_at", "rated_at"),
            id=str(UUID(session.id)),
            title=any_title(session.title),
            metrics=session.metrics and _in_utc(session.metrics, "first_at", "last_at"),
            rating=None if session.rating is None else checked_rating(session.rating),
        )
    except (ValueError, OverflowError, BadRequest) as error:
        why = str(error).removesuffix(".")
        raise BadRequest(f"The exported session {session.id!r} cannot be read: {why}.") from None


def checked_messages(session: Session, messages: Iterable[dict[str, Any]]) -> Iterator[Message]:
    """Its messages, which are to come by their ids; raises `BadRequest` where one cannot be read."""
    last = 0
    for value in messages:
        try:
            message = _in_utc(msgspec.convert(value, Message), "at")
            uid = str(UUID(message.uid) if message.uid else _uid(session, message))
        except (ValueError, OverflowError) as error:
            raise BadRequest(
                f"A message of the exported session {session.id} cannot be read: {error}."
            ) from None
        if message.id < last:
            raise BadRequest(
                f"The messages of the exported session {session.id} are not in their order."
            )
        last = message.id
        yield msgspec.structs.replace(message, session_id=session.id, uid=uid)


def with_own_ids(meta: MessageMeta, ids: dict[int, int]) -> MessageMeta:
    """What is said of ids, in those of this database; `ids` leads there from the export's."""
    if meta.reply_to is None and meta.replaces is None:
        return meta
    return msgspec.structs.replace(
        meta, reply_to=ids.get(meta.reply_to or 0), replaces=ids.get(meta.replaces or 0)
    )


def _in_utc(value: S, *names: str) -> S:
    """The same with these of its times as a store writes them; one without a zone is in UTC."""
    times = {name: getattr(value, name) for name in names}
    known = {name: in_utc(at) for name, at in times.items() if at is not None}
    return msgspec.structs.replace(value, **known)


def _uid(session: Session, message: Message) -> UUID:
    return uuid5(UUID(session.id), str(message.id))
