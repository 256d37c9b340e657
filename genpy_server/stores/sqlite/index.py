"""Writes the search index.

Every term in the index begins with its owner, so that a search reads no rows of other users, and a
term's weight is that among the user's messages. `search_terms` has the indexed texts: messages by
their ids, titles of sessions by even negative ids, their summaries and topics by odd ones. Terms are
those of `core.words`; the triggers of `schema` update the index with the table.
"""

import sqlite3

from genpy_server.core import words
from genpy_server.core.models import Message
from genpy_server.stores.base import owner_of
from genpy_server.stores.foreign import texts_of


def index_message(connection: sqlite3.Connection, user_id: str, message: Message) -> None:
    """Add a stored message to the index."""
    from genpy_server.core.understanding.tool_requests import is_about_records  # noqa: PLC0415 - only to write messages

    _index(
        connection,
        message.id,
        owner_of(user_id),
        message.text,
        about_records=is_about_records(message),
    )


def index_session(connection: sqlite3.Connection, session_id: str) -> None:
    """Add the title, the summary and the topics of a session to the index."""
    id_, user_id, title, summary, topics = connection.execute(
        """
        SELECT id, user_id, CAST(title AS text), CAST(summary AS text), topics
        FROM sessions WHERE session_id = ?
        """,
        (session_id,),
    ).fetchone()
    about = " ".join([summary or "", *texts_of(topics)])
    connection.execute("DELETE FROM search_terms WHERE id IN (?, ?)", (-2 * id_, -2 * id_ - 1))
    connection.execute("DELETE FROM search_missing WHERE id = ?", (-2 * id_,))
    _index(connection, -2 * id_, owner_of(user_id, "t"), title)
    _index(connection, -2 * id_ - 1, owner_of(user_id, "s"), about)


def _index(
    connection: sqlite3.Connection, id_: int, owner: str, text: str, *, about_records: bool = False
) -> None:
    held = words.terms(text)
    connection.execute(
        "INSERT OR REPLACE INTO search_terms (id, owner, terms, size, about_records) VALUES (?, ?, ?, ?, ?)",
        (id_, owner, "".join(f" {term}" for term in held), len(held), about_records),
    )


def unindexed(connection: sqlite3.Connection) -> int:
    """How many messages are not in the index, or with terms of an older version."""
    count: int = connection.execute(
        "SELECT (SELECT count(*) FROM search_missing WHERE id > 0) + count(*) FROM session_logs"
        " WHERE id < (SELECT max(coalesce(below, 0), coalesce(cut_below, 0)) FROM search_progress)"
    ).fetchone()[0]
    return count
