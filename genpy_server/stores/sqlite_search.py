"""The SQL of search: FTS5 and its bm25 over a user's own messages."""

# ruff: noqa: S608 - what is put into a statement is a constant of these modules

import sqlite3

import msgspec

from genpy_server.core.models import Hit, Message
from genpy_server.core.text import search_words, unspaced
from genpy_server.stores.sqlite_messages import MESSAGE, OWNED, message_of


def search(
    connection: sqlite3.Connection,
    user_id: str,
    query: str,
    *,
    limit: int,
    session_id: str | None,
    neighbours: bool,
) -> list[Hit]:
    """See `Store.search`. Ranking costs most, so only what is the user's own is ranked."""
    match = match_expression(query)
    if not match:
        return []
    own = (
        f"EXISTS (SELECT 1 FROM {OWNED} WHERE m.id = f.rowid)"
        if session_id is None
        else f"+f.rowid IN (SELECT m.id FROM {OWNED} WHERE m.session_id = :session_id)"
    )
    rows = connection.execute(
        f"""
        SELECT {MESSAGE}, s.title, -best.rank
        FROM (
            SELECT f.rowid AS id, bm25(session_logs_search) AS rank
            FROM session_logs_search f WHERE session_logs_search MATCH :match AND {own}
            ORDER BY rank, id DESC LIMIT :limit
        ) best
            CROSS JOIN session_logs m ON m.id = best.id
            CROSS JOIN sessions s ON s.session_id = m.session_id
        ORDER BY best.rank, m.id DESC
        """,
        {"match": match, "user_id": user_id, "session_id": session_id, "limit": max(limit, 0)},
    ).fetchall()
    hits = [Hit(message_of(row[:-2]), row[-2], row[-1]) for row in rows]
    return [_with_neighbours(connection, hit) for hit in hits] if neighbours else hits


def match_expression(query: str) -> str:
    """Any of the query's words, each quoted; words without spaces as phrases of characters."""
    words = search_words(query)
    phrases = words + [spaced for word in words if (spaced := unspaced(word))]
    return " OR ".join(f'"{phrase}"' for phrase in phrases)


def _with_neighbours(connection: sqlite3.Connection, hit: Hit) -> Hit:
    def neighbour(side: str, order: str) -> Message | None:
        row = connection.execute(
            f"""
            SELECT {MESSAGE} FROM session_logs m WHERE m.session_id = ? AND m.id {side} ?
            ORDER BY m.id {order} LIMIT 1
            """,
            (hit.message.session_id, hit.message.id),
        ).fetchone()
        return row and message_of(row)

    return msgspec.structs.replace(hit, before=neighbour("<", "DESC"), after=neighbour(">", "ASC"))
