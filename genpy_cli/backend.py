"""Where a command finds the conversations: the local store, or a server elsewhere."""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from genpy_cli import output
from genpy_server.core.identity import checked_ref
from genpy_server.errors import ConfigError, GenPyError, NotFound, description
from genpy_server.records import Records
from genpy_server.settings import Settings, load

if TYPE_CHECKING:
    from genpy_server.app import App
    from genpy_server.client.http_records import RemoteRecords

T = TypeVar("T")


def token_of(settings: Settings) -> str | None:
    """The token that this machine shows to a server."""
    return next(iter(settings.tokens), None)


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, which is imported only where there is something to run."""
    import asyncio

    return asyncio.run(work)


def with_records(
    server: str | None,
    work: Callable[[Records], Awaitable[T]],
    *,
    model: bool = False,
    writes: bool = False,
) -> T:
    """The result of some work on the conversations; `model` where a summary may be written.

    Work that `writes` goes through the server that another program runs over the local store, so
    that everybody who looks at the conversation sees the change at once.
    """

    async def opened() -> T:
        async with _opened(server, model=model, writes=writes) as records:
            return await work(records)

    return run(opened())


@asynccontextmanager
async def _opened(server: str | None, *, model: bool, writes: bool) -> AsyncIterator[Records]:
    settings = load()
    url, token = server or settings.server, token_of(settings)
    if url is None and writes:
        from genpy_server import announcement

        beside = (await announcement.find(settings)).server
        if beside is not None:
            url, token = beside.url, beside.token
    if url is None:
        from genpy_server.local import open_records

        async with open_records(settings, model=model) as local:
            yield local
    else:
        from genpy_server.client.http_records import RemoteRecords

        remote = RemoteRecords(url, token)
        try:
            yield remote
        finally:
            await remote.close()


def with_server(server: str | None, work: Callable[["RemoteRecords"], Awaitable[T]]) -> T:
    """The result of some work on a server; see `on_server`."""

    async def opened() -> T:
        return await on_server(load(), server, work)

    return run(opened())


async def on_server(
    settings: Settings, server: str | None, work: Callable[["RemoteRecords"], Awaitable[T]]
) -> T:
    """The result of some work on a server: the named one, that of this machine, or one of our own.

    What such a server of our own logs is not shown.
    """
    from genpy_server.client.http_records import RemoteRecords
    from genpy_server.embedded import LocalServer

    logging.getLogger("genpy").addHandler(logging.NullHandler())
    url, token = server or settings.server, token_of(settings)
    local = LocalServer(settings) if url is None else None
    try:
        if local is not None:
            await local.reach(announced=False, brief=True)
            url, token = local.url, local.token
        records = RemoteRecords(url or "", token)
        try:
            return await work(records)
        finally:
            await records.close()
    finally:
        if local is not None:
            await local.stop()


def note_warnings() -> None:
    """Show what a server of our own logs to the person, each sentence once."""
    logging.getLogger("genpy").addHandler(_NotesOnce(logging.WARNING))


class _NotesOnce(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._noted: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self._noted:
            self._noted.add(text)
            output.note(text)


def chosen(model: str | None, server: str | None) -> Settings:
    """The settings with the server, and with the model where it is our own that answers."""
    settings = load(options={"GENPY_SERVER": server} if server else {})
    if model and settings.server is None:
        from genpy_server.llm.providers import Providers

        settings = load(options={"GENPY_MODEL": model})
        Providers(settings).find(model)  # refuses what no provider can have
    return settings


def load_app(reference: str | None) -> "App":
    """The `App` at MODULE:NAME, looked for in the working directory too; without one, GenPy's own.

    Raises `ConfigError` where there is none.
    """
    from genpy_server.app import App

    if reference is None:
        return App()
    module, _, name = reference.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a text, as the others there
    try:
        loaded = importlib.import_module(module)
    except GenPyError as error:
        raise ConfigError(f"{reference}: {error.message}") from error
    except (Exception, SystemExit) as error:
        name_missing = getattr(error, "name", None) or module
        if isinstance(error, ImportError | ValueError) and f"{module}.".startswith(
            f"{name_missing}."
        ):
            raise ConfigError(f"No App found at {reference}: {error}.") from error
        traceback.print_exc()  # for the person who wrote it
        raise ConfigError(f"The App at {reference} failed: {description(error)}.") from error
    name = name or "app"
    if not hasattr(loaded, name):
        raise ConfigError(f"No App found at {reference}: {module} has no {name}.")
    found = getattr(loaded, name)
    if not isinstance(found, App):
        raise ConfigError(f"{reference} is not an App.")
    return found


def session_to_open(ref: str, server: str | None) -> str:
    """The id of the session that `ref` names, or `ref` itself as the name of a new one."""

    async def work(records: Records) -> str:
        try:
            return (await records.session(ref)).id
        except NotFound:
            if ref == "last":
                raise
            checked_ref(ref)  # refuses what cannot be a name
            return ref

    return with_records(server, work)
