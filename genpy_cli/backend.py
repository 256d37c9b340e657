"""Where a command finds the conversations: the local store, or a server elsewhere."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from genpy_server.core.identity import identify
from genpy_server.core.models import Session
from genpy_server.errors import NotFound
from genpy_server.records import Records
from genpy_server.settings import Settings, load

T = TypeVar("T")

PAGE = 200
"""Rows that are read at once where all are wanted."""


def token_of(settings: Settings) -> str | None:
    """The token that this machine shows to a server."""
    return next(iter(settings.tokens), None)


def with_records(
    server: str | None, work: Callable[[Records], Awaitable[T]], *, model: bool = False
) -> T:
    """Do something with the conversations; `model` where a summary may be written."""
    settings = load()
    url = server or settings.server
    if url is None:
        from genpy_server import local  # noqa: PLC0415 - not for a server elsewhere

        return local.with_records(settings, work, model=model)
    import asyncio  # noqa: PLC0415 - a third of the start-up of a local command

    return asyncio.run(_remote(url, token_of(settings), work))


async def _remote(url: str, token: str | None, work: Callable[[Records], Awaitable[T]]) -> T:
    from genpy_server.client.http_records import RemoteRecords  # noqa: PLC0415 - see above

    records = RemoteRecords(url, token)
    try:
        return await work(records)
    finally:
        await records.close()


def opened(ref: str, server: str | None) -> str:
    """What to attach to: the id of the session that is meant, or the name of a new one."""

    async def work(records: Records) -> str:
        try:
            return (await records.session(ref)).id
        except NotFound:
            if ref == "last":
                raise
            identify("", ref)  # refuses what can be no name
            return ref

    return with_records(server, work)


async def every_session(records: Records) -> AsyncIterator[Session]:
    """All sessions, the newest first."""
    before: int | None = None
    while page := await records.sessions(limit=PAGE, before=before):
        for session in page:
            yield session
        before = page[-1].last_message_id
