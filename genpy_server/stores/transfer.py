"""Checks and converts exported sessions for an import, in the same way for every store.

A message keeps its `uid`, but gets an id of the new database; `reply_to` and `replaces` are changed
accordingly while the messages are written. Times are converted to the format of SQLite's store, which
compares them as texts.
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
    """The session in the form in which it is stored; raises `BadRequest` if it is invalid."""
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
    """The messages in the form in which they are stored; raises `BadRequest` for an invalid one.

    They must be ordered by id.
    """
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
    """The metadata with ids of this database; `ids` maps the ids of the export to them."""
    if meta.reply_to is None and meta.replaces is None:
        return meta
    return msgspec.structs.replace(
        meta, reply_to=ids.get(meta.reply_to or 0), replaces=ids.get(meta.replaces or 0)
    )


def _in_utc(value: S, *names: str) -> S:
    """The value with the named times in a store's format; a time without a zone is in UTC."""
    times = {name: getattr(value, name) for name in names}
    known = {name: in_utc(at) for name, at in times.items() if at is not None}
    return msgspec.structs.replace(value, **known)


def _uid(session: Session, message: Message) -> UUID:
    return uuid5(UUID(session.id), str(message.id))
