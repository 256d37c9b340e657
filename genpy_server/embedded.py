"""A server inside a client's process: a thread with its own event loop, on a free loopback port.

Each run has its own token, so that other users of the machine cannot connect. A server for one
question listens on no port: its client's frames pass without a network.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from genpy_server import announcement, wire
from genpy_server.announcement import Announcement
from genpy_server.app import App, OpenApp
from genpy_server.client.reconnect import TOO_BIG, Lost, closed_by
from genpy_server.client.session_client import Query, Socket
from genpy_server.errors import ConfigError, GenPyError
from genpy_server.sessions.connection import Connection, close_code, listed
from genpy_server.settings import Settings

T = TypeVar("T")

HOST = "127.0.0.1"
TOKEN_BYTES = 24
CLOSE_SECONDS = 2.0
"""Time limit for current requests when the server stops, or a connection is closed."""
FAILED = 1011
SERVER = "this program's server"

log = logging.getLogger("genpy.embedded")


class Embedded:
    """A server, of `app` or of the default `App`; `url` and `token` are what a client needs.

    `announced` lets other programs of this user find it; with `place` it takes the address of a
    server that has ended; `brief` as in `App.open`. A `direct` one is reached by `connect` alone.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        announced: bool = False,
        place: Announcement | None = None,
        app: App | None = None,
        brief: bool = False,
        direct: bool = False,
    ) -> None:
        self._own = app or App()
        self._brief = brief
        self._direct = direct
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        port = 0
        if place is not None:  # clients of the server that ended reconnect to this one
            self.token, port = place.token or self.token, urlsplit(place.url).port or 0
        self.url = f"http://{HOST}"
        self._announced = announced
        self._app: OpenApp | None = None
        self._settings = msgspec.structs.replace(
            settings, host=HOST, port=port, tokens={self.token: settings.user}
        )
        self._started: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._end_sessions = False
        self._thread = threading.Thread(target=self._run, name="genpy-server", daemon=True)

    async def start(self) -> Self:
        """Start and wait until it listens; raises the error that prevents it.

        That is a `ConfigError` where another program uses the address of `place`.
        """
        self._thread.start()
        await asyncio.wrap_future(self._started)
        return self

    async def connect(self, ref: str, query: Query) -> Socket:
        """Open a connection to a session without the network; see `Connect`."""
        assert self._app is not None and self._loop is not None  # noqa: S101, PT018 - it is started
        return await DirectSocket(self._app, self._loop).open(ref, query)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            else:
                log.exception("the embedded server failed")

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._app = app = await self._own.open(self._settings, personal=True, brief=self._brief)
        try:
            if self._direct:
                self._started.set_result(None)
                await self._stop.wait()
                await app.hub.close(end_sessions=self._end_sessions)
            else:
                await self._listen(app)
        finally:
            await app.close()

    async def _listen(self, app: OpenApp) -> None:
        server = await app.listen()
        app.model_changed = self._model_changed
        self.url = server.url
        if self._announced:
            announcement.publish(self._settings, server.url, self.token)
        self._started.set_result(None)
        await self._stop.wait()
        announcement.withdraw(self._settings, server.url)
        spared = app.hub.attended()  # sessions of other programs, which take over
        server.close()
        await app.hub.close(end_sessions=self._end_sessions, spared=spared)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await server.wait_closed()
        await server.cut()

    @property
    def has_model(self) -> bool:
        """Whether a model is configured."""
        return self._app is not None and self._app.llm.kind != "offline"

    def _model_changed(self, settings: Settings) -> None:
        """Announce the server again with the settings of the chosen model."""
        self._settings = settings
        if self._announced:
            announcement.publish(settings, self.url, self.token)

    def watchers(self, session_id: str) -> int:
        """The number of clients that are attached to a session of the user."""
        if self._app is None:
            return 0
        return self._app.hub.watchers(self._settings.user, session_id)

    async def stop(self, *, end_sessions: bool = False) -> None:
        """Stop the server; `end_sessions` ends the live sessions first, with summaries.

        Summaries take at most the limit `leave_seconds`.
        """
        if self._loop is not None and self._thread.is_alive():
            self._end_sessions = end_sessions
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._thread.join)


class LocalServer:
    """The server of a local database: that of another program while it runs, else an embedded one."""

    def __init__(self, settings: Settings, app: App | None = None) -> None:
        self._app = app
        self.url = ""
        self.token: str | None = None
        self.own: Embedded | None = None
        self.differs = False
        """Whether another program serves the database with other settings."""
        self.settings = settings
        """The settings of the server."""
        self._place: Announcement | None = None
        self._taking: asyncio.Task[bool] | None = None

    async def reach(self, *, announced: bool, brief: bool = False, direct: bool = False) -> None:
        """Find the server, or start one; raises the error that prevents it.

        `announced` and `direct` as in `Embedded`, `brief` as in `App.open`.
        """
        announced = announced and self._app is None  # its own App is for this program alone
        async with announcement.start_lock(self.settings) if announced else nullcontext():
            if self._app is None:
                found = await announcement.find(self.settings)
                self._place, self.differs = found.server, found.differs
            if self._place is not None:
                self.url, self.token = self._place.url, self._place.token
                return
            announced = announced and not self.differs
            own = Embedded(
                self.settings, announced=announced, app=self._app, brief=brief, direct=direct
            )
            self.own = await own.start()
            self.url, self.token = self.own.url, self.own.token

    async def take_over(self) -> bool:
        """Start a server at the address of another program's server that has ended.

        False where it still runs, or a third program has taken over. Cancelling a caller does not
        cancel the start.
        """
        if self._place is None or self.own is not None:
            return False
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._take(self._place))
        return await asyncio.shield(self._taking)

    async def _take(self, place: Announcement) -> bool:
        with suppress(ConfigError):
            own = Embedded(self.settings, announced=True, place=place, app=self._app)
            self.own = await own.start()
        return self.own is not None

    async def stop(self, *, end_sessions: bool = False) -> None:
        """Stop the embedded server, if there is one; see `Embedded.stop`."""
        if self._taking is not None:
            await asyncio.wait([self._taking])
        if self.own is not None:
            await self.own.stop(end_sessions=end_sessions)


class DirectSocket:
    """A client's connection to a server on another loop, the one `there`; see `Socket`."""

    def __init__(self, app: OpenApp, there: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._here = asyncio.get_running_loop()
        self._there = there
        self._frames: asyncio.Queue[str | Lost] = asyncio.Queue()

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
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._there))


class _Peer:
    """The side of the server, on its loop; see `Subscriber`."""

    def __init__(self, query: dict[str, str], put: Callable[[str | Lost], None]) -> None:
        self.is_open = True
        self.features = (*wire.OFFERED, *(listed(query, "features") & {wire.APPROVALS}))
        self.allowed = listed(query, "allow")
        self.sent: asyncio.Queue[str | None] = asyncio.Queue()
        """The frames of the client, and None at the end."""
        self._put = put
        self._connection: Connection

    async def attach(self, app: OpenApp, ref: str, query: dict[str, str]) -> None:
        self._connection = await Connection.open(app.hub, app.settings.user, ref, query, self)

    async def serve(self) -> None:
        try:
            while (text := await self.sent.get()) is not None:
                await self._connection.receive(text, text_mode=False)
        except Exception:
            log.exception("a direct connection failed")
            self.close(FAILED, "")
        finally:
            self._connection.close()

    def offer(self, frame: wire.Frame, data: bytes | None = None) -> None:
        self._put(wire.encode(frame) if data is None else data.decode())

    def close(self, code: int, reason: str) -> None:
        self.is_open = False
        self._put(closed_by(SERVER, code, reason))
