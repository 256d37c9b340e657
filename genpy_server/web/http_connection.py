"""One connection: HTTP requests one after another, until one opens a WebSocket.

Each request is read by `RequestReader` within its limits of bytes and time, and answered by the
dispatcher. With an accepted request to open a WebSocket the connection is handed over to the
websockets library.
"""

import asyncio
import logging
from collections.abc import Coroutine
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast

import msgspec

from genpy_server.errors import GenPyError, Refused, RequestTimeout
from genpy_server.web.auth import RemotePeer
from genpy_server.web.dispatch import Dispatcher
from genpy_server.web.handover import CLOSE_SECONDS, Upgrade
from genpy_server.web.http_request import RequestReader
from genpy_server.web.messages import SECURITY_HEADERS, Request, Response, StoredBody

log = logging.getLogger("genpy.server")

BLOCK_BYTES = 256 * 1024
"""Of an answer, given to the transport at once."""
LOG_SECONDS = 60.0
"""Shortest time between two log lines of a `LimitedWarning`."""


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


class HttpConnection(asyncio.Protocol):
    """See the module."""

    _transport: asyncio.Transport
    _reader: RequestReader
    _peer: RemotePeer

    def __init__(
        self,
        dispatcher: Dispatcher,
        connections: "set[HttpConnection]",
        turned_away: LimitedWarning,
    ) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        """The open connections, with this one."""
        self._turned_away = turned_away
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        """The task of the current answer."""
        self._ending = False
        self._given_up = False
        """Whether the current handler is cancelled when the client disconnects."""
        self._early = b""
        self._peer_finished = False
        self._paused: asyncio.Future[None] | None = None
        self.released: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is closed or handed over."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read the first request."""
        self._transport = cast("asyncio.Transport", transport)
        found = transport.get_extra_info("peername")
        address = str(found[0]) if found else ""
        self._peer = RemotePeer(self._dispatcher.strangers, address, self._transport.abort)
        self._connections.add(self)
        self._next(self._dispatcher.limits.request_seconds)
        if not self._dispatcher.strangers.add(self._peer):
            self._turned_away.happened(address)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read the request, and answer it once it is complete."""
        if self._ending:
            return  # bytes of a refused client are dropped
        if self._given_up:
            self._early += data
            self._transport.pause_reading()
            return
        if not self._reader.started:
            self._wait(self._dispatcher.limits.request_seconds)
        try:
            request = self._reader.receive_data(data)
        except Refused as error:
            self._refuse(self._reader.known, error)
            return
        if writes := self._reader.continue_bytes():
            self._transport.write(writes)
        if request is not None:
            self._received(request)

    def eof_received(self) -> bool:
        """Keep the connection for the answer to a client that has finished sending."""
        if self._ending or self._given_up or not (self._reader.started or self.task):
            return False
        self._peer_finished = True
        try:
            self._reader.receive_eof()
        except Refused as error:
            self._refuse(None, error)
        return True

    def connection_lost(self, _: Exception | None) -> None:
        """Remove the connection; the current handler is cancelled or runs to its end."""
        if self._given_up and self.task is not None:
            self.task.cancel()
        self._peer.left()
        self._released()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Note that the write buffer is full."""
        self._paused = self._loop.create_future()

    def resume_writing(self) -> None:
        """Note that the write buffer has room."""
        if self._paused is not None and not self._paused.done():
            self._paused.set_result(None)
        self._paused = None

    # Its life

    def close(self) -> None:
        """Close now, or once the current request is answered."""
        if self.task is None and not self._ending and not self._reader.started:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()
        if self.task is not None:
            self.task.cancel()

    def _next(self, seconds: float) -> None:
        limits = self._dispatcher.limits
        self._reader = RequestReader(head_bytes=limits.head_bytes, body_bytes=limits.body_bytes)
        self._wait(seconds)

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._timed_out)

    def _timed_out(self) -> None:
        if self._ending:
            self._transport.abort()
        elif self._reader.started:
            self._reader.finished = True
            self._refuse(None, RequestTimeout("The request did not arrive in time."))
        else:
            self._transport.close()

    def _released(self) -> None:
        self._wait(None)
        self._connections.discard(self)
        if not self.released.done():
            self.released.set_result(None)

    def _received(self, request: Request) -> None:
        self._wait(None)
        try:
            self._peer.moved(self._dispatcher.proxies.client(self._peer.address, request.headers))
        except GenPyError as error:
            self._refuse(request, error)
            return
        if request.upgrade:
            self._upgrade(request)
            return
        # Reading goes on, to detect that the client disconnects.
        self._given_up = self._dispatcher.router.is_given_up(request)
        if not self._given_up:
            self._transport.pause_reading()
        self._work(self._answer(request))

    def _upgrade(self, request: Request) -> None:
        try:
            attach = self._dispatcher.attach(request, self._peer)
            upgrade = Upgrade(request, attach, self._peer, self._loop.time())
            self._dispatcher.sockets.take_over(self._transport, upgrade, self._reader.left_over)
        except GenPyError as error:
            self._refuse(request, error)
        else:
            self._released()

    def _refuse(self, request: Request | None, error: GenPyError) -> None:
        self._wait(None)
        response = self._dispatcher.refuse(request, error)
        began = self._loop.time()
        self._work(self._send(request, response, began, kept=False))

    def _work(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = self._loop.create_task(work)
        self.task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        """Abort the connection after a bug in an answer, which nothing else would close."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer failed", exc_info=error)
            self._transport.abort()

    async def _answer(self, request: Request) -> None:
        began = self._loop.time()
        response = await self._dispatcher.answer(request, self._peer)
        if self._given_up:
            self._given_up = False
            self._transport.pause_reading()
        await self._send(request, response, began, kept=True)

    async def _send(
        self, request: Request | None, response: Response, began: float, *, kept: bool
    ) -> None:
        """Send an answer, wait until it is written, and read the next request or close."""
        try:
            last = request is None or not kept or self._peer_finished or self._dispatcher.closing
            shown = response
            if request is not None and response.unchanged_for(request):
                shown = msgspec.structs.replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"")
            fields = _fields(shown, self._dispatcher.server_header, last=last)
            if self._transport.is_closing():
                return
            data = memoryview(self._reader.answer_bytes(shown, fields))
            self._transport.write(data[:BLOCK_BYTES])
            self._dispatcher.log(self._peer.address, request, shown.status, began)
            if self._paused is not None or len(data) > BLOCK_BYTES or self._reader.body_follows:
                async with asyncio.timeout(self._dispatcher.limits.answer_seconds):
                    await self._write(data[BLOCK_BYTES:])
                    if shown.stored is not None and self._reader.body_follows:
                        await self._write_stored(shown.stored)
        except TimeoutError:
            self._transport.abort()
            return
        finally:
            self.task = None
            if response.stored is not None:
                self._loop.run_in_executor(None, response.stored.close)
        if self._transport.is_closing():
            return
        if last or self._dispatcher.closing or not self._reader.may_follow:
            self._end()
        else:
            early, self._early = self._reader.left_over + self._early, b""
            self._next(self._dispatcher.limits.keep_alive_seconds)
            self._transport.resume_reading()
            if early:
                self.data_received(early)

    async def _write(self, rest: memoryview) -> None:
        """Write the rest of an answer as it is read, in blocks; the transport would copy all of it."""
        for start in range(0, len(rest), BLOCK_BYTES):
            await (self._paused or asyncio.sleep(0))
            if self._transport.is_closing():
                return
            self._transport.write(rest[start : start + BLOCK_BYTES])
        if self._paused is not None:
            await self._paused

    async def _write_stored(self, body: StoredBody) -> None:
        """Write a body from its file as it is read."""
        for block in body.blocks(BLOCK_BYTES):
            await self._write(memoryview(self._reader.body_bytes(block)))
            if self._transport.is_closing():
                return
        self._reader.body_bytes(b"")

    def _end(self) -> None:
        """Close after the answer; read until the client closes, so that it gets no reset."""
        self._ending = True
        if self._peer_finished or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._wait(CLOSE_SECONDS)
        try:
            self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:  # the peer has reset the connection
            self._transport.abort()


def _fields(response: Response, server: str, *, last: bool) -> list[tuple[str, str]]:
    fields = {
        "Date": formatdate(usegmt=True),
        "Server": server,
        "Cache-Control": "no-store" if response.etag is None else "no-cache",
        **SECURITY_HEADERS,
    }
    if response.etag is not None:
        fields["ETag"] = response.etag
    if response.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        fields["Content-Type"] = response.content_type
        fields["Content-Length"] = str(response.length)
    fields |= response.headers
    if last:
        fields["Connection"] = "close"
    return list(fields.items())
