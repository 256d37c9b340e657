"""The SQLite file: private to its owner, opened the same way everywhere, upgraded when older.

`PRAGMA user_version` counts the migrations that a file has been through. Errors of SQLite become ours
here, each with a sentence that says what to do.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from genpy_server import errors
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


_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)

VERSION: Final = 13
"""The version of the file: how many migrations it has been through."""


@cache
def migrations() -> tuple[tuple[str, ...], ...]:
    """The statements of `migrations.sql`, from each version of the file to the next."""
    text = Path(__file__).with_name("migrations.sql").read_text(encoding="utf-8")
    return tuple(tuple(_statements(part)) for part in text.split("\n-- Version ")[1:])


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines()[1:]:
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


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
        log = log_of(path)
        if log.exists() and log.stat().st_size > 0:
            raise
        with suppress(sqlite3.OperationalError):
            return _connect(path, "mode=ro&immutable=1", busy_seconds)
        raise


def log_of(path: Path) -> Path:
    """SQLite's log of changes, beside the file."""
    return path.with_name(f"{path.name}-wal")


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
        raise errors.StoreForbidden(
            f"The database {path} cannot be made: the folder is not writable. "
            "Set GENPY_DATABASE to a file in a folder of yours."
        ) from None
    except OSError as error:
        raise errors.StoreUnavailable(
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
    if version > VERSION:
        raise errors.StoreSchemaMissing(
            f"The database {path} was written by a newer GenPy (its version is {version}, this "
            f"one knows {VERSION}). Upgrade GenPy, or set GENPY_DATABASE to another file."
        )
    tables = "SELECT 1 FROM sqlite_master WHERE (SELECT user_version FROM pragma_user_version) = 0"
    if connection.execute(tables).fetchone():
        raise errors.StoreSchemaMissing(
            f"The database {path} belongs to another program. Set GENPY_DATABASE to another file."
        )


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == VERSION:
        return
    with transaction(connection):
        # Another process may have been faster.
        for statements in migrations()[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def as_text(data: bytes) -> str:
    """The text of a column that may have any bytes, written by another program."""
    return data.decode(errors="replace")


def _casefold(data: bytes | None) -> str:
    return as_text(data or b"").casefold()


def _md5(data: bytes | None) -> str | None:
    return None if data is None else md5_hex(as_text(data))


_READ_ONLY = (
    errors.StoreForbidden,
    (
        "The database {path} cannot be written: the file or its folder is read-only. "
        "Make both writable, or set GENPY_DATABASE to a file in a folder of yours."
    ),
)
_FULL = (
    "The disk of the database {path} is full; nothing was written. Free some space and try again."
)
_LOCKED = (
    errors.StoreTimeout,
    "Another program keeps the database {path} locked. Try again, or end that program.",
)
_SENTENCES: Final[dict[int, tuple[type[errors.StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: (
        errors.StoreUnavailable,
        (
            "The database {path} cannot be opened. See whether it is a file that you may read and "
            "write, or set GENPY_DATABASE to another one."
        ),
    ),
    sqlite3.SQLITE_NOTADB: (
        errors.StoreSchemaMissing,
        "The file {path} is not an SQLite database. Set GENPY_DATABASE to another file.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        errors.StoreError,
        (
            "The database {path} is damaged. Save a copy, then mend it with "
            "`sqlite3 FILE .recover`, or set GENPY_DATABASE to another file."
        ),
    ),
    sqlite3.SQLITE_FULL: (
        errors.StoreError,
        _FULL,
    ),
    sqlite3.SQLITE_IOERR: (
        errors.StoreUnavailable,
        (
            "The disk of the database {path} does not read or write. See whether it is there and "
            "has space left."
        ),
    ),
}


def full(path: Path) -> str:
    """The error message while the disk is full."""
    return _FULL.format(path=path)


def translated(error: sqlite3.Error, path: Path) -> errors.StoreError:
    """The `StoreError` for an error of SQLite; the lowest byte of an extended code is its kind."""
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself objects
    kind, sentence = _SENTENCES.get(
        (code or 0) & 0xFF, (errors.StoreError, "The database {path} failed: {error}.")
    )
    return kind(sentence.format(path=path, error=error))
