"""SQLite's errors as ours, each with a sentence that says what to do."""

import sqlite3
from pathlib import Path
from typing import Final

from genpy_server.errors import (
    StoreError,
    StoreForbidden,
    StoreSchemaMissing,
    StoreTimeout,
    StoreUnavailable,
)

_READ_ONLY = (
    StoreForbidden,
    (
        "The database {path} cannot be written: the file or its folder is read-only. "
        "Make both writable, or set GENPY_DATABASE to a file in a folder of yours."
    ),
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
        "The file {path} is no SQLite database. Set GENPY_DATABASE to another file.",
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
        (
            "The disk of the database {path} is full; nothing was written. Free some space and try "
            "again."
        ),
    ),
    sqlite3.SQLITE_IOERR: (
        StoreUnavailable,
        (
            "The disk of the database {path} does not read or write. See whether it is there and "
            "has space left."
        ),
    ),
}


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """The error to raise instead; an extended code has its kind in the lowest byte."""
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself objects
    kind, sentence = _SENTENCES.get(
        (code or 0) & 0xFF, (StoreError, "The database {path} failed: {error}.")
    )
    return kind(sentence.format(path=path, error=error))
