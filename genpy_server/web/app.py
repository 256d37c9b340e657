"""What a server answers over HTTP and WebSocket: what its handlers and sockets share, and its health.

A program without clients does not import it.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Literal, Protocol

import msgspec

from genpy_server import __version__
from genpy_server.core.models import PartHealth, ServerHealth
from genpy_server.errors import GenPyError
from genpy_server.llm.providers import Providers
from genpy_server.records import Records
from genpy_server.runs.context import Chat
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.rate_limit import Rates
from genpy_server.settings import Settings
from genpy_server.stores.base import Store
from genpy_server.web import auth, html_feed, renderer, routes, websocket
from genpy_server.web.router import Router
from genpy_server.web.server import HttpServer, listen

CACHE_SECONDS = 5.0
CHECK_SECONDS = 5.0


class HealthCheck:
    """Checks the store and the model; concurrent callers share one result."""

    def __init__(self, store: Store, models: Providers) -> None:
        self._store, self._models = store, models
        self.users = 0
        """Users with conversations, at the last check."""
        self._last: ServerHealth | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> ServerHealth:
        """The health, at most `CACHE_SECONDS` old."""
        async with self._lock:
            now = asyncio.get_running_loop().time
            if self._last is None or now() >= self._until:
                llm = self._models.default.llm
                down = PartHealth(ok=False, kind=self._store.kind)
                silent = PartHealth(ok=False, kind=llm.kind, model=llm.model)
                store, model = await asyncio.gather(
                    _checked("store", self._store_health(), down),
                    _checked("model", self._model_health(), silent),
                )
                status: Literal["ok", "degraded", "unavailable"] = (
                    "unavailable" if not store.ok else "ok" if model.ok else "degraded"
                )
                self._last = ServerHealth(status, __version__, store, model)
                self._until = now() + CACHE_SECONDS
            return self._last

    async def _store_health(self) -> PartHealth:
        seen = await self._store.check()
        await self._store.touch({}, 0)  # changes nothing, refused where no write is possible
        self.users = seen.users
        return PartHealth(ok=seen.full is None, kind=seen.kind, where=seen.where, error=seen.full)

    async def _model_health(self) -> PartHealth:
        seen = await self._models.default.llm.check()
        return PartHealth(
            ok=True, kind=seen.kind, model=seen.model, where=seen.where, left_out=seen.left_out
        )


async def _checked(part: str, check: Awaitable[PartHealth], failed: PartHealth) -> PartHealth:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except GenPyError as error:
        message = error.message
    except TimeoutError:
        message = f"The {part} did not answer in time."
    return msgspec.structs.replace(failed, error=message)


class ServerParts(Protocol):
    """The parts of a running server that are answered from."""

    settings: Settings
    chat: Chat
    hub: SessionHub
    rates: Rates
    personal: bool
    """Whether it is for the person at this machine only."""

    def use_model(self, settings: Settings) -> None:
        """Use the model of these settings from the next message on."""

    def records(self, user: str) -> Records:
        """The conversations of a user."""


class WebApp:
    """The parts of a server that stand between its sessions and the network."""

    def __init__(self, server: ServerParts) -> None:
        settings, self.server, self.chat = server.settings, server, server.chat
        self.hub, self.rates, self.records = server.hub, server.rates, server.records
        self.gate = auth.Gate(settings)
        self.sums = websocket.QueueSums(settings.limits)
        renders = Rates(settings.limits.renders_per_minute, what="texts to render")
        self.renderer = renderer.Renderer(charge=renders.charge)
        self.feed = html_feed.HtmlFeed(self.renderer)
        self.health = HealthCheck(self.chat.store, self.chat.models)
        self.router = Router(routes.ROUTES, self)

    async def listen(self) -> HttpServer:
        """Start to listen; port 0 takes any free one."""
        connect = partial(websocket.serve_session, app=self)
        return await listen(self.server.settings, self.gate, self.router, connect)
