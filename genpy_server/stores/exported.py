"""Exported sessions on their way into a database, the same for every store.

A message keeps its `uid` wherever it goes; its id is the database's own. What an export says of
ids (`reply_to`, `replaces`) is put in the terms of the new database while the messages are written.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec

from genpy_server.core.models import Message, MessageMeta, Session
from genpy_server.core.text import storable_tree
from genpy_server.errors import BadRequest


def checked_session(session: Session) -> Session:
    """A session that can be stored; raises `BadRequest` when it cannot."""
    try:
        UUID(session.id)
        for at in (session.started_at, session.updated_at, session.ended_at, session.rated_at):
            if at is not None:
                datetime.fromisoformat(at)
    except ValueError as error:
        raise BadRequest(f"The exported session {session.id!r} cannot be read: {error}.") from None
    return msgspec.convert(storable_tree(msgspec.to_builtins(session)), Session)


def checked_messages(session: Session, messages: Sequence[dict[str, Any]]) -> list[Message]:
    """Its messages in their order; raises `BadRequest` for one that cannot be read."""
    checked: list[Message] = []
    try:
        for value in messages:
            message = msgspec.convert(storable_tree(value), Message)
            datetime.fromisoformat(message.at)
            uid = str(UUID(message.uid) if message.uid else _uid(session, message))
            checked.append(msgspec.structs.replace(message, session_id=session.id, uid=uid))
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadRequest(
            f"A message of the exported session {session.id} cannot be read: {error}."
        ) from None
    return sorted(checked, key=lambda message: message.id)


def with_own_ids(meta: MessageMeta, ids: dict[int, int]) -> MessageMeta:
    """What is said of ids, in those of this database; `ids` leads there from the export's."""
    if meta.reply_to is None and meta.replaces is None:
        return meta
    return msgspec.structs.replace(
        meta, reply_to=ids.get(meta.reply_to or 0), replaces=ids.get(meta.replaces or 0)
    )


def _uid(session: Session, message: Message) -> UUID:
    return uuid5(UUID(session.id), str(message.id))
