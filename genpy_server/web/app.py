"""What a server answers over HTTP and WebSocket: what its handlers and sockets share.

A program without clients does not import it.
"""

from functools import partial
from typing import Protocol

from genpy_server.records import Records
from genpy_server.runs.context import Chat
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.rate_limit import Rates
from genpy_server.settings import Settings
from genpy_server.web.auth import Gate
from genpy_server.web.health import HealthCheck
from genpy_server.web.html_feed import HtmlFeed
from genpy_server.web.renderer import Renderer
from genpy_server.web.router import Router
from genpy_server.web.routes import ROUTES
from genpy_server.web.server import HttpServer, listen
from genpy_server.web.websocket import QueueSums, serve_session


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
        self.gate = Gate(settings)
        self.sums = QueueSums(settings.limits)
        renders = Rates(settings.limits.renders_per_minute, what="texts to render")
        self.renderer = Renderer(charge=renders.charge)
        self.feed = HtmlFeed(self.renderer)
        self.health = HealthCheck(self.chat.store, self.chat.models)
        self.router = Router(ROUTES, self)

    async def listen(self) -> HttpServer:
        """Start to listen; port 0 takes any free one."""
        return await listen(
            settings=self.server.settings,
            gate=self.gate,
            router=self.router,
            connect=partial(serve_session, app=self),
        )
