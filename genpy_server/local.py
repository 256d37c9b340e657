"""The composition root of commands without a server: records over the configured store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import Settings
from genpy_server.stores.select import open_store


@asynccontextmanager
async def open_records(settings: Settings, *, model: bool = False) -> AsyncIterator[LocalRecords]:
    """The records of the configured store; with `model` they can write summaries."""
    store = open_store(settings)
    await store.open()
    models, ender = None, None
    try:
        if model:
            from genpy_server.llm.providers import Providers  # noqa: PLC0415 - only for summaries
            from genpy_server.sessions.summaries import Summaries  # noqa: PLC0415 - only for summaries

            models = Providers(settings)
            ender = Summaries(store, models, settings)
        yield LocalRecords(store, settings.user, settings, ender=ender)
    finally:
        if models is not None:
            await models.close()
        await store.close()
