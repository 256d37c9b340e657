"""The address of the server of a local database, in a file beside it that only its owner can read.

A client finds there the server that another program runs on the same database with the same
settings, and connects to it instead of starting a second one. A server announces itself only if
its settings are the user's own: a folder's `.env` must not affect other terminals.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from genpy_server.core.identity import is_loopback
from genpy_server.errors import GenPyError
from genpy_server.files import read_json, write_json
from genpy_server.settings import DOTENV, Settings

ANSWER_SECONDS = 3.0
"""Time limit for an announced server to answer."""
START_SECONDS = 10.0
"""Time limit for another program that is starting a server."""
POLL_SECONDS = 0.05
"""Between two attempts to take the lock."""
_MAY_DIFFER = (
    *("host", "port", "tokens", "server", "origins", "hosts", "proxies", "log_level", "sources"),
    *("theme", "keyboard", "providers", "folder", "unknown"),
)
"""Settings in which two servers of one database may differ."""


class Announcement(msgspec.Struct, frozen=True):
    """An announced server."""

    url: str
    token: str | None
    fingerprint: str
    """Hash of its settings; see `fingerprint`."""


class Announced(NamedTuple):
    """The server to connect to, if any; `differs` where one with other settings runs."""

    server: Announcement | None = None
    differs: bool = False


@asynccontextmanager
async def start_lock(settings: Settings) -> AsyncIterator[None]:
    """Lock the folder of the database while a program looks for its server or starts one.

    Continues without the lock after `START_SECONDS`, on Windows, and on file systems without locks.
    """
    path = _file(settings)
    if path is None or sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError:  # the store says what is wrong
        yield
        return
    try:
        end = monotonic() + START_SECONDS
        while monotonic() < end:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(POLL_SECONDS)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_UN)  # a forked process may still have the folder open
        os.close(folder)


async def find(settings: Settings) -> Announced:
    """The announced server of the database, if it answers."""
    path = _file(settings)
    found = read_json(path, Announcement) if path is not None and _is_private(path) else None
    is_local = found is not None and is_loopback(urlsplit(found.url).hostname or "")
    if found is None or not is_local or not await _answers(found):
        return Announced()
    same = found.fingerprint == fingerprint(settings)
    return Announced(found) if same else Announced(differs=True)


def publish(settings: Settings, url: str, token: str | None) -> bool:
    """Announce a server; False where it must not be announced, or the file cannot be written."""
    path = _file(settings)
    from_dotenv = any(source.startswith(DOTENV) for source in settings.sources.values())
    if path is None or from_dotenv or not is_loopback(settings.host):
        return False
    try:
        write_json(path, Announcement(url, token, fingerprint(settings)))
    except OSError:
        return False
    return True


def withdraw(settings: Settings, url: str) -> None:
    """Remove the announcement of a server, unless another one has replaced it."""
    path = _file(settings)
    found = path and read_json(path, Announcement)
    if path and found and found.url == url:
        with suppress(OSError):
            path.unlink()


def fingerprint(settings: Settings) -> str:
    """A hash of the settings that affect how a server answers a message."""
    values = msgspec.structs.asdict(settings)
    named = {name: values[name] for name in values if name not in _MAY_DIFFER}
    encoded = msgspec.json.encode(named, enc_hook=str, order="sorted")
    return hashlib.sha256(encoded).hexdigest()


def _file(settings: Settings) -> Path | None:
    """The file of the announcement; None for a database that is not a file."""
    if settings.supabase_url is not None:
        return None
    return settings.database.with_name(settings.database.name + ".server")


def _is_private(path: Path) -> bool:
    """Whether a file exists that only this user can have written; one in a shared folder may not be."""
    try:
        found = path.stat()
    except OSError:
        return False
    return os.name == "nt" or (found.st_uid == os.getuid() and not found.st_mode & 0o077)


async def _answers(found: Announcement) -> bool:
    from genpy_server.client.http_records import RemoteRecords  # noqa: PLC0415 - brings in httpx

    try:
        async with RemoteRecords(found.url, found.token) as records:
            await records.open()  # imports, which may take longer than the answer
            async with asyncio.timeout(ANSWER_SECONDS):
                await records.sessions(limit=1)
    except (GenPyError, TimeoutError):
        return False
    return True
