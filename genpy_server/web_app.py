"""Builds what a server answers over HTTP and WebSocket, which a program without clients does not import."""

from collections.abc import Callable
from functools import partial

from genpy_server.records import Records
from genpy_server.runs.context import Chat
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.rate_limit import Rates
from genpy_server.settings import Settings
from genpy_server.web.api import Handlers
from genpy_server.web.auth import Gate
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.health import HealthCheck
from genpy_server.web.html_feed import HtmlFeed
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.pages.preload import Preloader
from genpy_server.web.renderer import Renderer
from genpy_server.web.router import Router
from genpy_server.web.routes import api_routes, page_routes, setup_routes
from genpy_server.web.send_queue import QueueSums
from genpy_server.web.server import HttpServer, listen
from genpy_server.web.setup import SetupHandlers
from genpy_server.web.websocket import serve_session


class WebApp:
    """The parts of a server that stand between its sessions and the network."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        use_model: Callable[[Settings], None],
        *,
        chat: Chat,
        hub: SessionHub,
        records: Callable[[str], Records],
        rates: Rates,
        personal: bool,
    ) -> None:
        self._settings = settings()
        self._hub = hub
        limits = self._settings.limits
        self.gate = Gate(self._settings)
        self.sums = QueueSums(limits)
        renders = Rates(limits.renders_per_minute, what="texts to render")
        self.renderer = Renderer(charge=renders.charge)
        self.feed = HtmlFeed(self.renderer)
        handlers = Handlers(records, HealthCheck(chat.store, chat.models), self.renderer, chat)
        docs = Docs(lambda: self.router.routes, tokens=bool(self._settings.tokens))
        setup = SetupHandlers(
            settings,
            use_model,
            has_model=lambda: not chat.models.is_offline,
            personal=personal,
        )
        pages = Pages(Preloader(hub, records, self.feed, self.renderer))
        routes = (*api_routes(handlers), *setup_routes(setup), *page_routes(pages, docs))
        self.router = Router(routes, {"changes": rates.charge})

    async def listen(self) -> HttpServer:
        """Start to listen; port 0 takes any free one."""
        settings, gate = self._settings, self.gate
        connect = partial(
            serve_session,
            hub=self._hub,
            gate=gate,
            limits=settings.limits,
            sums=self.sums,
            feed=self.feed,
        )
        return await listen(settings=settings, gate=gate, router=self.router, connect=connect)
