"""Hands a connection over to the websockets library, once its request to upgrade was accepted.

This file alone uses internals of the library: `INTERNALS` lists them, and a test compares the list
with the installed version.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request as WireRequest
from websockets.http11 import Response as WireResponse
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from genpy_server.errors import BadRequest
from genpy_server.web.auth import Attach, RemotePeer
from genpy_server.web.http_request import LINE_BYTES
from genpy_server.web.messages import Request
from genpy_server.wire import PROTOCOL

INTERNALS: dict[str, tuple[str, ...]] = {
    "asyncio.server.Server": ("handler", "process_response", "server_header", "open_timeout", "logger"),
    "asyncio.server.Server.wrap": ("server",),
    "asyncio.server.Server.start_connection_handler": ("connection",),
    "asyncio.server.ServerConnection": ("protocol", "server", "ping_interval", "ping_timeout", "close_timeout", "max_queue"),
    "asyncio.server.ServerConnection.connection_made": ("transport",),
    "asyncio.server.ServerConnection.data_received": ("data",),
    "asyncio.server.ServerConnection.handshake": ("process_request", "process_response", "server_header"),
    "server.ServerProtocol": ("select_subprotocol", "max_size", "logger"),
}  # fmt: skip
"""Internals of `websockets` that are called, and their parameters.

`Server.handlers` maps each connection to the task of its handler. `data_received` reads one
request, and then frames; `handshake` answers the request. `select_subprotocol` is called with the
protocol and what was offered. `ServerProtocol.max_size` bounds each frame as it is read.
"""

FIELDS = ("sec-websocket-key", "sec-websocket-protocol")
"""Header fields of the request that the library needs; the others are dropped to save memory."""
VERSION = "13"
STRANGER_BYTES = 16 * 1024
"""Largest frame of a peer that is not authenticated; a token fits."""
WAITING_FRAMES = 4
"""Frames of one peer that are read ahead."""
PING_SECONDS = 20.0
CLOSE_SECONDS = 5.0
"""Time limit for a peer to close its side."""


class Upgrade(msgspec.Struct, frozen=True):
    """An accepted request to open a WebSocket."""

    request: Request
    attach: Attach
    peer: RemotePeer
    began: float
    """When the request was complete, on the loop's clock."""


class SessionSocket(ServerConnection):
    """A WebSocket whose request was read before the library got the connection."""

    upgrade: Upgrade | None = None
    """The request, until it is answered."""
    early: bytes = b""
    """Bytes that the peer sent after its request, until they are read."""
    attach: Attach
    peer: RemotePeer

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Answer the request, and only then read the bytes after it.

        Otherwise a bad frame among them would prevent the answer.
        """
        await super().handshake(*args, **kwargs)
        if self.state is State.OPEN:
            self.upgrade = self.request = self.response = None  # frees some KiB
            self.transport.resume_reading()
            if self.early:
                early, self.early = self.early, b""
                self.data_received(early)

    def identified(self, max_bytes: int) -> None:
        """Note that the peer is authenticated, and may send frames of this size."""
        self.peer.identified()
        self.protocol.max_size = max_bytes

    def send_now(self, data: bytes) -> None:
        """Send a text frame without waiting; does nothing once the connection is lost."""
        # asyncio logs a warning for each write to a lost connection.
        if self.protocol.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(_text_frame(data))

    def process_event(self, event: Any) -> None:
        """Handle a frame; without `request` the library would expect a request."""
        if self.state is State.CONNECTING:
            super().process_event(event)
        else:
            super(ServerConnection, self).process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the peer."""
        self.peer.left()
        super().connection_lost(exc)


class WebSockets(Server):
    """The sockets of one server."""

    def __init__(
        self,
        handler: Callable[[SessionSocket], Awaitable[None]],
        finish: Callable[[SessionSocket, WireRequest, WireResponse], None],
        server_header: str,
        max_bytes: int,
    ) -> None:
        self._max_bytes = max_bytes
        super().__init__(
            handler,  # type: ignore[arg-type]  # every connection is made below
            process_response=finish,  # type: ignore[arg-type]  # of our own connections
            server_header=server_header,
            open_timeout=None,  # the request is complete
            logger=_library_logger(),
        )

    def take_over(self, transport: asyncio.Transport, upgrade: Upgrade, early: bytes) -> None:
        """Give a connection with its request to the library; raises `BadRequest`."""
        head = _head(upgrade.request)
        known = upgrade.attach.user is not None
        protocol = ServerProtocol(
            select_subprotocol=_select_subprotocol,
            max_size=self._max_bytes if known else STRANGER_BYTES,
            logger=self.logger,
        )
        socket = SessionSocket(
            protocol,
            self,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_queue=WAITING_FRAMES,
        )
        socket.upgrade, socket.early = upgrade, early
        socket.attach, socket.peer = upgrade.attach, upgrade.peer
        transport.pause_reading()
        transport.set_protocol(socket)
        socket.connection_made(transport)
        socket.data_received(head)

    async def cut(self) -> None:
        """Abort every socket and cancel its handler."""
        handlers = dict(self.handlers)
        for socket, task in handlers.items():
            socket.transport.abort()
            task.cancel()
        if handlers:  # their clean-up needs the store, which is closed after this
            await asyncio.wait(handlers.values(), timeout=CLOSE_SECONDS)


def _text_frame(data: bytes) -> bytes:
    """A WebSocket text frame; made here because the library's way takes most of the time of a token."""
    size = len(data)
    if size < 126:  # noqa: PLR2004 - RFC 6455, section 5.2
        return b"\x81%c%b" % (size, data)
    if size < 1 << 16:
        return b"\x81\x7e%b%b" % (size.to_bytes(2), data)
    return b"\x81\x7f%b%b" % (size.to_bytes(8), data)


def _head(request: Request) -> bytes:
    lines = ["GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"{name}: {request.headers[name]}" for name in FIELDS if name in request.headers]
    lines += [f"sec-websocket-version: {VERSION}", "", ""]
    if not all(line.isascii() and len(line) <= LINE_BYTES for line in lines):
        raise BadRequest("The request to open a WebSocket is malformed.")
    return "\r\n".join(lines).encode("ascii")


def _select_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    protocol = Subprotocol(PROTOCOL)
    return protocol if protocol in offered else None


def _library_logger() -> logging.Logger:
    """The library's logger; never at DEBUG, where it logs tokens and messages."""
    logger = logging.getLogger("genpy.websockets")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_is_server_error)
    return logger


def _is_server_error(record: logging.LogRecord) -> bool:
    """Whether a record is not only about a peer that disconnected or sent an invalid request."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ConnectionClosed | InvalidHandshake | OSError)
