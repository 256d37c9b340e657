"""The composition root of commands that need no server: records over the configured store.

A command on the SQLite file runs on the calling thread and imports no asyncio, so that it is done
before a server could have started.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import Settings
from genpy_server.stores.select import open_store

T = TypeVar("T")


def with_records(
    settings: Settings, work: Callable[[LocalRecords], Awaitable[T]], *, model: bool = False
) -> T:
    """Open the records, do the work, close them. `model` is needed to write summaries."""
    if model or settings.supabase_url is not None:
        import asyncio  # noqa: PLC0415 - a third of the start-up of a small command

        return asyncio.run(_with_loop(settings, work, model=model))
    from genpy_server.stores.sqlite.inline import run_inline  # noqa: PLC0415 - only when used

    return run_inline(_inline(settings, work))


async def _inline(settings: Settings, work: Callable[[LocalRecords], Awaitable[T]]) -> T:
    from genpy_server.stores.sqlite.inline import InlineRunner  # noqa: PLC0415 - only when used
    from genpy_server.stores.sqlite.store import SqliteStore  # noqa: PLC0415 - only when used

    store = SqliteStore(settings.database, InlineRunner())
    await store.open()
    try:
        return await work(LocalRecords(store, settings.user))
    finally:
        await store.close()


async def _with_loop(
    settings: Settings, work: Callable[[LocalRecords], Awaitable[T]], *, model: bool
) -> T:
    store = open_store(settings)
    await store.open()
    try:
        if not model:
            return await work(LocalRecords(store, settings.user))
        from genpy_server.llm.select import open_llm  # noqa: PLC0415 - only for summaries
        from genpy_server.sessions.summaries import Summaries  # noqa: PLC0415 - only for summaries

        llm = open_llm(settings)
        try:
            ender = Summaries(store, llm, settings)
            return await work(LocalRecords(store, settings.user, ender=ender))
        finally:
            await llm.close()
    finally:
        await store.close()
