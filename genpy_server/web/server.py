"""Listens on one port for HTTP and WebSocket, answers what comes, and stops gracefully.

Each request passes the gate: to the router, or to a session socket.
"""

import asyncio
import errno
import gzip
import logging
import signal
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.http11 import Request as WireRequest
from websockets.http11 import Response as WireResponse

from genpy_server import __version__, errors
from genpy_server.settings import Settings, check_exposure
from genpy_server.web import messages
from genpy_server.web.auth import Attach, Gate, Proxies, RemotePeer, Strangers
from genpy_server.web.handover import CLOSE_SECONDS, VERSION, SessionSocket, WebSockets
from genpy_server.web.http_connection import HttpConnection
from genpy_server.web.http_request import RequestReader
from genpy_server.web.messages import Request, Response
from genpy_server.web.pages.assets import error_page
from genpy_server.web.router import Router

STOP_SECONDS = 10.0
"""Time limit of a stop: of storing running replies and closing sockets."""
OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
SESSION_PATH = "/ws/session/"
COMPRESSED = frozenset({messages.JSON, messages.HTML})
COMPRESSED_FROM = 1_400
"""Size of an answer from which compression saves a packet."""
GZIP_BITS = 31
"""For zlib: its largest window, and the header of gzip."""
COMPRESSED_INLINE = 32 * 1024
"""Largest size that is compressed in less than a millisecond."""
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
"""Header fields of the answer to a CORS preflight of a listed origin."""

LOG_SECONDS = 60.0
"""Shortest time between two log lines of a `LimitedWarning`."""

Connect = Callable[[SessionSocket], Awaitable[None]]
"""Serves one WebSocket that passed the gate."""

LoopHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], Any]

log = logging.getLogger("genpy.server")


async def listen(settings: Settings, gate: Gate, router: Router, connect: Connect) -> "HttpServer":
    """Listen on `settings.host` and `settings.port` (0: any free one).

    Raises `ConfigError` where that fails, or would expose conversations to others.
    """
    check_exposure(settings)
    server = HttpServer(settings, gate, router, connect)
    try:
        await server.start(settings.host, settings.port)
    except OSError as error:
        where = f"port {settings.port} of {settings.host}"
        if error.errno == errno.EADDRINUSE:
            raise errors.ConfigError(
                f"Another program listens on {where}. Stop it, or choose another with --port."
            ) from None
        raise errors.ConfigError(f"Cannot listen on {where}: {error.strerror or error}.") from None
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
    """One port: its connections and sockets, the answers to their requests, and their end."""

    def __init__(self, settings: Settings, gate: Gate, router: Router, connect: Connect) -> None:
        self.limits = settings.limits
        self.server_header = f"GenPy/{__version__}"
        self.url = ""
        """The address of the server, once it has started."""
        self.closing = False
        self.connections: set[HttpConnection] = set()
        self.turned_away = LimitedWarning("refused a connection of an address with too many")
        self._out_of_descriptors = LimitedWarning("no descriptor left for a connection")
        self.new_reader = partial(
            RequestReader, head_bytes=self.limits.head_bytes, body_bytes=self.limits.body_bytes
        )
        self.proxies = Proxies(settings.proxies)
        self.strangers = Strangers(
            self.limits.strangers, self.limits.strangers_per_address, self.proxies
        )
        self.sockets = WebSockets(
            connect, self._finish, self.server_header, self.limits.frame_bytes
        )
        self._gate = gate
        self.router = router

    async def start(self, host: str, port: int) -> None:
        """Accept connections; raises `OSError`."""
        loop = asyncio.get_running_loop()
        new = partial(HttpConnection, self)
        listening = await loop.create_server(new, host, port)
        loop.set_exception_handler(partial(self._loop_failed, loop.get_exception_handler()))
        self.sockets.wrap(listening)
        name, number = listening.sockets[0].getsockname()[:2]
        self.url = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"

    @property
    def empty(self) -> bool:
        """Whether there are no connections."""
        return not self.connections and not self.sockets.handlers

    def _loop_failed(
        self, before: LoopHandler | None, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Log an error of the loop; running out of descriptors happens a hundred times a second."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES and "socket" in context:
            self._out_of_descriptors.happened(error.strerror or "")
        elif self.closing and "_start_serving" in context.get("message", ""):
            pass  # asyncio tries to accept a second after it could not, also when that was closed
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    # Answers

    def attach(self, request: Request, peer: RemotePeer) -> Attach:
        """Check a request to open a WebSocket; raises the error that refuses it."""
        self._check_open()
        self._gate.admit(request)
        if not request.path.startswith(SESSION_PATH):
            raise errors.NotFound(f"WebSockets are served at {SESSION_PATH}NAME.")
        if request.headers.get("sec-websocket-version") != VERSION:
            raise errors.UpgradeRequired(f"This server speaks version {VERSION} of WebSocket.")
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
        except errors.GenPyError as error:
            return self.refuse(request, error)
        except Exception:  # a bug, which must not show its detail to the client
            log.exception("a request failed")
            return self.refuse(
                request, errors.GenPyError("Internal error. The server's log has details.")
            )
        return self._shared(request, await _compressed(request, response))

    def refuse(self, request: Request | None, error: errors.GenPyError) -> Response:
        """The answer to a refused request."""
        headers: dict[str, str] = {}
        if isinstance(error, errors.Unauthorized):
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, errors.UpgradeRequired):
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
            raise errors.ShuttingDown("The server is stopping.")

    async def _respond(self, request: Request, peer: RemotePeer) -> Response:
        self._gate.admit(request)
        if request.path.startswith(SESSION_PATH):
            raise errors.UpgradeRequired("This address serves WebSockets only.")
        if request.method == "OPTIONS" and self._gate.listed_origin(request) is not None:
            return Response(
                204,
                headers=PREFLIGHT
                | {"Access-Control-Allow-Methods": ", ".join(self.router.allowed(request.path))},
            )
        user = self._gate.user(request, peer.address)
        if user is not None:
            peer.identified()
        return await self.router.answer(msgspec.structs.replace(request, user=user))

    def _shared(self, request: Request, response: Response) -> Response:
        origin = self._gate.listed_origin(request)
        if origin is None:
            return response
        fields = {**response.headers, "Access-Control-Allow-Origin": origin}
        return msgspec.structs.replace(response, headers=fields).varying("Origin")

    def _finish(self, socket: SessionSocket, _: WireRequest, response: WireResponse) -> None:
        """Add headers to an answer of the library, and log it."""
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            response.headers.update(messages.SECURITY_HEADERS)
        if (upgrade := socket.upgrade) is not None:
            self.log(upgrade.peer.address, upgrade.request, response.status_code, upgrade.began)

    # Stop

    def close(self) -> None:
        """Accept no more connections, close sockets with 1001, and finish current answers."""
        self.closing = True
        self.sockets.close()
        for connection in tuple(self.connections):
            connection.close()

    async def wait_closed(self) -> None:
        """Wait until all connections are closed."""
        if self.connections:
            await asyncio.wait([connection.task for connection in self.connections])
        await self.sockets.wait_closed()

    async def cut(self) -> None:
        """Abort all connections of a closed server, and cancel their answers."""
        tasks = [one.task for one in self.connections]
        for connection in tuple(self.connections):
            connection.abort()
        await self.sockets.cut()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)


async def _compressed(request: Request, response: Response) -> Response:
    """The answer, compressed if it is large enough and the client accepts gzip."""
    lasting = response.etag is not None
    if response.length < COMPRESSED_FROM or not (lasting or response.content_type in COMPRESSED):
        return response
    response = response.varying("Accept-Encoding")
    if not request.accepts_gzip:
        return response
    response.headers["Content-Encoding"] = "gzip"
    if lasting:
        return Response.file(_packed_file(response.body), response.content_type, response.headers)
    # zlib releases the GIL, so a large answer does not delay replies in a thread.
    large = response.length > COMPRESSED_INLINE
    return await asyncio.to_thread(_packed, response) if large else _packed(response)


@lru_cache(maxsize=64)
def _packed_file(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _packed(response: Response) -> Response:
    packed = _gzip(response.blocks(messages.MEMORY_BYTES))
    if response.stored is None:
        return msgspec.structs.replace(response, body=b"".join(packed))
    with response.stored:
        return msgspec.structs.replace(response, stored=messages.stored_body(packed))


def _gzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    pack = zlib.compressobj(level=1, wbits=GZIP_BITS)
    for block in blocks:
        yield pack.compress(block)
    yield pack.flush()


async def serve_until_stopped(
    server: HttpServer, drain: Callable[[], Awaitable[None]], announce: Callable[[str], None]
) -> bool:
    """Announce the address, serve until SIGINT or SIGTERM, then stop.

    Stopping closes the sockets with 1001 and lets `drain` finish or mark the replies in
    progress, for at most `STOP_SECONDS` or until the second signal; False when it was cut short.
    """
    with _stop_signals() as received:
        announce(server.url)
        await received.get()
        log.info("stopping; the same signal again stops at once")
        stopping = asyncio.create_task(_stop(server, drain))
        forcing = asyncio.create_task(received.get())
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
def _stop_signals() -> Iterator[asyncio.Queue[int]]:
    loop, received = asyncio.get_running_loop(), asyncio.Queue[int]()

    def put(number: int, _: object) -> None:
        loop.call_soon_threadsafe(received.put_nowait, number)

    # Unlike loop.add_signal_handler this works on Windows as well.
    before = {number: signal.signal(number, put) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
