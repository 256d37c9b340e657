"""Whether the file of the database is still the one that was opened, as only SQLite wrote it."""

import os
from contextlib import suppress
from pathlib import Path

from genpy_server.errors import StoreUnavailable
from genpy_server.stores.sqlite.schema import log_of

INDEX_BYTES = 136
"""Of the head of SQLite's `-shm` file; see https://www.sqlite.org/walformat.html."""
SALTS, BACKFILLED, ATTEMPTED = 32, 96, 128
"""Where it has the two salts of the log, and how many of its frames are in the database."""


class DatabaseFile:
    """The file from when it was opened; one thread checks it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        place = path.resolve()
        links = [] if path.absolute() == place else [path]
        self._paths = (*links, place, log_of(place))
        """With links, without, and the log of changes, which holds the last commits."""
        self._files: list[tuple[int, int]] | None = None
        self._index = _descriptor(place.with_name(f"{place.name}-shm"))
        self._seen: tuple[bytes, tuple[int, int]] | None = None
        self.check()

    def check(self) -> None:
        """Raise `StoreUnavailable` if it was moved, removed, emptied, replaced or overwritten."""
        before = _checkpoint(self._index)
        found = self._stats()
        files = [(one.st_dev, one.st_ino) for one in found]
        self._files = self._files or files
        if files != self._files or not files or not found[0].st_size:
            raise StoreUnavailable(
                f"The database {self._path} was moved or removed, and perhaps replaced by another. "
                "Put it back, or restart GenPy."
            )
        if before is not None and before == _checkpoint(self._index):
            self._compare(before, (found[0].st_mtime_ns, found[0].st_size))

    def close(self) -> None:
        """Before the connections are closed, and with them the descriptor."""
        self._index = None

    def _stats(self) -> list[os.stat_result]:
        *links, place, log = self._paths
        found: list[os.stat_result] = []
        with suppress(OSError):
            found += [*(link.stat() for link in links), place.lstat()]
            found.append(log.stat())
        return found

    def _compare(self, checkpoint: bytes, content: tuple[int, int]) -> None:
        """Raise if the file changed though SQLite, of whatever process, made no checkpoint.

        In WAL mode only a checkpoint writes to the file. It counts its frames in the index of the
        log as attempted before its first write, and as backfilled after its last one. A checkpoint
        since the last comparison, or a log begun anew, hides a change; each heartbeat compares.
        """
        if self._seen is not None and self._seen[0] == checkpoint and self._seen[1] != content:
            raise StoreUnavailable(
                f"The database {self._path} was overwritten by another program. "
                "Stop GenPy, then copy the database that you want to its place again."
            )
        self._seen = checkpoint, content


def _checkpoint(index: int | None) -> bytes | None:
    """Which checkpoint was the last; None while one is unfinished."""
    if index is None:
        return None
    head = os.pread(index, INDEX_BYTES, 0)
    done, attempted = head[BACKFILLED : BACKFILLED + 4], head[ATTEMPTED : ATTEMPTED + 4]
    return head[SALTS : SALTS + 8] + done if done == attempted else None


def _descriptor(index: Path) -> int | None:
    """SQLite's own descriptor of the index, open until the last connection is closed.

    To close another one would release the locks of this process. None where there is no index, or
    (Windows) where the time of a file that is open changes late.
    """
    with suppress(OSError):
        found = index.stat()
        for one in Path("/dev/fd").iterdir():
            with suppress(OSError):
                if os.path.samestat(os.fstat(int(one.name)), found):
                    return int(one.name)
    return None
