"""The SQL that moves sessions: an import, which can be repeated, and a copy in memory."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, TypeVar

import msgspec

from genpy_server.core.metrics import counted
from genpy_server.core.models import Message, Session
from genpy_server.errors import NotFound
from genpy_server.stores.foreign import checked_messages, checked_session, with_own_ids
from genpy_server.stores.sqlite.index import index_session
from genpy_server.stores.sqlite.messages import insert, metrics
from genpy_server.stores.sqlite.schema import in_memory, to_json, transaction
from genpy_server.stores.sqlite.sessions import COLUMNS

T = TypeVar("T")

_WRITTEN = [name for name in COLUMNS if name not in {"last_message_id", "message_count"}]
"""The columns of a session that do not follow from its messages."""
_REPLACED = ", ".join(
    f"{name} = excluded.{name}" for name in _WRITTEN if name not in {"session_id", "user_id"}
)


def import_session(
    connection: sqlite3.Connection, session: Session, messages: Iterable[dict[str, Any]]
) -> int:
    session = checked_session(session)
    checked = list(checked_messages(session, messages))
    if not checked:
        return 0
    _write_session(connection, session)
    counts = metrics(connection, user_id=session.user_id, session_id=session.id)
    added = _write_messages(connection, session, checked)
    if added:
        for message in added:
            counts = counted(counts, message)
        connection.execute(
            """
            UPDATE sessions SET ending_token = NULL, ending_until = NULL, counts = :counts,
                message_count = (SELECT count(*) FROM session_logs WHERE session_id = :id)
            WHERE session_id = :id
            """,
            {"id": session.id, "counts": to_json(counts)},
        )
    return len(added)


def ask_copy(
    sessions: Sequence[Session],
    messages: Iterable[Message],
    question: Callable[[sqlite3.Connection], T],
) -> T:
    """The answer to a question about a user's sessions and messages, from a copy in memory."""
    user_ids = {session.id: session.user_id for session in sessions}
    with closing(in_memory()) as connection:
        with transaction(connection):
            for session in sessions:
                _write_session(connection, session)
            for message in messages:
                insert(connection, user_ids[message.session_id], message)
        return question(connection)


def _write_session(connection: sqlite3.Connection, session: Session) -> None:
    row = connection.execute(
        "SELECT user_id FROM sessions WHERE session_id = ?", (session.id,)
    ).fetchone()
    if row is not None and row[0] != session.user_id:
        raise NotFound("Session not found.")
    connection.execute(
        f"""
        INSERT INTO sessions ({", ".join(_WRITTEN)}, created_at)
        VALUES ({", ".join(f":{name}" for name in _WRITTEN)}, :start_time)
        ON CONFLICT (session_id) DO UPDATE SET {_REPLACED} WHERE excluded.updated_at > updated_at
        """,
        {
            **msgspec.to_builtins(session),
            "topics": to_json(session.topics),
            "key_outcomes": to_json(session.outcomes),
            "metrics": to_json(session.metrics or {}),
            "settings": to_json(session.settings),
        },
    )
    index_session(connection, session.id)


def _write_messages(
    connection: sqlite3.Connection, session: Session, messages: list[Message]
) -> list[Message]:
    """Insert the messages that are not stored yet; returns them as they are stored."""
    by_uid, by_client_id = (
        dict(
            connection.execute(
                f"""
                SELECT {name}, id FROM session_logs
                WHERE session_id = ? AND {name} IN (SELECT value FROM json_each(?))
                """,
                (session.id, to_json([getattr(message, name) for message in messages])),
            ).fetchall()
        )
        for name in ("uid", "client_id")
    )
    ids: dict[int, int] = {}
    added = []
    for message in messages:
        stored = by_uid.get(message.uid) or by_client_id.get(message.client_id)
        if stored is None:
            meta = with_own_ids(message.meta, ids)
            inserted = insert(
                connection, session.user_id, msgspec.structs.replace(message, id=0, meta=meta)
            )
            added.append(inserted)
            stored = inserted.id
        ids[message.id] = stored
    return added
