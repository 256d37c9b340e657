"""Listens on one port for HTTP and WebSocket, checks every request at the gate, and stops gracefully."""

import asyncio
import errno
import gzip
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.http11 import Request as WireRequest
from websockets.http11 import Response as WireResponse

from genpy_server import __version__
from genpy_server.errors import (
    ConfigError,
    GenPyError,
    NotFound,
    ShuttingDown,
    Unauthorized,
    UpgradeRequired,
)
from genpy_server.settings import Settings, check_exposure
from genpy_server.web.auth import Attach, Gate
from genpy_server.web.handover import CLOSE_SECONDS, VERSION, SessionSocket, WebSockets
from genpy_server.web.http_connection import SECURITY_HEADERS, HttpConnection
from genpy_server.web.messages import HTML, JSON, Request, Response
from genpy_server.web.pages.assets import error_page
from genpy_server.web.router import Router
from genpy_server.web.strangers import Proxies, RemotePeer, Strangers

SESSION_PATH = "/ws/session/"
STOP_SECONDS = 10.0
"""Time limit of a stop: of storing running replies and closing sockets."""

OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
COMPRESSED = frozenset({JSON, HTML})
COMPRESSED_FROM = 1_400
"""Size of an answer from which compression saves a packet."""
COMPRESSED_INLINE = 32 * 1024
"""Largest size that is compressed in less than a millisecond."""
LOG_SECONDS = 60.0
"""Shortest time between two log lines of a `LimitedWarning`."""

LoopHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], Any]
Connect = Callable[[SessionSocket], Awaitable[None]]
"""Serves one WebSocket that passed the gate."""

log = logging.getLogger("genpy.server")


async def listen(
    *, settings: Settings, gate: Gate, router: Router, connect: Connect
) -> "HttpServer":
    """Listen on `settings.host` and `settings.port` (0: any free one).

    Raises `ConfigError` where that fails, or would expose conversations to others.
    """
    check_exposure(settings)
    server = HttpServer(settings, gate, router, connect)
    loop = asyncio.get_running_loop()
    try:
        listening = await loop.create_server(
            lambda: HttpConnection(server), settings.host, settings.port
        )
    except OSError as error:
        raise ConfigError(_listen_failure(settings, error)) from None
    server.start(listening)
    return server


class LimitedWarning:
    """A warning that clients can cause: one line a minute, with how often it happened."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0
        self._next = 0.0

    def happened(self, detail: str) -> None:
        """Count it, and log it unless it was logged within `LOG_SECONDS`."""
        self._count += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next:
            log.warning("%s, %d times; the last: %s", self._text, self._count, detail)
            self._count, self._next = 0, now + LOG_SECONDS


class HttpServer:
    """A listening server: passes requests through the gate to the router or a session socket."""

    def __init__(self, settings: Settings, gate: Gate, router: Router, connect: Connect) -> None:
        self.limits = settings.limits
        self.server_header = f"GenPy/{__version__}"
        self.closing = False
        self.proxies = Proxies(settings.proxies)
        self.strangers = Strangers(
            self.limits.strangers, self.limits.strangers_per_address, self.proxies
        )
        self.turned_away = LimitedWarning("refused a connection of an address with too many")
        self._out_of_descriptors = LimitedWarning("no descriptor left for a connection")
        self.connections: set[HttpConnection] = set()
        self.sockets = WebSockets(
            connect,
            self._finish,
            server_header=self.server_header,
            max_bytes=settings.limits.frame_bytes,
        )
        self._gate = gate
        self.router = router
        self._listening: asyncio.Server | None = None

    def start(self, listening: asyncio.Server) -> None:
        """Use the asyncio server that accepts the connections."""
        self._listening = listening
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(partial(self._loop_failed, loop.get_exception_handler()))
        self.sockets.wrap(listening)

    @property
    def url(self) -> str:
        """The address of the server."""
        assert self._listening is not None  # noqa: S101 - `listen` started it
        host, port = self._listening.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def empty(self) -> bool:
        """Whether there are no connections."""
        return not self.connections and not self.sockets.server.handlers

    def _loop_failed(
        self, before: LoopHandler | None, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Log an error of the loop; running out of descriptors happens a hundred times a second."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES and "socket" in context:
            self._out_of_descriptors.happened(error.strerror or "")
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    # Stop

    def close(self) -> None:
        """Accept no more connections, close sockets with 1001, and finish current answers."""
        self.closing = True
        self.sockets.server.close()
        for connection in tuple(self.connections):
            connection.close()

    async def wait_closed(self) -> None:
        """Wait until all connections are closed."""
        if self.connections:
            await asyncio.wait([connection.released for connection in self.connections])
        await self.sockets.server.wait_closed()

    async def cut(self) -> None:
        """Abort all connections of a closed server, and cancel their answers."""
        tasks = [one.busy for one in self.connections if one.busy is not None]
        for connection in tuple(self.connections):
            connection.abort()
        await self.sockets.cut()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)

    # Requests

    def attach(self, request: Request, peer: RemotePeer) -> Attach:
        """Check a request to open a WebSocket; raises the error that refuses it."""
        self._check_open()
        self._gate.admit(request)
        if not request.path.startswith(SESSION_PATH):
            raise NotFound(f"WebSockets are served at {SESSION_PATH}NAME.")
        if request.headers.get("sec-websocket-version") != VERSION:
            raise UpgradeRequired(f"This server speaks version {VERSION} of WebSocket.")
        ref = request.path.removeprefix(SESSION_PATH)
        attach = self._gate.attach(request, ref, peer.address)
        if attach.user is not None:
            peer.identified()
        return attach

    async def answer(self, request: Request, peer: RemotePeer) -> Response:
        """The answer to any other request; never raises."""
        try:
            self._check_open()
            response = await self._respond(request, peer)
        except GenPyError as error:
            return self.refuse(request, error)
        except Exception:  # a bug, which must not show its detail to the client
            log.exception("a request failed")
            return self.refuse(request, GenPyError("Internal error. The server's log has details."))
        return self._shared(request, await _compressed(request, response))

    def refuse(self, request: Request | None, error: GenPyError) -> Response:
        """The answer to a refused request."""
        headers: dict[str, str] = {}
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, UpgradeRequired):
            headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION}
        if request is not None and request.is_visit:
            page = error_page(error, request.path)
            response = msgspec.structs.replace(page, headers={**page.headers, **headers})
        else:
            response = Response.error(error, headers)
        return response if request is None else self._shared(request, response)

    def log(self, address: str, request: Request | None, status: int, began: float) -> None:
        """Log a request without its query, header fields and body, which may hold secrets."""
        ms = (asyncio.get_running_loop().time() - began) * 1000
        method, path = ("-", "-") if request is None else (request.method, request.path)
        log.info("%s %s %s %d %.1f ms", address or "-", method, path, status, ms)

    def _check_open(self) -> None:
        if self.closing:
            raise ShuttingDown("The server is stopping.")

    async def _respond(self, request: Request, peer: RemotePeer) -> Response:
        self._gate.admit(request)
        if request.path.startswith(SESSION_PATH):
            raise UpgradeRequired("This address serves WebSockets only.")
        if request.method == "OPTIONS" and self._gate.listed_origin(request) is not None:
            return self._preflight(request)
        user = self._gate.user(request, peer.address)
        if user is not None:
            peer.identified()
        return await self.router.answer(msgspec.structs.replace(request, user=user))

    def _preflight(self, request: Request) -> Response:
        """The answer to a CORS preflight of a listed origin."""
        allowed = ", ".join(self.router.allowed(request.path))
        headers = {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        }
        return Response(204, headers=headers)

    def _shared(self, request: Request, response: Response) -> Response:
        """The answer with CORS headers for a listed origin."""
        origin = self._gate.listed_origin(request)
        if origin is None:
            return response
        fields = {**response.headers, "Access-Control-Allow-Origin": origin}
        return msgspec.structs.replace(response, headers=fields).varying("Origin")

    def _finish(self, socket: SessionSocket, _: WireRequest, response: WireResponse) -> None:
        """Add headers to an answer of the library, and log it."""
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            response.headers.update(SECURITY_HEADERS)
        if (upgrade := socket.upgrade) is not None:
            self.log(upgrade.peer.address, upgrade.request, response.status_code, upgrade.began)


async def _compressed(request: Request, response: Response) -> Response:
    """The answer, compressed if it is large enough and the client accepts gzip."""
    if len(response.body) < COMPRESSED_FROM or response.content_type not in COMPRESSED:
        return response
    if "Content-Encoding" in response.headers or response.etag is not None:
        return response
    response = response.varying("Accept-Encoding")
    if not request.accepts_gzip:
        return response
    pack = partial(gzip.compress, response.body, compresslevel=1, mtime=0)
    # zlib releases the GIL, so a large answer does not delay replies in a thread.
    large = len(response.body) > COMPRESSED_INLINE
    body = await asyncio.to_thread(pack) if large else pack()
    return msgspec.structs.replace(
        response, body=body, headers={**response.headers, "Content-Encoding": "gzip"}
    )


async def serve_until_stopped(
    server: HttpServer, drain: Callable[[], Awaitable[None]], announce: Callable[[str], None]
) -> bool:
    """Announce the address, serve until SIGINT or SIGTERM, then stop.

    Stopping closes the sockets with 1001 and lets `drain` finish or mark the replies in
    progress, for at most `STOP_SECONDS` or until the second signal; False when it was cut short.
    """
    with _stop_signals() as (first, second):
        announce(server.url)
        await first.wait()
        log.info("stopping; the same signal again stops at once")
        stopping = asyncio.create_task(_stop(server, drain))
        forcing = asyncio.create_task(second.wait())
        await asyncio.wait(
            {stopping, forcing}, timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        forcing.cancel()
        if stopping.done():
            await stopping
            return True
        stopping.cancel()
        await asyncio.wait({stopping, forcing})
        await server.cut()
        return False


async def _stop(server: HttpServer, drain: Callable[[], Awaitable[None]]) -> None:
    server.close()
    await drain()
    await server.wait_closed()


@contextmanager
def _stop_signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Events set by the first and second stop signal."""
    loop = asyncio.get_running_loop()
    first, second = asyncio.Event(), asyncio.Event()

    def received() -> None:
        (second if first.is_set() else first).set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in signals]
    for number in signals:
        # Unlike loop.add_signal_handler this works on Windows as well.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(received))
    try:
        yield first, second
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _listen_failure(settings: Settings, error: OSError) -> str:
    where = f"port {settings.port} of {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return f"Another program listens on {where}. Stop it, or choose another with --port."
    return f"Cannot listen on {where}: {error.strerror or error}."
