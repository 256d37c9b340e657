"""Presence of a server on its database: it shows that it is alive, and finds those that are not.

A server is gone when its record is removed: by itself when it stops, by another one that knows its
process to have ended, so that a restart need not wait, or by one that has seen it late for long
enough. A late server may renew its record: a database that was away, a computer that slept and a clock
that was set end all leases at once, those of living servers too.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from genpy_server.errors import GenPyError
from genpy_server.settings import Settings
from genpy_server.stores.base import Store

BEAT_SECONDS = 10.0
"""Seconds between two signs of life at most; three of them are a server's and a session's lease."""

PARTS = 4
"""Of a server's name: place, process, its start, and something unique."""

log = logging.getLogger("genpy.presence")

_here: set[str] = set()
"""The servers of this process."""


class Presence:
    """The name of a server, and its signs of life."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.server = f"{_place()}/{os.getpid()}/{_started(os.getpid())}/{uuid4().hex}"
        self.beat_seconds = min(settings.grace_seconds / 3, BEAT_SECONDS)
        self.live_seconds = max(settings.grace_seconds, 3 * self.beat_seconds)
        self._store = store
        self._shown: float | None = None
        self._looked: tuple[float, float] | None = None
        self._late: dict[str, float] = {}
        """The other servers that are late, and since when this one sees that."""
        self._hosting = False
        self._endings = 0
        _here.add(self.server)

    async def begin(self) -> None:
        """Show for the first time that this server is alive."""
        if self._shown is None:
            await self.beat()

    @property
    def is_late(self) -> bool:
        """Whether this server's own leases are over."""
        return self._looked is not None and time.time() - self._looked[0] > self.live_seconds

    async def show(self) -> None:
        """Show that this server is alive, unless that was done a moment ago."""
        if self._shown is None or time.monotonic() - self._shown >= self.beat_seconds / 2:
            await self.beat()

    async def beat(self) -> None:
        """Show that this server is alive, and remove the records of servers that are gone."""
        others = await self._store.beat(self.server, 3 * self.beat_seconds)
        now = time.time(), time.monotonic()
        last, self._looked = self._looked or now, now
        self._shown = now[1]
        if max(now[0] - last[0], now[1] - last[1]) > 2 * self.beat_seconds:
            self._late.clear()  # they could not renew theirs either, as far as is known
        self._late = {name: self._late.get(name, now[1]) for name in others if others[name]}
        for other in others:
            seen_late = now[1] - self._late.get(other, now[1])
            if has_ended(other) or seen_late >= 2 * self.beat_seconds:
                await self._store.beat(other, 0)

    def hosts(self) -> None:
        """A session is hosted, which the store records with its first message or its opening."""
        self._hosting = True

    @property
    def is_needed(self) -> bool:
        """Whether this server uses a right that it has for as long as it is recorded."""
        return self._endings > 0

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Use a right to end a session."""
        self._endings += 1
        try:
            yield
        finally:
            self._endings -= 1

    async def leave(self) -> None:
        """Show that this server is gone."""
        _here.discard(self.server)
        if self._shown is not None or self._hosting:
            try:
                await self._store.beat(self.server, 0)
            except GenPyError as error:  # its time runs out all the same
                log.info("could not take leave: %s", error.code)


def has_ended(server: str) -> bool:
    """Whether the process of a server is known to have ended; False where that cannot be known."""
    parts = server.split("/")
    if len(parts) != PARTS or parts[0] != _place() or not parts[1].isdecimal() or os.name == "nt":
        return False
    pid, started = int(parts[1]), parts[2]
    if pid == os.getpid():
        return server not in _here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it runs as another user
        return False
    return bool(started) and _started(pid) not in {"", started}


def _place() -> str:
    """The machine, or the container, that this process runs in."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        booted = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        namespace = booted = ""
    return f"{socket.gethostname()}:{booted}:{namespace}".replace("/", "_")


def _started(pid: int) -> str:
    """When a process began, in the kernel's clock ticks; empty where that cannot be known."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
