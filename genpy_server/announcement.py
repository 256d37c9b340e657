"""The address of the server of a local database, in a file beside it that only its owner can read.

A client finds there the server that another program runs on the same database with the same
settings, and connects to it instead of starting a second one. A server announces itself only if
its settings are the user's own: a folder's `.env` must not affect other terminals.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from genpy_server.core.identity import is_loopback
from genpy_server.errors import GenPyError
from genpy_server.files import read_json, write_json
from genpy_server.settings import DOTENV, Settings

ANSWER_SECONDS = 3.0
"""Time limit for an announced server to answer."""
_MAY_DIFFER = (
    *("host", "port", "tokens", "server", "origins", "hosts", "proxies", "log_level", "sources"),
    *("theme", "keyboard"),
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


async def find(settings: Settings) -> Announced:
    """The announced server of the database, if it answers."""
    path = _file(settings)
    found = read_json(path, Announcement) if path is not None and _is_private(path) else None
    if found is None:
        return Announced()
    if not is_loopback(urlsplit(found.url).hostname or "") or not await _answers(found):
        return Announced()
    if found.fingerprint != fingerprint(settings):
        return Announced(differs=True)
    return Announced(found)


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
    found = None if path is None else read_json(path, Announcement)
    if path is not None and found is not None and found.url == url:
        with suppress(OSError):
            path.unlink()


def fingerprint(settings: Settings) -> str:
    """A hash of the settings that affect how a server answers a message."""
    values = {
        name: value
        for name, value in msgspec.structs.asdict(settings).items()
        if name not in (*_MAY_DIFFER, "providers", "folder", "unknown", "limits")
    }
    values["limits"] = msgspec.structs.asdict(settings.limits)
    encoded = msgspec.json.encode(values, enc_hook=str, order="sorted")
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
    import asyncio  # noqa: PLC0415 - with the client, only to look for a server

    from genpy_server.client.http_records import RemoteRecords  # noqa: PLC0415 - brings in httpx

    try:
        async with RemoteRecords(found.url, found.token) as records:
            await records.open()  # imports, which may take longer than the answer
            async with asyncio.timeout(ANSWER_SECONDS):
                await records.sessions(limit=1)
    except (GenPyError, TimeoutError):
        return False
    return True
