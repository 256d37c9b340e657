"""The composition root: builds a running application from settings.

What it answers over the network is built by `web.app`, when it begins to listen.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from genpy_server import announcement
from genpy_server.core.models import ToolSource
from genpy_server.core.modes import Mode
from genpy_server.core.patterns import compile_all
from genpy_server.core.understanding.intents import intent_model, rules
from genpy_server.core.understanding.keywords import tagger
from genpy_server.core.understanding.tool_requests import request_model
from genpy_server.llm.base import Llm
from genpy_server.llm.foreign import ForeignLlm
from genpy_server.llm.providers import Providers
from genpy_server.modes import open_modes
from genpy_server.modes.detectors import Detectors
from genpy_server.plugins import called
from genpy_server.runs.background import BackgroundTasks
from genpy_server.runs.context import Chat
from genpy_server.runs.hooks import HookRunner, Hooks
from genpy_server.runs.journal import ReplyJournal
from genpy_server.runs.queue import Admission, RunServices
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.presence import Presence
from genpy_server.sessions.rate_limit import Rates
from genpy_server.sessions.records import LocalRecords
from genpy_server.sessions.summaries import Summaries
from genpy_server.settings import Settings, check_exposure, load
from genpy_server.stores.base import Store
from genpy_server.stores.core import CoreStore, completed
from genpy_server.stores.select import open_store
from genpy_server.tools.base import Tool
from genpy_server.tools.functions import as_tool
from genpy_server.tools.registry import FOLDER, ToolRegistry

if TYPE_CHECKING:
    from genpy_server.mcp.client import McpServers
    from genpy_server.web.app import WebApp
    from genpy_server.web.server import HttpServer

T = TypeVar("T")

log = logging.getLogger("genpy.server")

SWITCH_SECONDS = 0.0005
"""Switch interval of threads: with the default of 5 ms a search in a thread delays the event loop,
which releases the GIL at every write to a socket."""

COLLECT = (10_000, 20, 20)
"""Thresholds of the garbage collector."""


def run(serving: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, on uvloop where it is installed (the extra `fast`)."""
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop  # noqa: PLC0415 - an extra

        loop_factory = new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(serving)


class App:
    """A server that is not running yet: its settings, tools, modes, hooks, model and store.

        @tool
        async def open_ticket(title: str) -> str:
            "Open a ticket at the help desk; returns its number."

        app = App(tools=[open_ticket])
        asyncio.run(app.serve())

    `settings` default to the environment and the person's config. `tools` are functions, with
    `@tool` or without, or `Tool` objects; `modes` are kinds of help, and `on` are hooks. `llm` and
    `store` replace the configured ones: an object, or a function that takes the settings and
    returns one, which `genpy chat --app` needs to start again. Wrong values raise `ConfigError`, at
    the latest when it is opened.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        tools: Sequence[Callable[..., Any] | Tool] = (),
        llm: Llm | Callable[[Settings], Llm] | None = None,
        store: Store | CoreStore | Callable[[Settings], Store | CoreStore] | None = None,
        modes: Sequence[Mode] = (),
        on: Sequence[Hooks] = (),
    ) -> None:
        self._settings = settings
        self._tools = [as_tool(one) for one in tools]
        self._modes = tuple(modes)
        self._hooks = tuple(on)
        self._llm = llm
        self._store = store

    @property
    def settings(self) -> Settings:
        """The settings; read on first use."""
        if self._settings is None:
            self._settings = load()
        return self._settings

    async def open(
        self, settings: Settings | None = None, *, personal: bool = False, brief: bool = False
    ) -> "OpenApp":
        """Open the store and start the background tasks; raises the error of a part that fails.

        `settings` replace its own. `personal` is a server for the person at this machine only: it
        also has the tools of their files, and they may use every tool. A `brief` one, for one
        question, does not look for abandoned sessions at once, and builds only what is needed.
        """
        settings = settings or self.settings
        registry = ToolRegistry(self._tools)
        failures = registry.add_packages()
        servers: McpServers | None = None
        if personal and settings.folder is not None:
            failures += registry.add_files(settings.folder / FOLDER)
        if personal and settings.mcp:
            servers = _mcp_servers(settings, registry, failures)
        acting = settings.tools if settings.tokens and not personal else None
        modes = open_modes(settings.folder, self._modes)
        store = self._store_of(settings)
        await store.open()
        try:
            presence = Presence(store, settings)
            chat = Chat(
                store,
                Providers(settings, self._llm_of(settings)),
                settings,
                modes,
                ToolAccess(store, registry, acting, failures, servers),
                HookRunner(self._hooks, settings.limits.hook_seconds),
                server=presence.server,
                live_seconds=presence.live_seconds,
            )
            app = OpenApp(chat, presence, personal=personal, brief=brief)
        except BaseException:
            await store.close()
            raise
        app.hub.start(brief=brief)
        app.tasks.spawn(app.hub.find_window(None))
        if servers is not None:
            servers.start()
        return app

    def _store_of(self, settings: Settings) -> Store:
        store = self._store
        if callable(store):
            store = called("The function of App(store=…)", store, settings)
        return open_store(settings) if store is None else completed(store)

    def _llm_of(self, settings: Settings) -> Llm | None:
        llm = self._llm
        if llm is None or isinstance(llm, ForeignLlm):
            return llm
        source = "The model of App(llm=…)"
        return ForeignLlm(source, lambda: called(source, llm, settings) if callable(llm) else llm)

    async def serve(
        self,
        announce: Callable[[str], None] | None = None,
        *,
        host: str | None = None,
        port: int | None = None,
    ) -> bool:
        """Serve until a stop signal; False when a second one ended the stop early.

        `announce` is called with the address once it listens; `host` and `port` (0: any free one)
        replace those of the settings. Events are logged to standard error, without messages.
        """
        from genpy_server.web.server import serve_until_stopped  # noqa: PLC0415 - see `OpenApp.listen`

        settings = self.settings
        settings = msgspec.structs.replace(
            settings, host=host or settings.host, port=settings.port if port is None else port
        )
        check_exposure(settings)
        configure_logging(settings.log_level)
        _raise_descriptor_limit()
        sys.setswitchinterval(SWITCH_SECONDS)
        app = await self.open(settings)
        try:
            server = await app.listen()
            app.tasks.spawn(_prepare(app.warming))
            async with _announced(app, settings, server.url):
                return await serve_until_stopped(
                    server, app.hub.close, announce or partial(log.info, "listening on %s")
                )
        finally:
            await app.close()


def _mcp_servers(
    settings: Settings, registry: ToolRegistry, failures: list[ToolSource]
) -> "McpServers | None":
    """The MCP servers of the config; without the extra each is added to `failures`."""
    from genpy_server import mcp  # noqa: PLC0415 - an extra

    if not mcp.is_installed():
        failures += [ToolSource(f"mcp {name}", "failed", mcp.MISSING) for name in settings.mcp]
        return None
    from genpy_server.mcp.client import McpServers  # noqa: PLC0415 - the SDK takes half a second

    return McpServers(settings.mcp, registry)


class OpenApp:
    """The parts of a running server."""

    def __init__(self, chat: Chat, presence: Presence, *, personal: bool, brief: bool) -> None:
        self.chat, self.presence, self.settings = chat, presence, chat.settings
        self.store, self.models = chat.store, chat.models
        self.personal, self._brief = personal, brief
        self.model_changed: Callable[[Settings], object] = lambda _: None
        """Called with the settings when another model is chosen."""
        self.summaries = Summaries(chat.store, chat.models, chat.settings, presence, chat.hooks)
        self.tasks = BackgroundTasks()
        self.web: WebApp | None = None
        """What it answers over the network, while it listens."""
        limits = chat.settings.limits
        services = RunServices(
            chat,
            self.tasks,
            ReplyJournal(chat.store, presence.server),
            Admission(limits.starting_at_once, limits.starting_waiting),
        )
        self.rates = Rates(limits.messages_per_minute)
        self.hub = SessionHub(services, self.summaries, self.rates, presence, chat.settings)

    def use_model(self, settings: Settings) -> None:
        """Use the model of these settings from the next message on."""
        self.settings = settings
        self.models.use(settings)
        self.tasks.spawn(self.hub.find_window(None))
        self.model_changed(settings)

    @property
    def llm(self) -> Llm:
        """The service of the configured model."""
        return self.models.default.llm

    def records(self, user: str) -> LocalRecords:
        """The conversations of a user; changes are published to their live sessions."""
        return LocalRecords(self.store, user, self.settings, ender=self.summaries, live=self.hub)

    async def listen(self) -> "HttpServer":
        """Start to listen; port 0 takes any free one.

        Unless the server is `brief`, the models of intents are loaded in a thread meanwhile.
        """
        from genpy_server.web.app import WebApp  # noqa: PLC0415 - a fifth of the time of `genpy ask`

        self.web = WebApp(self)
        try:
            server = await self.web.listen()
        except BaseException:
            await self.hub.close()  # it is running, and the store is closed next
            raise
        if not self._brief:
            self.warming = self.tasks.spawn(
                asyncio.to_thread(_warm, self.models, self.chat.detectors)
            )
        return server

    async def close(self) -> None:
        """Close the models and the store."""
        await self.chat.tools.servers.close()
        if self.web is not None:
            await self.web.renderer.close()
        await self.models.close()
        await self.store.close()


def _warm(models: Providers, detectors: Detectors) -> None:
    """Build what asks models and understands messages, which would hold up the loop when it is first needed."""
    for build in (models.prepare, intent_model, rules, request_model, tagger):
        build()
    detectors.examples.prepare()


async def _prepare(warming: asyncio.Future[None]) -> None:
    """Compile all patterns, and exclude everything loaded so far from garbage collection.

    Otherwise a pattern blocks the loop for some milliseconds, and a collection for 60.
    """
    await warming
    await asyncio.to_thread(compile_all)
    gc.freeze()
    gc.set_threshold(*COLLECT)
    gc.enable()


def _raise_descriptor_limit() -> None:
    """Raise the limit of open files to the hard limit; the usual soft limit is 1,024."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def configure_logging(level: str) -> None:
    """Log GenPy's records from `level` on, and of libraries only warnings.

    At lower levels libraries log tokens, keys and messages.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("genpy").setLevel(level)


@asynccontextmanager
async def _announced(app: OpenApp, settings: Settings, url: str) -> AsyncIterator[None]:
    """Announce a server to the programs of this user, unless it is for others only."""
    token = next((t for t, user in settings.tokens.items() if user == settings.user), None)
    own = token is not None or not settings.tokens
    if own and (await announcement.find(settings)).server is None:
        announcement.publish(settings, url, token)
        app.model_changed = partial(announcement.publish, url=url, token=token)
    try:
        yield
    finally:
        announcement.withdraw(settings, url)
