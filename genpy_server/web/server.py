"""Listen on one port for HTTP and WebSocket, pass everything through the gate, and stop gracefully."""

import asyncio
import errno
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.http11 import Request as WireRequest
from websockets.http11 import Response as WireResponse
from websockets.typing import Subprotocol

from genpy_server import __version__
from genpy_server.errors import (
    BadRequest,
    ConfigError,
    GenPyError,
    NotFound,
    ShuttingDown,
    Unauthorized,
)
from genpy_server.settings import Settings, check_exposure
from genpy_server.web.auth import Attach, Gate
from genpy_server.web.http_connection import SECURITY_HEADERS, HttpConnection, to_wire
from genpy_server.web.messages import Request, Response
from genpy_server.web.router import Router
from genpy_server.wire import PROTOCOL

SESSION_PATH = "/ws/session/"
PING_SECONDS = 20.0
CLOSE_SECONDS = 5.0
"""How long a peer may take to close its side, or to read an answer."""
STOP_SECONDS = 10.0
"""How long replies in progress and closing sockets may hold up a stop."""

Connect = Callable[[ServerConnection, Attach], Awaitable[None]]
"""The life of one WebSocket that passed the gate."""

log = logging.getLogger("genpy.server")


async def listen(*, settings: Settings, gate: Gate, router: Router, connect: Connect) -> Server:
    """Start to listen on `settings.host` and `settings.port` (0: any free one).

    Raises `ConfigError` where that is impossible, or would expose conversations to others.
    """
    check_exposure(settings)
    door = _Door(gate, router, connect)
    try:
        return await serve(
            door.connected,
            settings.host,
            settings.port,
            process_request=door.answer,
            process_response=_finish,
            select_subprotocol=_select_subprotocol,
            create_connection=cast(
                "type[ServerConnection]", partial(HttpConnection, limits=settings.limits)
            ),
            compression=None,
            max_size=settings.limits.frame_bytes,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            open_timeout=None,  # HttpConnection bounds the request, and a handler may need longer
            server_header=f"GenPy/{__version__}",
            logger=_library_logger(),
        )
    except OSError as error:
        raise ConfigError(_listen_failure(settings, error)) from None


def url(server: Server) -> str:
    """The address that a listening server answers at."""
    host, port = next(iter(server.sockets)).getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_until_stopped(
    server: Server, drain: Callable[[], Awaitable[None]], announce: Callable[[str], None]
) -> bool:
    """Announce the address, serve until SIGINT or SIGTERM, then stop.

    Stopping closes the sockets with 1001 and lets `drain` finish or mark the replies in
    progress, for at most `STOP_SECONDS` or until the second signal; False when it was cut short.
    """
    with _stop_signals() as (first, second):
        announce(url(server))
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
        await cut(server)
        return False


async def cut(server: Server) -> None:
    """Drop every connection of a server that was closed, and what is being done for it."""
    for connection, task in server.handlers.items():
        connection.transport.abort()
        task.cancel()
    if server.handlers:  # what they let go of needs the store, which is closed after this
        await asyncio.wait(server.handlers.values(), timeout=CLOSE_SECONDS)


async def _stop(server: Server, drain: Callable[[], Awaitable[None]]) -> None:
    server.close()
    await drain()
    await server.wait_closed()


@contextmanager
def _stop_signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """The first and the second wish to stop."""
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


class _Door:
    """Where a complete request meets the gate, and then its handler or its WebSocket."""

    def __init__(self, gate: Gate, router: Router, connect: Connect) -> None:
        self._gate = gate
        self._router = router
        self._connect = connect

    async def connected(self, connection: ServerConnection) -> None:
        """Serve a WebSocket whose handshake is done."""
        assert isinstance(connection, HttpConnection)  # noqa: S101 - as `listen` made it
        assert connection.attach is not None  # noqa: S101 - or `answer` had refused it
        await self._connect(connection, connection.attach)

    async def answer(self, connection: ServerConnection, _: WireRequest) -> WireResponse | None:
        """The answer to a request, or None to go on with the handshake of a WebSocket."""
        assert isinstance(connection, HttpConnection)  # noqa: S101 - as `listen` made it
        request = connection.http_request
        try:
            if not connection.server.is_serving():
                raise ShuttingDown("The server is stopping.")  # noqa: TRY301 - answered as others
            response = await self._respond(connection, request)
        except GenPyError as error:
            headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthorized) else {}
            response = Response.error(error, headers)
        except Exception:  # a bug, which must not show its detail to the client
            log.exception("a request failed")
            response = Response.error(
                GenPyError("Something is wrong in the server. Its log says what.")
            )
        if response is None:
            return None
        wire = to_wire(response, request)
        if request is not None and (origin := self._gate.listed_origin(request)) is not None:
            wire.headers["Access-Control-Allow-Origin"] = origin
            wire.headers["Vary"] = "Origin"
        return wire

    async def _respond(
        self, connection: HttpConnection, request: Request | None
    ) -> Response | None:
        if request is None:
            raise connection.refusal or BadRequest("There was no request.")
        self._gate.admit(request)
        if request.upgrade:
            connection.attach = self._attach(request)
            return None
        if request.path.startswith(SESSION_PATH):
            return _upgrade_required()
        if request.method == "OPTIONS" and self._gate.listed_origin(request) is not None:
            return self._preflight(request)
        return await self._router.answer(replace(request, user=self._gate.user(request)))

    def _attach(self, request: Request) -> Attach:
        if not request.path.startswith(SESSION_PATH):
            raise NotFound(f"WebSockets are served at {SESSION_PATH}NAME.")
        return self._gate.attach(request, request.path.removeprefix(SESSION_PATH))

    def _preflight(self, request: Request) -> Response:
        """What a listed origin may do, asked by its browser before it does it."""
        allowed = ", ".join(self._router.allowed(request.path))
        headers = {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
        }
        return Response(204, headers=headers)


def _upgrade_required() -> Response:
    answer = Response.error(BadRequest("This address answers to WebSockets only."))
    return replace(answer, status=426, headers={"Upgrade": "websocket"})


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    protocol = Subprotocol(PROTOCOL)
    return protocol if protocol in offered else None


def _finish(connection: ServerConnection, _: WireRequest, response: WireResponse) -> None:
    """Complete the library's own refusals, and log one line a request.

    No query, header or body, which may hold secrets.
    """
    assert isinstance(connection, HttpConnection)  # noqa: S101 - as `listen` made it
    if response.status_code >= HTTPStatus.BAD_REQUEST and "X-Frame-Options" not in response.headers:
        response.headers.update(SECURITY_HEADERS)
    request = connection.http_request
    ms = (connection.loop.time() - connection.began) * 1000
    method, path = ("-", "-") if request is None else (request.method, request.path)
    log.info("%s %s %d %.1f ms", method, path, response.status_code, ms)


def _library_logger() -> logging.Logger:
    """The library's logger: never at DEBUG, where it prints tokens and messages."""
    logger = logging.getLogger("genpy.websockets")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_is_our_fault)
    return logger


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Whether a record tells of more than a peer that left or spoke no WebSocket."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ConnectionClosed | InvalidHandshake | OSError)


def _listen_failure(settings: Settings, error: OSError) -> str:
    where = f"port {settings.port} of {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return f"Another program listens on {where}. Stop it, or choose another with --port."
    return f"Cannot listen on {where}: {error.strerror or error}."
