"""The SQL of sessions, their ends and their memory."""

import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from msgspec.structs import asdict

from genpy_server.core.models import Memory, Metrics, Session, checked_rating
from genpy_server.core.text import decoded
from genpy_server.errors import NotFound
from genpy_server.stores import foreign
from genpy_server.stores.base import Ending, Hosted, Result, md5_hex
from genpy_server.stores.sqlite.index import index_session, unindexed
from genpy_server.stores.sqlite.schema import NOW, TIME, from_now, to_json

COLUMNS = [field.encode_name for field in foreign.fields_of(Session)]
"""The columns of `sessions` that are a `Session`, by the names of its JSON."""
_SESSION = ", ".join(COLUMNS)
_OWNED = "session_id = :session_id AND user_id = :user_id"

_FILTERS = {
    "before": "last_message_id < :before",
    "status": "(status = 'active') = (:status = 'active')",
    "query": """(
        instr(casefold(CAST(title AS BLOB)), :query)
        OR instr(casefold(CAST(summary AS BLOB)), :query)
        OR EXISTS (
            SELECT 1 FROM json_each(
                CASE WHEN json_valid(topics) THEN topics ELSE json_array(CAST(topics AS TEXT)) END)
            WHERE instr(casefold(CAST(value AS BLOB)), :query))
    )""",
    "id_prefix": "substr(session_id, 1, length(:id_prefix)) = :id_prefix",
    "since": f"updated_at >= strftime({TIME}, :since)",
    "until": f"start_time < strftime({TIME}, :until)",
}

_ACTIVE_IN = f"""EXISTS (
    SELECT 1 FROM session_logs m WHERE m.session_id = sessions.session_id
    AND (:since IS NULL OR m.created_at >= strftime({TIME}, :since))
    AND (:until IS NULL OR m.created_at < strftime({TIME}, :until))
)"""
"""Whether a session has a message in the requested time."""


def session(connection: sqlite3.Connection, **given: Any) -> Session | None:
    row = connection.execute(f"SELECT {_SESSION} FROM sessions WHERE {_OWNED}", given).fetchone()
    return row and session_of(row)


def sessions(connection: sqlite3.Connection, **given: Any) -> list[Session]:
    given["query"] = given["query"] and given["query"].casefold()
    given["id_prefix"] = given["id_prefix"] and given["id_prefix"].lower()
    filters = [_FILTERS[name] for name in _FILTERS if given[name] not in {None, ""}]
    if given["since"] or given["until"]:
        filters.append(_ACTIVE_IN)
    rows = connection.execute(
        f"""
        SELECT {_SESSION} FROM sessions WHERE {" AND ".join(["user_id = :user_id", *filters])}
        ORDER BY last_message_id DESC LIMIT :limit
        """,
        given,
    )
    return [session_of(row) for row in rows]


def create(connection: sqlite3.Connection, **given: Any) -> None:
    """Write the row of a new session."""
    connection.execute(
        f"""
        INSERT INTO sessions
            (session_id, user_id, title, settings, start_time, created_at, updated_at)
        VALUES (:session_id, :user_id, :title, :settings, {NOW}, {NOW}, {NOW})
        """,
        given | {"settings": to_json(given["settings"])},
    )
    index_session(connection, given["session_id"])


def activate(connection: sqlite3.Connection, at: str, counts: Metrics, **given: Any) -> None:
    """Note a new message: the session is active, and a claim to end it invalid."""
    connection.execute(
        f"""
        UPDATE sessions SET
            message_count = :messages, updated_at = :at, counts = :counts,
            status = 'active', end_time = NULL, ending_token = NULL, ending_until = NULL,
            ending_attempts = 0,
            live_until = CASE WHEN :live_seconds > 0 THEN {from_now(":live_seconds")}
                ELSE live_until END
        WHERE session_id = :session_id
        """,
        given | {"at": at, "messages": counts.messages, "counts": to_json(counts)},
    )


def rename(connection: sqlite3.Connection, **given: Any) -> Session:
    return _change(connection, "title = :title", given)


def rate(connection: sqlite3.Connection, **given: Any) -> Session:
    checked_rating(given["rating"])
    return _change(connection, f"user_rating = :rating, rated_at = {NOW}", given)


def configure(connection: sqlite3.Connection, **given: Any) -> Session:
    given["settings"] = to_json(given["settings"])
    return _change(connection, "settings = :settings", given)


def _change(connection: sqlite3.Connection, change: str, given: Mapping[str, Any]) -> Session:
    row = connection.execute(
        f"UPDATE sessions SET {change}, updated_at = {NOW} WHERE {_OWNED} RETURNING {_SESSION}",
        given,
    ).fetchone()
    if row is None:
        raise NotFound("Session not found.")
    index_session(connection, given["session_id"])
    return session_of(row)


def delete(connection: sqlite3.Connection, **given: Any) -> None:
    """The messages go by the foreign key, their index by its trigger."""
    if not connection.execute(f"DELETE FROM sessions WHERE {_OWNED}", given).rowcount:
        raise NotFound("Session not found.")


def counts(connection: sqlite3.Connection) -> tuple[int, int, int, int]:
    """The numbers of sessions, messages, messages that are not indexed, and users."""
    sessions, messages, users = connection.execute(
        "SELECT count(*), CAST(total(message_count) AS integer), count(DISTINCT user_id) FROM sessions"
    ).fetchone()
    return sessions, messages, unindexed(connection), users


_MEMORY = "CAST(memory AS text), CAST(memory_upto AS integer)"
_STATE = (
    "updated_at || ' ' || last_message_id || ' ' || status || ' ' || coalesce(user_rating, 0)"
    " || ' ' || title || ' ' || CASE WHEN memory IS NULL THEN '" + md5_hex("") + "'"
    " ELSE md5(CAST(coalesce(memory_upto || ' ' || memory, '') AS BLOB)) END"
)
"""`known_state` as SQL."""
_LATE = f"SELECT id FROM servers WHERE alive_until <= {NOW}"
_ELSEWHERE = f"""EXISTS (
    SELECT 1 FROM hosts h
    WHERE h.session_id = sessions.session_id AND h.server <> :server
        AND (h.until > {NOW} OR h.server IN ({_LATE}))
)"""
_LEFT = """(
    EXISTS (SELECT 1 FROM reply_journal j
        WHERE j.session_id = sessions.session_id AND j.server NOT IN (SELECT id FROM servers))
    OR EXISTS (SELECT 1 FROM session_logs m INDEXED BY session_logs_pending
        WHERE m.session_id = sessions.session_id AND m.pending_server IS NOT NULL
            AND m.pending_server NOT IN (SELECT id FROM servers))
)"""
"""Whether a stopped server left unfinished work in a session."""


def touch(connection: sqlite3.Connection, **given: Any) -> list[Hosted]:
    given["known"] = to_json(given["known"])
    ours = "session_id IN (SELECT key FROM json_each(:known))"
    connection.execute(
        f"""
        UPDATE sessions SET live_until = {from_now(":live_seconds")}
        WHERE {ours} AND (live_until IS NULL OR {_is_due("live_until")})
        """,
        given,
    )
    if given["server"]:
        record(connection, given["server"], given["live_seconds"])
        connection.execute(
            f"DELETE FROM hosts WHERE {ours} AND until < {NOW} AND server NOT IN ({_LATE})", given
        )
        host(connection, ours, given)
    rows = connection.execute(
        f"""
        SELECT k.key, {_STATE} <> k.value, {_ELSEWHERE}, sessions.id IS NULL AND k.value <> '',
            {_LEFT}, {_MEMORY}, {_SESSION}
        FROM json_each(:known) k LEFT JOIN sessions ON session_id = k.key
        """,
        given,
    )
    return [
        Hosted(
            session_id,
            session=session_of(tuple(row)) if changed else None,
            memory=Memory(text, upto) if changed and text is not None else None,
            elsewhere=bool(elsewhere),
            deleted=bool(deleted),
            left=bool(left),
        )
        for session_id, changed, elsewhere, deleted, left, text, upto, *row in rows
        if changed or elsewhere or deleted or left
    ]


def record(connection: sqlite3.Connection, server: str, alive_seconds: float) -> None:
    """Record a server as alive for so many seconds from now, if it is late or not recorded."""
    if server:
        connection.execute(
            f"""
            INSERT INTO servers VALUES (?, {from_now("?")})
            ON CONFLICT DO UPDATE SET alive_until = excluded.alive_until WHERE alive_until <= {NOW}
            """,
            (server, alive_seconds),
        )


def host(connection: sqlite3.Connection, ours: str, given: Mapping[str, object]) -> None:
    """Record that `server` hosts the sessions of this SQL condition for `live_seconds` from now."""
    connection.execute(
        f"""
        INSERT INTO hosts SELECT session_id, :server, {from_now(":live_seconds")}
        FROM sessions WHERE {ours}
        ON CONFLICT DO UPDATE SET until = excluded.until WHERE {_is_due("until")}
        """,
        given,
    )


def _is_due(until: str) -> str:
    """SQL for whether a lease of `:live_seconds` must be renewed: after a third of it."""
    least, most = from_now(":live_seconds * 2 / 3.0"), from_now(":live_seconds")
    return f"{until} NOT BETWEEN {least} AND {most}"


_UNHOSTED = f"(live_until IS NULL OR live_until < {NOW})"
# A late sign of life costs no right: the server may still be asking the model.
_ENDER_GONE = "(ending_server IS NOT NULL AND ending_server NOT IN (SELECT id FROM servers))"
_WAITS = "''"
"""The token of a session whose next attempt to end it is delayed."""


def abandoned(connection: sqlite3.Connection, **given: Any) -> list[tuple[str, str]]:
    """The longest forgotten first."""
    return connection.execute(
        f"""
        SELECT user_id, session_id FROM sessions
        WHERE status = 'active' AND last_message_id > 0 AND {_UNHOSTED}
            AND user_id IN (SELECT value FROM json_each(:users))
            AND (live_until IS NOT NULL OR :never_hosted)
            AND (ending_until IS NULL OR ending_until <= {NOW} OR {_ENDER_GONE})
        ORDER BY last_message_id LIMIT :limit
        """,
        given | {"users": to_json(given["users"])},
    ).fetchall()


def claim_ending(connection: sqlite3.Connection, **given: Any) -> Ending | None:
    """Without the content, which is as near as the right."""
    if given["leaving"]:
        connection.execute(
            "DELETE FROM hosts WHERE session_id = :session_id AND server = :server", given
        )
    given["token"] = str(uuid4())
    row = connection.execute(
        f"""
        UPDATE sessions SET
            ending_token = :token, ending_until = {from_now(":lease_seconds")},
            ending_server = nullif(:server, ''), ending_attempts = ending_attempts + 1
        WHERE {_OWNED} AND (status = 'active' OR :again)
            AND (ending_token IS NULL OR ending_until <= {NOW} OR {_ENDER_GONE}
                OR ending_token = {_WAITS} AND NOT :abandoned_only)
            AND (NOT :abandoned_only OR {_UNHOSTED})
            AND NOT ((:leaving OR :abandoned_only) AND {_ELSEWHERE})
        RETURNING session_id, user_id, ending_token, ending_attempts
        """,
        given,
    ).fetchone()
    if row is None:
        return None
    # The right of a server that is not recorded is anybody's.
    record(connection, given["server"], given["lease_seconds"])
    return Ending(*row)


_HELD = f"{_OWNED} AND ending_token = :token AND ending_until > {NOW}"


def finish_ending(connection: sqlite3.Connection, ending: Ending, result: Result) -> Session | None:
    row = connection.execute(
        f"""
        UPDATE sessions SET
            status = 'completed', end_time = {NOW}, updated_at = {NOW},
            ending_token = NULL, ending_until = NULL, ending_server = NULL, ending_attempts = 0,
            summary = :summary, note = :note, topics = :topics, sentiment = :sentiment,
            key_outcomes = :outcomes, metrics = :metrics,
            title = CASE WHEN :title <> '' AND title = :title_before THEN :title ELSE title END
        WHERE {_HELD} RETURNING {_SESSION}
        """,
        {
            **ending.claim,
            **asdict(result),
            "topics": to_json(result.topics),
            "outcomes": to_json(result.outcomes),
            "metrics": to_json(result.metrics),
        },
    ).fetchone()
    if row is not None:
        index_session(connection, ending.session_id)
    return row and session_of(row)


def release_ending(connection: sqlite3.Connection, ending: Ending, wait_seconds: float) -> None:
    connection.execute(
        f"""
        UPDATE sessions SET
            ending_token = CASE WHEN :wait > 0 THEN {_WAITS} END,
            ending_until = CASE WHEN :wait > 0 THEN {from_now(":wait")} END,
            ending_server = NULL
        WHERE {_HELD}
        """,
        ending.claim | {"wait": wait_seconds},
    )


def memory(connection: sqlite3.Connection, **given: Any) -> Memory | None:
    row = connection.execute(
        f"SELECT {_MEMORY} FROM sessions WHERE {_OWNED} AND memory IS NOT NULL", given
    ).fetchone()
    return row and Memory(*row)


def extend_memory(
    connection: sqlite3.Connection, *, memory: Memory, previous: Memory | None, **given: Any
) -> bool:
    done = connection.execute(
        f"""
        UPDATE sessions SET memory = :text, memory_upto = :upto WHERE {_OWNED}
            AND md5(CAST(memory AS BLOB)) IS md5(CAST(:previous AS BLOB))
            AND (memory IS NULL OR CAST(memory_upto AS integer) = :previous_upto)
        """,
        {
            **given,
            **asdict(memory),
            "previous": previous and previous.text,
            "previous_upto": previous and previous.upto,
        },
    )
    return bool(done.rowcount)


def session_of(row: tuple[Any, ...]) -> Session:
    """A session from the columns of `_SESSION`."""
    known = dict(zip(COLUMNS, row, strict=True))
    for name in ("metrics", "settings"):
        known[name] = decoded(known[name])
    return foreign.session_of(known)
