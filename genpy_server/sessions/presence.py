"""Heartbeats of a server in its database, and detection of servers that have ended.

A server is gone when its record is removed: by itself when it stops, by another one that knows its
process to have ended, so that a restart need not wait, or by one that has seen it late for long
enough. A late server may renew its record: a database that was away, a computer that slept and a clock
that was set end all leases at once, those of living servers too.
"""

import logging
import math
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
"""Longest time between two heartbeats; the lease of a server or session is three times as long."""
LEAST_BEAT_SECONDS = 1.0
"""Shortest: a call that takes long must not cost a server its leases, however soon sessions end."""

PARTS = 4
"""Parts of a server's name: machine, process id, start of the process, and a UUID."""

log = logging.getLogger("genpy.presence")

_own_servers: set[str] = set()
"""The servers of this process."""


class Presence:
    """The name of a server, and its heartbeats."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.server = f"{_place()}/{os.getpid()}/{_started(os.getpid())}/{uuid4().hex}"
        self.beat_seconds = min(max(settings.grace_seconds / 3, LEAST_BEAT_SECONDS), BEAT_SECONDS)
        self.live_seconds = max(settings.grace_seconds, 3 * self.beat_seconds)
        self._store = store
        self._last_answer: tuple[float, float] | None = None
        """When the last heartbeat was answered, by the wall and by the monotonic clock."""
        self._lapse = (0.0, 0.0)
        """Begin and end of the last time that was longer than the lease between two heartbeats."""
        self._late: dict[str, float] = {}
        """The other servers that are late, and since when this one sees that."""
        self.hosting = False
        """Whether a session was hosted; the store records it when it is opened or written to."""
        self._endings = 0
        _own_servers.add(self.server)

    async def begin(self) -> None:
        """Send the first heartbeat."""
        if self._last_answer is None:
            await self.beat()

    @property
    def is_late(self) -> bool:
        """Whether this server's own leases are over."""
        return self._last_answer is not None and self._silence() > self.live_seconds

    def lapsed_since(self, since: float) -> bool:
        """Whether others may have taken this server for gone since a time, in seconds of the epoch."""
        last, _ = self._last_answer or (0.0, 0.0)
        silences = self._lapse, (last, time.time())
        return any(end - max(begin, since) > 3 * self.beat_seconds for begin, end in silences)

    def _silence(self) -> float:
        """Seconds since the last heartbeat, by the clock that went further: one may stop in a sleep."""
        if self._last_answer is None:
            return math.inf
        wall, monotonic = self._last_answer
        return max(time.time() - wall, time.monotonic() - monotonic)

    async def show(self) -> None:
        """Send a heartbeat, unless one was sent a moment ago."""
        if self._silence() >= self.beat_seconds / 2:
            await self.beat()

    async def beat(self) -> None:
        """Show that this server is alive, and remove the records of servers that are gone."""
        others = await self._store.beat(self.server, 3 * self.beat_seconds)
        now, silence = (time.time(), time.monotonic()), self._silence()
        last, self._last_answer = self._last_answer or (0.0, 0.0), now
        if silence > 3 * self.beat_seconds:
            self._lapse = last[0], now[0]
        if silence > 2 * self.beat_seconds:
            self._late.clear()  # they could not renew theirs either, as far as is known
        self._late = {name: self._late.get(name, now[1]) for name in others if others[name]}
        for other in others:
            seen_late = now[1] - self._late.get(other, now[1])
            if has_ended(other) or seen_late >= 2 * self.beat_seconds:
                await self._store.beat(other, 0)

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
        """Remove this server's heartbeat."""
        _own_servers.discard(self.server)
        if self._last_answer is not None or self.hosting:
            try:
                await self._store.beat(self.server, 0)
            except GenPyError as error:  # its lease expires anyway
                log.info("the heartbeat was not removed: %s", error.code)


def has_ended(server: str) -> bool:
    """Whether the process of a server is known to have ended."""
    parts = server.split("/")
    if len(parts) != PARTS or parts[0] != _place() or not parts[1].isdecimal() or os.name == "nt":
        return False
    pid, started = int(parts[1]), parts[2]
    if pid == os.getpid():
        return server not in _own_servers
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # a process of another user
        return False
    return bool(started) and _started(pid) not in {"", started}


def _place() -> str:
    """Identifies the machine or container of this process."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        booted = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        namespace = booted = ""
    return f"{socket.gethostname()}:{booted}:{namespace}".replace("/", "_")


def _started(pid: int) -> str:
    """When a process started, in clock ticks of the kernel; empty if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
