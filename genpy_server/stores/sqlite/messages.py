"""The SQL of messages."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Final
from uuid import uuid4

import msgspec

from genpy_server.core.costs import UsageRow
from genpy_server.core.metrics import counted
from genpy_server.core.models import Message, MessageMeta, Metrics, Role
from genpy_server.errors import Conflict, NotFound
from genpy_server.stores.base import EVENT_TYPES, Appended
from genpy_server.stores.foreign import counts_of, read, read_json, with_links, with_times
from genpy_server.stores.sqlite.index import index_message
from genpy_server.stores.sqlite.schema import NOW, TIME, to_json
from genpy_server.stores.sqlite.sessions import activate, create, host, record

ROLE: Final[dict[str, Role]] = {event: role for role, event in EVENT_TYPES.items()}

_USUAL: Final = {(int, str, str, str, str, kind, str, str) for kind in (str, type(None))}
"""The types of `MESSAGE`, where no other program wrote others."""
MESSAGE = (
    "m.id, m.session_id, m.event_type, m.message, m.created_at, m.client_id, m.metadata, m.uid"
)
_META = "CASE WHEN json_valid(m.metadata) THEN m.metadata ELSE '{}' END"
OWNED = "session_logs m JOIN sessions s ON s.session_id = m.session_id AND s.user_id = :user_id"


def append(
    connection: sqlite3.Connection, *, role: Role, text: str, meta: MessageMeta, **given: Any
) -> Appended:
    user_id, session_id, client_id = given["user_id"], given["session_id"], given["client_id"]
    row = connection.execute(
        """
        SELECT user_id, CAST(last_message_id AS integer), counts, EXISTS (
            SELECT 1 FROM session_logs WHERE session_id = :session_id AND id <= :known)
        FROM sessions WHERE session_id = :session_id
        """,
        given,
    ).fetchone()
    # What was deleted and created again has no message up to a known one.
    owner, previous_id, counts, is_known = row or (user_id, 0, None, False)
    if owner != user_id or (given["known"] and not is_known) or (not row and role != "user"):
        raise NotFound("Session not found.")
    before = Metrics()
    if row:
        before = counts_of(counts) or count(connection, given)
    else:
        create(connection, **given)
    server = given["server"]
    message = Message(0, session_id, role, text, "", client_id, meta, str(uuid4()))
    try:
        message = insert(connection, user_id, message, pending=server if role == "user" else "")
    except sqlite3.IntegrityError:
        stored = client_id and find_client_id(connection, **given)
        if not stored:
            raise
        return _duplicate(connection, stored, text)
    _release_question(connection, message)
    activate(connection, message.at, counted(before, message), **given)
    if server and given["live_seconds"] > 0:
        record(connection, server, given["live_seconds"])
        host(connection, "session_id = :session_id", given)
    return Appended(message, duplicate=False, previous_id=previous_id)


def _release_question(connection: sqlite3.Connection, message: Message) -> None:
    """Release the question that a message answers or replaces, and drop the journal of its run."""
    meta = message.meta
    if meta.reply_to is not None or meta.replaces is not None:
        connection.execute(
            """
            UPDATE session_logs SET pending_server = NULL
            WHERE id IN (?, ?) AND session_id = ? AND pending_server IS NOT NULL
            """,
            (meta.reply_to, meta.replaces, message.session_id),
        )
    if message.role == "assistant" and message.client_id is not None:
        connection.execute("DELETE FROM reply_journal WHERE run = ?", (message.client_id,))


def _duplicate(connection: sqlite3.Connection, stored: Message, text: str) -> Appended:
    if stored.text != text:
        raise Conflict("This message id was used before with another text.")
    row = connection.execute(
        "SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = ? AND id < ?",
        (stored.session_id, stored.id),
    ).fetchone()
    return Appended(stored, duplicate=True, previous_id=row[0])


def insert(
    connection: sqlite3.Connection, user_id: str, message: Message, *, pending: str = ""
) -> Message:
    """Write one row and index it; the database makes an `id` of 0, and an `at` that is empty.

    `pending` is the server at which a question waits for its reply.
    """
    row = connection.execute(
        f"""
        INSERT INTO session_logs
            (id, session_id, event_type, message, metadata, created_at, client_id, uid, words,
                pending_server, unspaced)
        VALUES (nullif(?, 0), ?, ?, ?, ?, coalesce(nullif(?, ''), {NOW}), ?, ?, ?, nullif(?, ''), '')
        RETURNING id, created_at
        """,
        (
            message.id,
            message.session_id,
            EVENT_TYPES[message.role],
            message.text,
            to_json(message.meta),
            message.at,
            message.client_id,
            message.uid,
            len(message.text.split()),
            pending,
        ),
    ).fetchone()
    stored = msgspec.structs.replace(message, id=row[0], at=row[1])
    index_message(connection, user_id, stored)
    return stored


def find_client_id(connection: sqlite3.Connection, **given: Any) -> Message | None:
    row = connection.execute(
        f"""
        SELECT {MESSAGE} FROM {OWNED}
        WHERE m.session_id = :session_id AND m.client_id = :client_id
        """,
        given,
    ).fetchone()
    return row and message_of(row)


def messages(connection: sqlite3.Connection, **given: Any) -> list[Message]:
    order = "DESC" if given["after"] is None else "ASC"
    rows = connection.execute(
        f"""
        SELECT {MESSAGE} FROM {OWNED}
        WHERE m.session_id = :session_id
            AND m.id > coalesce(:after, 0) AND (:before IS NULL OR m.id < :before)
        ORDER BY m.id {order} LIMIT :limit
        """,
        given,
    )
    found = [message_of(row) for row in rows]
    return found if given["after"] is not None else found[::-1]


def _number(value: str) -> str:
    """A number as SQL; what another program wrote that cannot be counted is NULL."""
    return f"CASE WHEN typeof({value}) = 'integer' AND {value} BETWEEN 0 AND 1e15 THEN {value} END"


def _tokens(kind: str) -> str:
    number = _number(f"json_extract({_META}, '$.usage.{kind}_tokens')")
    return f"coalesce(sum({number}), 0)"


_TOKENS = ", ".join(map(_tokens, ("prompt", "completion", "cached")))
"""The tokens of a usage, in its order."""


def metrics(connection: sqlite3.Connection, **given: Any) -> Metrics:
    row = connection.execute(
        "SELECT counts FROM sessions WHERE session_id = :session_id AND user_id = :user_id", given
    ).fetchone()
    if row is None:
        return Metrics()
    return counts_of(row[0]) or count(connection, given)


def count(connection: sqlite3.Connection, given: Mapping[str, Any]) -> Metrics:
    """The metrics, counted over all messages."""
    rows = connection.execute(
        f"SELECT {MESSAGE} FROM {OWNED} WHERE m.session_id = :session_id ORDER BY m.id", given
    )
    return reduce(counted, map(message_of, rows), Metrics())


def usage(connection: sqlite3.Connection, **given: Any) -> list[UsageRow]:
    rows = connection.execute(
        f"""
        SELECT
            date(m.created_at, :shift) AS day, json_extract({_META}, '$.model') AS model,
            m.session_id, CAST(s.title AS text), count(*), {_TOKENS}
        FROM {OWNED}
        WHERE m.event_type = 'ai' AND m.created_at >= strftime({TIME}, :since) AND day IS NOT NULL
            AND (:session_id IS NULL OR m.session_id = :session_id)
            AND json_type({_META}, '$.usage') = 'object'
        GROUP BY day, model, m.session_id ORDER BY day, model, m.session_id
        """,
        given | {"shift": f"{given['utc_offset']:+d} minutes"},
    )
    return [UsageRow(day, str(model or ""), *more) for day, model, *more in rows]


def message_of(row: Sequence[Any]) -> Message:
    """A message from the columns of `MESSAGE`."""
    id_, session_id, event_type, text, at, client_id, meta, uid = row
    role = ROLE.get(event_type, "system")
    message = Message(id_, session_id, role, text, at, client_id, read_json(MessageMeta, meta), uid)
    if (*map(type, row),) in _USUAL:
        return with_links(with_times(message))
    return with_links(read(Message, msgspec.structs.asdict(message)))
