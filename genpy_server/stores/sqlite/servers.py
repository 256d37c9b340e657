"""The SQL of the servers on one file and of the replies that they write.

Plain functions of a connection inside a transaction.
"""

import sqlite3
from collections.abc import Sequence
from itertools import groupby

import msgspec

from genpy_server.core.models import MessageMeta
from genpy_server.stores.base import Hosting, JournaledReply, JournalPiece
from genpy_server.stores.foreign import read_json
from genpy_server.stores.sqlite.schema import NOW, from_now, to_json

# ruff: noqa: S608 - what is put into a statement is a constant of these modules

_GONE = f"j.server NOT IN (SELECT id FROM servers WHERE alive_until > {NOW})"
_FORGOTTEN = "-86400"
"""Seconds after its end at which a server's row is removed."""


def secret(connection: sqlite3.Connection) -> str:
    """See `Store.secret`."""
    value: str = connection.execute("SELECT secret FROM installation").fetchone()[0]
    return value


def beat(connection: sqlite3.Connection, server: str, alive_seconds: float) -> list[str]:
    """See `Store.beat`."""
    if alive_seconds > 0:
        connection.execute(
            f"INSERT OR REPLACE INTO servers VALUES (?, {from_now('?')})", (server, alive_seconds)
        )
    else:
        connection.execute("DELETE FROM servers WHERE id = ?", (server,))
        connection.execute("DELETE FROM hosts WHERE server = ?", (server,))
    gone = f"DELETE FROM servers WHERE alive_until < {from_now(_FORGOTTEN)} RETURNING id"
    for (other,) in connection.execute(gone).fetchall():
        connection.execute("DELETE FROM hosts WHERE server = ?", (other,))
    rows = connection.execute(
        f"SELECT id FROM servers WHERE alive_until > {NOW} AND id <> ?", (server,)
    )
    return [row[0] for row in rows]


def journal(connection: sqlite3.Connection, server: str, pieces: Sequence[JournalPiece]) -> None:
    """See `Store.journal`."""
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
                "meta": msgspec.json.encode(piece.meta).decode(),
                "server": server,
            }
            for piece in pieces
        ],
    )


def hosting(connection: sqlite3.Connection, user_id: str, session_id: str) -> Hosting:
    """See `Store.hosting`."""
    row = connection.execute(
        f"""
        SELECT s.hosted_by, v.id IS NOT NULL FROM sessions s
        LEFT JOIN servers v ON v.id = s.hosted_by AND v.alive_until > {NOW}
        WHERE s.session_id = ? AND s.user_id = ?
        """,
        (session_id, user_id),
    ).fetchone()
    if row is None:
        return Hosting(None, alive=False)
    pieces = connection.execute(
        f"""
        SELECT run, reply_to, CAST(message AS text), metadata FROM reply_journal j
        WHERE session_id = ? AND {_GONE} ORDER BY reply_to, run, position
        """,
        (session_id,),
    ).fetchall()
    replies = []
    for (run, reply_to), parts in groupby(pieces, key=lambda piece: piece[:2]):
        *_, (_, _, last, meta) = rows = list(parts)
        text = "".join(part[2] for part in rows[:-1]) + last
        replies.append(JournaledReply(run, reply_to, text, read_json(MessageMeta, meta)))
    return Hosting(row[0], bool(row[1]), tuple(replies))


def interrupted(
    connection: sqlite3.Connection, limit: int, *, users: Sequence[str]
) -> list[tuple[str, str]]:
    """See `Store.interrupted`."""
    return connection.execute(
        f"""
        SELECT DISTINCT s.user_id, s.session_id FROM reply_journal j
        JOIN sessions s ON s.session_id = j.session_id
        WHERE {_GONE} AND s.user_id IN (SELECT value FROM json_each(?)) LIMIT ?
        """,
        (to_json(users), max(limit, 0)),
    ).fetchall()
