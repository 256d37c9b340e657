"""Writing the search index.

Every term in the index begins with its owner, so that a search reads nothing of other users, and a
term's weight is the user's own. `search_terms` holds what was indexed: messages under their ids, the
titles of sessions under even negative ids, their summaries and topics under odd ones. The terms come
from `core.words`; the triggers of `schema` keep the index in step with the table.
"""

import sqlite3

from genpy_server.core import words
from genpy_server.core.models import Message
from genpy_server.stores.base import owner_of
from genpy_server.stores.foreign import texts_of


def index_message(connection: sqlite3.Connection, user_id: str, message: Message) -> None:
    """Make a stored message findable."""
    from genpy_server.core.understanding.records import is_about_records  # noqa: PLC0415 - 40 ms, for writes only

    _index(
        connection,
        message.id,
        owner_of(user_id),
        message.text,
        about_records=is_about_records(message),
    )


def index_session(connection: sqlite3.Connection, session_id: str) -> None:
    """Make a session findable by its title, and by its summary and topics."""
    id_, user_id, title, summary, topics = connection.execute(
        """
        SELECT id, user_id, CAST(title AS text), CAST(summary AS text), topics
        FROM sessions WHERE session_id = ?
        """,
        (session_id,),
    ).fetchone()
    about = " ".join([summary or "", *texts_of(topics)])
    connection.execute("DELETE FROM search_terms WHERE id IN (?, ?)", (-2 * id_, -2 * id_ - 1))
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
    """How many messages of an older file are not in the index, or not as they are cut today."""
    count: int = connection.execute(
        "SELECT count(*) FROM session_logs"
        " WHERE id < (SELECT max(coalesce(below, 0), coalesce(cut_below, 0)) FROM search_progress)"
    ).fetchone()[0]
    return count
