"""Where the server of a local database is, in a file beside the database that its owner alone reads.

A client finds there the server that another program runs over the same database with the same
settings, and attaches to it instead of starting a second one. A server announces itself only when
its settings are the user's own: a folder's `.env` must not reach other terminals.
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
from genpy_server.files import write_private
from genpy_server.settings import DOTENV, Settings

SECONDS = 3.0
"""Within which an announced server must answer."""
_OWN = (
    *("host", "port", "tokens", "server", "origins", "hosts", "proxies", "log_level", "sources"),
    *("theme", "keyboard"),
)
"""Settings in which two servers of one database may differ."""


class Announcement(msgspec.Struct, frozen=True):
    """An announced server."""

    url: str
    token: str | None
    fingerprint: str
    """Of its settings."""


class Announced(NamedTuple):
    """What was found: a server to attach to, and whether one with other settings serves."""

    server: Announcement | None = None
    differs: bool = False


async def find(settings: Settings) -> Announced:
    """The server of the database that answers now."""
    path = _file(settings)
    if path is None:
        return Announced()
    try:
        if not _is_private(path):
            return Announced()
        found = msgspec.json.decode(path.read_bytes(), type=Announcement)
    except (OSError, msgspec.MsgspecError):
        return Announced()
    if not is_loopback(urlsplit(found.url).hostname or "") or not await _answers(found):
        return Announced()
    if found.fingerprint != fingerprint(settings):
        return Announced(differs=True)
    return Announced(found)


def publish(settings: Settings, url: str, token: str | None) -> bool:
    """Announce a server; False where it is not to be announced, or the file cannot be written."""
    path = _file(settings)
    foreign = any(source.startswith(DOTENV) for source in settings.sources.values())
    if path is None or foreign or not is_loopback(settings.host):
        return False
    content = msgspec.json.encode(Announcement(url, token, fingerprint(settings)))
    try:
        write_private(path, content.decode())
    except OSError:
        return False
    return True


def withdraw(settings: Settings, url: str) -> None:
    """Take back the announcement of a server, if it is still this one's."""
    path = _file(settings)
    if path is None:
        return
    with suppress(OSError, msgspec.MsgspecError):
        if msgspec.json.decode(path.read_bytes(), type=Announcement).url == url:
            path.unlink()


def fingerprint(settings: Settings) -> str:
    """A hash of the settings that decide what a server does with a message."""
    values = {
        name: value
        for name, value in msgspec.structs.asdict(settings).items()
        if name not in (*_OWN, "providers", "folder", "unknown", "limits")
    }
    values["limits"] = msgspec.structs.asdict(settings.limits)
    encoded = msgspec.json.encode(values, enc_hook=str, order="sorted")
    return hashlib.sha256(encoded).hexdigest()


def _file(settings: Settings) -> Path | None:
    """The file, for a database that is a file."""
    if settings.supabase_url is not None:
        return None
    return settings.database.with_name(settings.database.name + ".server")


def _is_private(path: Path) -> bool:
    """Whether a file is this user's alone; one that came with a folder of others is not."""
    found = path.stat()
    return os.name == "nt" or (found.st_uid == os.getuid() and not found.st_mode & 0o077)


async def _answers(found: Announcement) -> bool:
    import asyncio  # noqa: PLC0415 - with the client, only to look for a server

    from genpy_server.client.http_records import RemoteRecords  # noqa: PLC0415 - brings in httpx

    try:
        async with RemoteRecords(found.url, found.token) as records:
            await records.open()  # imports, which may take longer than the answer
            async with asyncio.timeout(SECONDS):
                await records.sessions(limit=1)
    except (GenPyError, TimeoutError):
        return False
    return True
