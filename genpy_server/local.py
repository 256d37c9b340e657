"""The composition root of commands that need no server: records over the configured store."""

import asyncio
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
    return asyncio.run(_with_records(settings, work, model=model))


async def _with_records(
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
