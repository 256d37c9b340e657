"""The SQLite file: private to its owner, opened the same way everywhere, upgraded when older.

Tables and columns have the names they have in Supabase's `schema.sql`. A version is a tuple of
statements; `PRAGMA user_version` counts the `MIGRATIONS` that a file has been through. Errors of
SQLite become ours here, each with a sentence that says what to do.
"""

# ruff: noqa: S608 - what is put into a statement is a constant of this module

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from genpy_server.errors import (
    StoreError,
    StoreForbidden,
    StoreSchemaMissing,
    StoreTimeout,
    StoreUnavailable,
)
from genpy_server.stores.base import md5_hex

BUSY_SECONDS = 10.0
"""How long a statement waits for another process that writes."""

TIME = "'%Y-%m-%dT%H:%M:%f000Z'"
NOW = f"strftime({TIME}, 'now')"
"""The database's clock as ISO 8601 in UTC; SQLite counts milliseconds."""


def to_json(value: object) -> str:
    """A value as the text of a column or of a parameter."""
    return msgspec.json.encode(value).decode()


def from_now(parameter: str) -> str:
    """The time so many seconds from now, as SQL."""
    return f"strftime({TIME}, 'now', printf('%+.3f seconds', {parameter}))"


# Message ids are never given twice (autoincrement): they are cursors. `unspaced` belongs to the
# index of the first two versions.
_FIRST = (
    """
    CREATE TABLE sessions (
        id integer PRIMARY KEY,
        session_id text NOT NULL UNIQUE,
        user_id text NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed')),
        start_time text NOT NULL,
        end_time text,
        summary text,
        topics text NOT NULL DEFAULT '[]',
        sentiment text,
        metrics text NOT NULL DEFAULT '{}',
        user_rating integer CHECK (user_rating BETWEEN 1 AND 5),
        rated_at text,
        key_outcomes text NOT NULL DEFAULT '[]',
        created_at text NOT NULL,
        updated_at text NOT NULL,
        title text NOT NULL,
        note text,
        last_message_id integer NOT NULL DEFAULT 0,
        message_count integer NOT NULL DEFAULT 0,
        live_until text,
        ending_token text,
        ending_until text,
        memory text,
        memory_upto integer NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE session_logs (
        id integer PRIMARY KEY AUTOINCREMENT,
        session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
        event_type text NOT NULL CHECK (event_type IN ('user', 'ai', 'system')),
        message text NOT NULL,
        metadata text NOT NULL DEFAULT '{}',
        created_at text NOT NULL,
        client_id text,
        uid text NOT NULL,
        words integer NOT NULL,
        unspaced text
    )
    """,
    "CREATE INDEX sessions_by_activity ON sessions (user_id, last_message_id)",
    "CREATE INDEX sessions_active ON sessions (last_message_id) WHERE status = 'active'",
    "CREATE INDEX session_logs_by_session ON session_logs (session_id, id)",
    """
    CREATE UNIQUE INDEX session_logs_client_id ON session_logs (session_id, client_id)
    WHERE client_id IS NOT NULL
    """,
    """
    CREATE VIRTUAL TABLE session_logs_search USING fts5 (
        message, unspaced, content = 'session_logs', content_rowid = 'id',
        tokenize = 'porter unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER session_logs_added AFTER INSERT ON session_logs BEGIN
        INSERT INTO session_logs_search (rowid, message, unspaced)
        VALUES (new.id, new.message, new.unspaced);
    END
    """,
    """
    CREATE TRIGGER session_logs_removed AFTER DELETE ON session_logs BEGIN
        INSERT INTO session_logs_search (session_logs_search, rowid, message, unspaced)
        VALUES ('delete', old.id, old.message, old.unspaced);
    END
    """,
    """
    CREATE TRIGGER session_logs_changed AFTER UPDATE OF message, unspaced ON session_logs BEGIN
        INSERT INTO session_logs_search (session_logs_search, rowid, message, unspaced)
        VALUES ('delete', old.id, old.message, old.unspaced);
        INSERT INTO session_logs_search (rowid, message, unspaced)
        VALUES (new.id, new.message, new.unspaced);
    END
    """,
)

_SECOND = (
    """
    UPDATE sessions SET
        start_time = replace(start_time, '+00:00', 'Z'),
        end_time = replace(end_time, '+00:00', 'Z'),
        created_at = replace(created_at, '+00:00', 'Z'),
        updated_at = replace(updated_at, '+00:00', 'Z'),
        rated_at = replace(rated_at, '+00:00', 'Z'),
        live_until = replace(live_until, '+00:00', 'Z'),
        ending_until = replace(ending_until, '+00:00', 'Z')
    """,
    "UPDATE session_logs SET created_at = replace(created_at, '+00:00', 'Z')",
    """
    UPDATE sessions SET metrics = replace(
        json_remove(
            json_set(
                metrics,
                '$.total_messages', json_extract(metrics, '$.messages'),
                '$.ai_messages', json_extract(metrics, '$.assistant_messages')),
            '$.messages', '$.assistant_messages'),
        '+00:00"', 'Z"')
    WHERE json_extract(metrics, '$.messages') IS NOT NULL
    """,
)
"""Times end in Z, and metrics have the names of GenPy's first version."""

# Servers on this file, the parts of replies in progress, and the secret behind named ids.
_SERVERS = (
    "CREATE TABLE installation (secret text NOT NULL)",
    "INSERT INTO installation VALUES (lower(hex(randomblob(32))))",
    "CREATE TABLE servers (id text PRIMARY KEY, alive_until text NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE reply_journal (
        run text NOT NULL,
        position integer NOT NULL,
        session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
        reply_to integer NOT NULL,
        message text NOT NULL,
        metadata text NOT NULL,
        server text NOT NULL,
        PRIMARY KEY (run, position)
    )
    """,
    "CREATE INDEX reply_journal_by_session ON reply_journal (session_id)",
    "ALTER TABLE sessions ADD COLUMN hosted_by text",
    "ALTER TABLE sessions ADD COLUMN ending_server text",
    "ALTER TABLE sessions ADD COLUMN ending_attempts integer NOT NULL DEFAULT 0",
)

_SEARCH = (
    """
    CREATE TABLE search_terms (
        id integer PRIMARY KEY,
        owner text NOT NULL,
        terms text NOT NULL,
        size integer NOT NULL,
        about_records integer NOT NULL
    )
    """,
    """
    CREATE TABLE search_owners (
        owner text PRIMARY KEY,
        documents integer NOT NULL,
        size integer NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE VIRTUAL TABLE search_index USING fts5 (
        terms, content = '', detail = none, tokenize = 'ascii'
    )
    """,
    "CREATE VIRTUAL TABLE search_words USING fts5vocab (search_index, row)",
    """
    CREATE TRIGGER search_terms_added AFTER INSERT ON search_terms BEGIN
        INSERT INTO search_index (rowid, terms)
        VALUES (new.id, replace(new.terms, ' ', ' ' || new.owner));
        INSERT INTO search_owners (owner, documents, size) VALUES (new.owner, 1, new.size)
        ON CONFLICT (owner) DO UPDATE SET documents = documents + 1, size = size + excluded.size;
    END
    """,
    """
    CREATE TRIGGER search_terms_removed AFTER DELETE ON search_terms BEGIN
        INSERT INTO search_index (search_index, rowid, terms)
        VALUES ('delete', old.id, replace(old.terms, ' ', ' ' || old.owner));
        UPDATE search_owners SET documents = documents - 1, size = size - old.size
        WHERE owner = old.owner;
    END
    """,
    """
    CREATE TRIGGER search_message_removed AFTER DELETE ON session_logs BEGIN
        DELETE FROM search_terms WHERE id = old.id;
    END
    """,
    """
    CREATE TRIGGER search_session_removed AFTER DELETE ON sessions BEGIN
        DELETE FROM search_terms WHERE id IN (-2 * old.id, -2 * old.id - 1);
    END
    """,
    "CREATE TABLE search_progress (below integer)",
    "INSERT INTO search_progress SELECT coalesce(max(id) + 1, 0) FROM session_logs",
    "DROP TRIGGER session_logs_added",
)
"""One index of messages and titles, which knows the owner. Messages below `search_progress` are
indexed in the background, and found by the former index until then; see `search.reindex`."""

_COUNTS = ("ALTER TABLE sessions ADD COLUMN counts text",)
"""The metrics so far, added to by each message; null in a session that was not counted yet."""

_SETTINGS = ("ALTER TABLE sessions ADD COLUMN settings text NOT NULL DEFAULT '{}'",)
"""What a person set for a conversation, as JSON."""

_APPROVALS = (
    """
    CREATE TABLE tool_approvals (
        user_id text NOT NULL,
        name text NOT NULL,
        digest text NOT NULL,
        created_at text NOT NULL,
        PRIMARY KEY (user_id, name)
    ) WITHOUT ROWID
    """,
)
"""The tools that a user allowed for good, each as it was defined then."""

_HOSTS = (
    """
    CREATE TABLE hosts (
        session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
        server text NOT NULL,
        until text NOT NULL,
        PRIMARY KEY (session_id, server)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX hosts_by_server ON hosts (server)",
)
"""The servers that host a session, each until its lease expires."""

_CUT_AGAIN = (
    "UPDATE search_progress SET cut_below = (SELECT max(id) + 1 FROM search_terms WHERE id > 0)"
)
_CUT = ("ALTER TABLE search_progress ADD COLUMN cut_below integer", _CUT_AGAIN)
"""Messages below `cut_below` are indexed in the cut before that of `words.CUT`; below zero are the rows of
sessions that are, with the sign changed; a search finds both. At zero the index is merged, and null when that is done."""

_PENDING = (
    "ALTER TABLE session_logs ADD COLUMN pending_server text",
    """
    CREATE INDEX session_logs_pending ON session_logs (session_id)
    WHERE pending_server IS NOT NULL
    """,
    """
    UPDATE session_logs SET pending_server = s.hosted_by FROM sessions s
    WHERE s.status = 'active' AND s.hosted_by IS NOT NULL
        AND session_logs.session_id = s.session_id AND session_logs.event_type = 'user'
        AND session_logs.id > (
            SELECT coalesce(max(CASE WHEN json_valid(r.metadata)
                THEN json_extract(r.metadata, '$.reply_to') END), 0)
            FROM session_logs r WHERE r.session_id = s.session_id)
    """,
    """
    UPDATE sessions SET last_message_id = (
        SELECT coalesce(max(m.id), 0) FROM session_logs m WHERE m.session_id = sessions.session_id)
    WHERE last_message_id IS NOT (
        SELECT coalesce(max(m.id), 0) FROM session_logs m WHERE m.session_id = sessions.session_id)
    """,
    *(
        f"""
        CREATE TRIGGER sessions_ordered_{event} AFTER {what} ON sessions
        WHEN new.last_message_id IS NOT (
            SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
        BEGIN
            UPDATE sessions SET last_message_id = (
                SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
            WHERE id = new.id;
        END
        """
        for event, what in {"new": "INSERT", "changed": "UPDATE OF last_message_id"}.items()
    ),
    """
    CREATE TRIGGER session_logs_ordered AFTER INSERT ON session_logs BEGIN
        UPDATE sessions SET last_message_id = new.id
        WHERE session_id = new.session_id AND last_message_id < new.id;
    END
    """,
    _CUT_AGAIN,
)
"""At which server a question waits for its reply, null for most messages; before, the last questions of
a session waited at the server that hosted it last (`hosted_by`, which nothing reads any more). A
session has its place in lists by its last message, whatever another program writes. And the terms of `words.CUT` 3."""

_AMPERSANDS = (_CUT_AGAIN,)
"""The terms of `words.CUT` 4: AT&T as one word, katakana as hiragana."""

_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _SECOND,
    _SERVERS,
    _SEARCH,
    _COUNTS,
    _SETTINGS,
    _APPROVALS,
    _HOSTS,
    _CUT,
    _PENDING,
    _AMPERSANDS,
)
"""The migrations from each version of the file to the next; never changed once released."""


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection whose commits survive a power cut; creates a missing file.

    Where the file or its folder cannot be written, the connection only reads.
    """
    _make_private(path)
    try:
        return _connect(path, "mode=rw", busy_seconds)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NOT_WRITABLE:
            raise
        with suppress(sqlite3.OperationalError):
            return _connect(path, "mode=ro", busy_seconds)
        # Reading beside a writer needs a file of shared memory. Where there is no log of changes,
        # there is no writer.
        if _has_changes(path):
            raise
        with suppress(sqlite3.OperationalError):
            return _connect(path, "mode=ro&immutable=1", busy_seconds)
        raise


def log_of(path: Path) -> Path:
    """SQLite's log of changes, beside the file."""
    return path.with_name(f"{path.name}-wal")


def _has_changes(path: Path) -> bool:
    log = log_of(path)
    return log.exists() and log.stat().st_size > 0


def _connect(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None)
    try:
        _refuse_unknown(connection, path)
        if mode == "mode=rw":
            _use_wal(connection, time.monotonic() + busy_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS keeps what is only fsynced in a cache
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        _set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory() -> sqlite3.Connection:
    """A new database that is gone when it is closed."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _set_up(connection)
    return connection


def _set_up(connection: sqlite3.Connection) -> None:
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.create_function("md5", 1, _md5, deterministic=True)
    _migrate(connection)


def checkpoint(path: Path) -> None:
    """Copy the log of changes into the file, as far as nobody reads or writes it meanwhile.

    After a crash SQLite counts the log as half copied until this is done.
    """
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Commit the changes of the block, or roll them back if it raises.

    Writers begin IMMEDIATE: a reader that turns writer fails at once when another was faster.
    """
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make_private(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the file itself."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        path.chmod(0o600)
    except FileExistsError:
        return
    except PermissionError:
        raise StoreForbidden(
            f"The database {path} cannot be made: the folder is not writable. "
            "Set GENPY_DATABASE to a file in a folder of yours."
        ) from None
    except OSError as error:
        raise StoreUnavailable(
            f"The database {path} cannot be made: {error.strerror}. "
            "Set GENPY_DATABASE to a file that can."
        ) from None


def _use_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """SQLite does not wait by itself when two processes change a new file to WAL at once."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _refuse_unknown(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise StoreSchemaMissing(
            f"The database {path} was written by a newer GenPy (its version is {version}, this "
            f"one knows {len(MIGRATIONS)}). Upgrade GenPy, or set GENPY_DATABASE to another file."
        )
    tables = "SELECT 1 FROM sqlite_master WHERE (SELECT user_version FROM pragma_user_version) = 0"
    if connection.execute(tables).fetchone():
        raise StoreSchemaMissing(
            f"The database {path} belongs to another program. Set GENPY_DATABASE to another file."
        )


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    with transaction(connection):
        # Another process may have been faster.
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def as_text(data: bytes) -> str:
    """The text of a column that may have any bytes, written by another program."""
    return data.decode(errors="replace")


def _casefold(data: bytes | None) -> str:
    return as_text(data or b"").casefold()


def _md5(data: bytes | None) -> str | None:
    return None if data is None else md5_hex(as_text(data))


_READ_ONLY = (
    StoreForbidden,
    (
        "The database {path} cannot be written: the file or its folder is read-only. "
        "Make both writable, or set GENPY_DATABASE to a file in a folder of yours."
    ),
)
_FULL = (
    "The disk of the database {path} is full; nothing was written. Free some space and try again."
)
_LOCKED = (
    StoreTimeout,
    "Another program keeps the database {path} locked. Try again, or end that program.",
)
_SENTENCES: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailable,
        (
            "The database {path} cannot be opened. See whether it is a file that you may read and "
            "write, or set GENPY_DATABASE to another one."
        ),
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreSchemaMissing,
        "The file {path} is not an SQLite database. Set GENPY_DATABASE to another file.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        (
            "The database {path} is damaged. Save a copy, then mend it with "
            "`sqlite3 FILE .recover`, or set GENPY_DATABASE to another file."
        ),
    ),
    sqlite3.SQLITE_FULL: (
        StoreError,
        _FULL,
    ),
    sqlite3.SQLITE_IOERR: (
        StoreUnavailable,
        (
            "The disk of the database {path} does not read or write. See whether it is there and "
            "has space left."
        ),
    ),
}


def full(path: Path) -> str:
    """The error message while the disk is full."""
    return _FULL.format(path=path)


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """The `StoreError` for an error of SQLite; the lowest byte of an extended code is its kind."""
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself objects
    kind, sentence = _SENTENCES.get(
        (code or 0) & 0xFF, (StoreError, "The database {path} failed: {error}.")
    )
    return kind(sentence.format(path=path, error=error))
