"""Opens what a command works on: the stored conversations, a server, or an App; and asks whether it may."""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from genpy_cli import output
from genpy_cli.exit_codes import state_folder
from genpy_cli.options import WrongUsageError
from genpy_server.core.identity import checked_ref
from genpy_server.errors import BadRequest, ConfigError, GenPyError, NotFound, description
from genpy_server.files import read_json, write_json
from genpy_server.records import Records
from genpy_server.settings import Settings, load, without_password

if TYPE_CHECKING:
    from genpy_server.app import App
    from genpy_server.client.http_records import RemoteRecords
    from genpy_server.client.session_client import Connect
    from genpy_server.embedded import LocalServer

T = TypeVar("T")

_UPKEEP = {"genpy.sessions", "genpy.journal"}
"""Loggers of background work; while it fails, the question is refused with the reason."""

TRUSTED = "trusted.json"
"""The addresses that a folder's .env may send messages to."""


class ServerAccess(NamedTuple):
    """How to reach a server; `local` is set where it is the one of this machine.

    Sessions are connected to by `connect`, if it is set.
    """

    url: str
    token: str | None
    local: "LocalServer | None" = None
    connect: "Connect | None" = None


def token_of(settings: Settings) -> str | None:
    """The token that this machine sends to a server."""
    return next(iter(settings.tokens), None)


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, imported only when it is needed."""
    import asyncio

    return asyncio.run(work)


def with_records(
    server: str | None,
    work: Callable[[Records], Awaitable[T]],
    *,
    model: bool = False,
    writes: bool = False,
) -> T:
    """Run `work` on the conversations of `server`, or of the local store, and return its result.

    `model` opens the model too, for work that may write a summary. Work that `writes` goes through
    the server that another program runs on the local store, if any, so that every attached client
    gets the change as an event.
    """

    async def opened() -> T:
        settings = load()
        url, token = server or settings.server, token_of(settings)
        if url is None and writes:
            from genpy_server import announcement

            announced = (await announcement.find(settings)).server
            if announced is not None:
                url, token = announced.url, announced.token
        if url is None:
            from genpy_server.local import open_records

            async with open_records(settings, model=model) as local:
                return await work(local)
        from genpy_server.client.http_records import RemoteRecords

        async with RemoteRecords(url, token) as remote:
            return await work(remote)

    return run(opened())


@asynccontextmanager
async def server_access(settings: Settings, *, direct: bool = False) -> AsyncIterator[ServerAccess]:
    """The server of the settings or of this machine; a temporary one where none runs.

    A temporary one that is `direct` does not listen: it has to be reached by `connect`.
    """
    from genpy_server.embedded import LocalServer

    if settings.server is not None:
        yield ServerAccess(settings.server, token_of(settings))
        return
    local = LocalServer(settings)
    try:
        await local.reach(announced=False, brief=True, direct=direct)
        connect = local.own.connect if direct and local.own is not None else None
        yield ServerAccess(local.url, local.token, local, connect)
    finally:
        await local.stop()


async def on_server(settings: Settings, work: Callable[["RemoteRecords"], Awaitable[T]]) -> T:
    """Run `work` on a server and return its result; log records of a temporary one are dropped."""
    from genpy_server.client.http_records import RemoteRecords

    logging.getLogger("genpy").addHandler(logging.NullHandler())
    async with server_access(settings) as found, RemoteRecords(found.url, found.token) as records:
        return await work(records)


def print_warnings() -> None:
    """Print the warnings that a temporary server logs to standard error, each sentence once."""
    logging.getLogger("genpy").addHandler(_Printed(logging.WARNING))


class _Printed(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in _UPKEEP:
            output.note_once(record.getMessage())


def settings_with(server: str | None, model: str | None = None) -> Settings:
    """The settings with the options --server and --model; a remote server has its own model.

    Raises `ConfigError` for a model that no provider can have.
    """
    settings = load(options={"GENPY_SERVER": server} if server else {})
    if model and settings.server is None:
        from genpy_server.llm.providers import Providers

        settings = load(options={"GENPY_MODEL": model})
        Providers(settings).find(model)
    return settings


def check_mode(settings: Settings, mode: str | None) -> None:
    """Raise `WrongUsageError` for a mode that the server of this machine does not have."""
    if mode is not None and settings.server is None:
        from genpy_server.modes import open_modes

        try:
            open_modes(settings.folder).check(mode)
        except BadRequest as error:
            raise WrongUsageError(error.message) from None


def load_app(reference: str | None) -> "App":
    """The `App` at MODULE:NAME, also looked for in the working directory; the default `App` for None.

    Raises `ConfigError` where it is not found, fails to import or is not an `App`.
    """
    from genpy_server.app import App

    if reference is None:
        return App()
    module, _, name = reference.partition(":")
    if module.startswith(".") or module.endswith(".py"):
        named = f"{Path(module).stem}:{name or 'app'}"
        raise ConfigError(
            f"No App found at {reference}: an App is named as Python imports it, such as {named}, "
            "in the folder of its file."
        )
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
    found = getattr(loaded, name, None)
    if found is None:
        raise ConfigError(f"No App found at {reference}: {module} has no {name}.")
    if not isinstance(found, App):
        raise ConfigError(f"{reference} is not an App.")
    return found


def session_to_open(ref: str, server: str | None) -> str:
    """The id of the session that `ref` names; `ref` itself where it names a new session."""

    async def work(records: Records) -> str:
        try:
            return (await records.session(ref)).id
        except NotFound:
            if ref == "last":
                raise
            checked_ref(ref)  # raises for what cannot be a name
            return ref

    return with_records(server, work)


def ensure_trusted(settings: Settings, *, trust: bool) -> None:
    """Ask once per folder and address that its .env names for a model or a server.

    Raises `ConfigError` for "no" and without a terminal.
    """
    address = settings.folder_address
    if address is None or trust or is_trusted(settings):
        return
    folder = str(Path.cwd().resolve())
    what = f"The .env in {folder} sends your messages to {without_password(address)}."
    if not output.is_terminal(sys.stdin):
        raise ConfigError(f"{what} Without a terminal to ask on, allow it with --trust.")
    if not output.confirmed(f"{what} Allow this?"):
        raise ConfigError("Nothing was sent.")
    with suppress(OSError):  # the next command asks again
        write_json(state_folder() / TRUSTED, [*_allowed(), [folder, address]])


def is_trusted(settings: Settings) -> bool:
    """Whether no .env sets the address, or it was allowed for this folder."""
    address = settings.folder_address
    return address is None or [str(Path.cwd().resolve()), address] in _allowed()


def _allowed() -> list[list[str]]:
    """Pairs of folder and address."""
    return read_json(state_folder() / TRUSTED, list[list[str]]) or []
