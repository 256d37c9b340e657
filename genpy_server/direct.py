"""A client's connection to a server in another thread of its process: frames without a network."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from genpy_server import wire
from genpy_server.app import OpenApp
from genpy_server.client.reconnect import TOO_BIG, Lost, closed_by
from genpy_server.client.session_client import Query
from genpy_server.errors import GenPyError
from genpy_server.sessions.connection import Connection, close_code, listed

T = TypeVar("T")

CLOSE_SECONDS = 2.0
"""Time limit for the frame that is being carried out when a connection is closed."""
FAILED = 1011
SERVER = "this program's server"

log = logging.getLogger("genpy.direct")


class DirectSocket:
    """The side of the client, on its loop; see `Socket`."""

    def __init__(self, app: OpenApp, there: asyncio.AbstractEventLoop) -> None:
        """The loop of the `app` is the one `there`."""
        self._app = app
        self._here = asyncio.get_running_loop()
        self._there = there
        self._frames: asyncio.Queue[str | Lost] = asyncio.Queue()
        self._peer: _Peer
        self._served: asyncio.Future[None]

    async def open(self, ref: str, query: Query) -> "DirectSocket":
        """Attach to a session; raises `Lost`."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        self._peer = _Peer(given, self._put)
        try:
            await self._run(self._peer.attach(self._app, ref, given))
        except GenPyError as error:
            raise Lost(error, again=close_code(error) in wire.CLOSE_AGAIN) from error
        self._served = self._run(self._peer.serve())
        return self

    async def receive(self) -> str:
        frame = await self._frames.get()
        if isinstance(frame, Lost):
            raise frame
        return frame

    async def send(self, text: str) -> None:
        if len(text.encode()) > self._app.settings.limits.frame_bytes:
            self._put(closed_by(SERVER, TOO_BIG))
        else:
            self._there.call_soon_threadsafe(self._peer.sent.put_nowait, text)

    async def close(self) -> None:
        with suppress(RuntimeError):  # its loop is closed
            self._there.call_soon_threadsafe(self._peer.sent.put_nowait, None)
        await asyncio.wait([self._served], timeout=CLOSE_SECONDS)

    def _put(self, frame: str | Lost) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._here.call_soon_threadsafe(self._frames.put_nowait, frame)

    def _run(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run on the server's loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._there))


class _Peer:
    """The side of the server, on its loop; see `Subscriber`."""

    def __init__(self, query: dict[str, str], put: Callable[[str | Lost], None]) -> None:
        self.is_open = True
        self.approves = wire.APPROVALS in listed(query, "features")
        self.allowed = listed(query, "allow")
        self.sent: asyncio.Queue[str | None] = asyncio.Queue()
        """The frames of the client, and None at the end."""
        self._put = put
        self._connection: Connection

    async def attach(self, app: OpenApp, ref: str, query: dict[str, str]) -> None:
        """Attach the client to a session."""
        user, limits = app.settings.user, app.settings.limits
        self._connection = await Connection.open(app.hub, user, ref, query, self, limits)

    async def serve(self) -> None:
        """Carry out the frames of the client."""
        try:
            while (text := await self.sent.get()) is not None:
                await self._connection.receive(text, text_mode=False)
        except Exception:
            log.exception("a direct connection failed")
            self.close(FAILED, "")
        finally:
            self._connection.close()

    def offer(self, frame: wire.Frame, data: bytes) -> None:
        self._put(data.decode())

    def answer(self, frame: wire.Frame) -> None:
        if isinstance(frame, wire.Ready):
            frame.features = (*wire.OFFERED, *((wire.APPROVALS,) if self.approves else ()))
        self._put(wire.encode(frame))

    def close(self, code: int, reason: str) -> None:
        self.is_open = False
        self._put(closed_by(SERVER, code, reason))
