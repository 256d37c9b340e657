"""Listens on one port for HTTP and WebSocket, and stops gracefully."""

import asyncio
import errno
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from genpy_server.errors import ConfigError
from genpy_server.settings import Settings, check_exposure
from genpy_server.web.auth import Gate
from genpy_server.web.dispatch import Connect, Dispatcher, LimitedWarning
from genpy_server.web.handover import CLOSE_SECONDS
from genpy_server.web.http_connection import HttpConnection
from genpy_server.web.router import Router

STOP_SECONDS = 10.0
"""Time limit of a stop: of storing running replies and closing sockets."""
OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

LoopHandler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], Any]

log = logging.getLogger("genpy.server")


async def listen(
    *, settings: Settings, gate: Gate, router: Router, connect: Connect
) -> "HttpServer":
    """Listen on `settings.host` and `settings.port` (0: any free one).

    Raises `ConfigError` where that fails, or would expose conversations to others.
    """
    check_exposure(settings)
    server = HttpServer(Dispatcher(settings, gate, router, connect))
    try:
        await server.start(settings.host, settings.port)
    except OSError as error:
        where = f"port {settings.port} of {settings.host}"
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Another program listens on {where}. Stop it, or choose another with --port."
            ) from None
        raise ConfigError(f"Cannot listen on {where}: {error.strerror or error}.") from None
    return server


class HttpServer:
    """A listening server: its connections, and their end."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.connections = dispatcher.connections
        self._dispatcher = dispatcher
        self.sockets, self.strangers = dispatcher.sockets, dispatcher.strangers
        self._out_of_descriptors = LimitedWarning("no descriptor left for a connection")
        self.url = ""
        """The address of the server, once it has started."""

    async def start(self, host: str, port: int) -> None:
        """Accept connections; raises `OSError`."""
        loop = asyncio.get_running_loop()
        new = partial(HttpConnection, self._dispatcher)
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
        elif self._dispatcher.closing and "_start_serving" in context.get("message", ""):
            pass  # asyncio tries to accept a second after it could not, also when that was closed
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    # Stop

    def close(self) -> None:
        """Accept no more connections, close sockets with 1001, and finish current answers."""
        self._dispatcher.closing = True
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
