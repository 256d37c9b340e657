"""The SQL of search: FTS5 and its bm25 over a user's own messages."""

# ruff: noqa: S608 - what is put into a statement is a constant of these modules

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from genpy_server.core.models import Hit, Message
from genpy_server.core.text import search_words, unspaced
from genpy_server.stores.sqlite.messages import MESSAGE, OWNED, message_of

COMPARED = 4_000
"""The best messages that are compared with each other where equal ones count once."""
VARIANTS = 3
"""Messages that differ in their numbers alone, at most."""

_NO_DIGITS = str.maketrans("", "", "0123456789")


def search(
    connection: sqlite3.Connection,
    user_id: str,
    query: str,
    *,
    limit: int,
    session_id: str | None = None,
    neighbours: bool = False,
    before: int | None = None,
    distinct: bool = False,
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
    earlier = "" if before is None else "AND f.rowid < :before"
    best = f"""
        SELECT f.rowid AS id, bm25(session_logs_search) AS rank FROM session_logs_search f
        WHERE session_logs_search MATCH :match {earlier} AND {own}
        ORDER BY rank, id DESC LIMIT :limit
        """
    values = {
        "match": match,
        "user_id": user_id,
        "session_id": session_id,
        "before": before,
        "limit": max(limit, 0),
    }
    if distinct:
        ranked = connection.execute(best, values | {"limit": COMPARED})
        chosen = list(islice(_told_once(connection, ranked), max(limit, 0)))
    else:
        chosen = connection.execute(best, values).fetchall()
    hits = [_hit(connection, id_, rank) for id_, rank in chosen]
    return [_with_neighbours(connection, hit) for hit in hits] if neighbours else hits


def with_neighbours(connection: sqlite3.Connection, user_id: str, hits: Sequence[Hit]) -> list[Hit]:
    """See `Store.with_neighbours`."""
    own = f"SELECT 1 FROM {OWNED} WHERE m.id = :id"
    return [
        _with_neighbours(connection, hit)
        for hit in hits
        if connection.execute(own, {"id": hit.message.id, "user_id": user_id}).fetchone()
    ]


def match_expression(query: str) -> str:
    """Any of the query's words, each quoted; words without spaces as phrases of characters."""
    words = search_words(query)
    phrases = words + [spaced for word in words if (spaced := unspaced(word))]
    return " OR ".join(f'"{phrase}"' for phrase in phrases)


def _told_once(
    connection: sqlite3.Connection, ranked: Iterable[tuple[int, float]]
) -> Iterator[tuple[int, float]]:
    """What `distinct` leaves, found one by one: most often few texts are looked at."""
    said: set[str] = set()
    variants: Counter[str] = Counter()
    for id_, rank in ranked:
        row = connection.execute("SELECT message FROM session_logs WHERE id = ?", (id_,))
        words = "".join(row.fetchone()[0].casefold().split())
        form = words.translate(_NO_DIGITS)
        if words not in said and variants[form] < VARIANTS:
            said.add(words)
            variants[form] += 1
            yield id_, rank


def _hit(connection: sqlite3.Connection, id_: int, rank: float) -> Hit:
    row = connection.execute(
        f"SELECT {MESSAGE}, s.title FROM session_logs m JOIN sessions s USING (session_id) WHERE m.id = ?",
        (id_,),
    ).fetchone()
    return Hit(message_of(row[:-1]), row[-1], -rank)


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
