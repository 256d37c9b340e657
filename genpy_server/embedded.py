"""A server inside a client's process: a thread with a loop of its own, on a free loopback port.

Its token is made anew for each run, so that no other user of the machine can talk to it.
"""

import asyncio
import logging
import secrets
import threading
from concurrent.futures import Future
from contextlib import suppress

import msgspec

from genpy_server.app import App
from genpy_server.settings import Settings

TOKEN_BYTES = 24
CLOSE_SECONDS = 2.0
"""How long requests may take to be answered once the server stops."""

log = logging.getLogger("genpy.embedded")


class Embedded:
    """A running server; `url` and `token` are what a client needs."""

    def __init__(self, settings: Settings) -> None:
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.url = ""
        self._settings = msgspec.structs.replace(
            settings, host="127.0.0.1", port=0, tokens={self.token: settings.user}
        )
        self._started: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._end_sessions = False
        self._thread = threading.Thread(target=self._run, name="genpy-server", daemon=True)

    async def start(self) -> None:
        """Start and wait until it listens; raises what keeps it from that."""
        self._thread.start()
        self.url = await asyncio.wrap_future(self._started)

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
        app = await App.open(self._settings)
        try:
            server = await app.listen()
            self._started.set_result(server.url)
            await self._stop.wait()
            server.close()
            await app.drain(end_sessions=self._end_sessions)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await server.wait_closed()
            await server.cut()
        finally:
            await app.close()

    async def stop(self, *, end_sessions: bool = False) -> None:
        """Stop, perhaps ending the live sessions first, which may ask the model for summaries.

        A silent model holds this up for the `leave_seconds` of the limits and no longer.
        """
        if self._loop is not None and self._thread.is_alive():
            self._end_sessions = end_sessions
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._thread.join)


async def start_embedded(settings: Settings) -> Embedded:
    """An embedded server that listens."""
    embedded = Embedded(settings)
    await embedded.start()
    return embedded
