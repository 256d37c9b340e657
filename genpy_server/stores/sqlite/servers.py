"""The SQL of servers and of their running replies."""

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from genpy_server.core.models import MessageMeta
from genpy_server.stores.base import JournaledReply, JournalPiece, LeftBehind
from genpy_server.stores.foreign import read_json
from genpy_server.stores.sqlite.messages import MESSAGE, OWNED, message_of
from genpy_server.stores.sqlite.schema import NOW, from_now, to_json


def secret(connection: sqlite3.Connection) -> str:
    value: str = connection.execute("SELECT secret FROM installation").fetchone()[0]
    return value


def beat(connection: sqlite3.Connection, server: str, alive_seconds: float) -> dict[str, bool]:
    if alive_seconds > 0:
        connection.execute(
            f"INSERT OR REPLACE INTO servers VALUES (?, {from_now('?')})", (server, alive_seconds)
        )
    else:
        connection.execute("DELETE FROM servers WHERE id = ?", (server,))
        connection.execute("DELETE FROM hosts WHERE server = ?", (server,))
    rows = connection.execute(
        f"SELECT id, alive_until <= {NOW} FROM servers WHERE id <> ?", (server,)
    )
    return {id_: bool(late) for id_, late in rows}


def journal(connection: sqlite3.Connection, server: str, pieces: Sequence[JournalPiece]) -> None:
    connection.executemany(
        """
        INSERT OR REPLACE INTO reply_journal
            (run, position, session_id, reply_to, message, metadata, server)
        SELECT :run, :position, :session_id, :reply_to, :text, :meta, :server
        WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = :session_id)
            AND NOT EXISTS (
                SELECT 1 FROM session_logs WHERE session_id = :session_id AND client_id = :run)
        """,
        [
            {
                **msgspec.structs.asdict(piece),
                "meta": to_json(piece.meta),
                "server": server,
            }
            for piece in pieces
        ],
    )


def take_over(connection: sqlite3.Connection, **given: Any) -> LeftBehind:
    pieces = connection.execute(
        """
        SELECT run, reply_to, CAST(message AS text), metadata
        FROM reply_journal JOIN sessions USING (session_id)
        WHERE session_id = :session_id AND user_id = :user_id
            AND server NOT IN (SELECT id FROM servers)
        ORDER BY reply_to, run, position
        """,
        given,
    ).fetchall()
    replies = []
    for (run, reply_to), parts in groupby(pieces, key=lambda piece: piece[:2]):
        *_, (_, _, last, meta) = rows = list(parts)
        text = "".join(part[2] for part in rows[:-1]) + last
        replies.append(JournaledReply(run, reply_to, text, read_json(MessageMeta, meta)))
    if not given["server"]:
        return LeftBehind(tuple(replies))
    connection.execute(
        """
        UPDATE session_logs INDEXED BY session_logs_pending
        SET pending_server = CASE WHEN NOT EXISTS (
            SELECT 1 FROM session_logs r
            WHERE r.session_id = :session_id AND r.id > session_logs.id AND json_valid(r.metadata)
                AND json_extract(r.metadata, '$.reply_to') = session_logs.id) THEN :server END
        WHERE session_id = :session_id AND pending_server IS NOT NULL
            AND pending_server NOT IN (SELECT id FROM servers)
            AND id NOT IN (SELECT reply_to FROM reply_journal WHERE session_id = :session_id)
            AND EXISTS (SELECT 1 FROM sessions s
                WHERE s.session_id = session_logs.session_id AND s.user_id = :user_id)
        """,
        given,
    )
    waiting = connection.execute(
        f"""
        SELECT {MESSAGE} FROM {OWNED}
        WHERE m.session_id = :session_id AND m.pending_server = :server ORDER BY m.id
        """,
        given,
    )
    return LeftBehind(tuple(replies), tuple(message_of(row) for row in waiting))


def waits(connection: sqlite3.Connection, given: Mapping[str, Any]) -> bool:
    """Whether a message of a session waits for its reply at this server."""
    found = connection.execute(
        """
        SELECT 1 FROM session_logs INDEXED BY session_logs_pending
        WHERE session_id = :session_id AND pending_server IS NOT NULL AND pending_server = :server
        LIMIT 1
        """,
        given,
    )
    return found.fetchone() is not None


def interrupted(
    connection: sqlite3.Connection, limit: int, users: Sequence[str]
) -> list[tuple[str, str]]:
    return connection.execute(
        f"""
        SELECT DISTINCT s.user_id, s.session_id FROM reply_journal j
        JOIN sessions s ON s.session_id = j.session_id
        WHERE j.server NOT IN (SELECT id FROM servers WHERE alive_until > {NOW})
            AND s.user_id IN (SELECT value FROM json_each(?)) LIMIT ?
        """,
        (to_json(users), limit),
    ).fetchall()
