"""One connection: HTTP requests one after another, until one opens a WebSocket.

Each request is read by `RequestReader` within its limits of bytes and time, and answered by the
server. With an accepted request to open a WebSocket the connection is handed over to the
websockets library.
"""

import asyncio
import logging
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import msgspec

from genpy_server.errors import GenPyError, RequestTimeout
from genpy_server.web.auth import RemotePeer
from genpy_server.web.handover import CLOSE_SECONDS, Upgrade
from genpy_server.web.http_request import RequestReader
from genpy_server.web.messages import SECURITY_HEADERS, Request, Response

if TYPE_CHECKING:
    from genpy_server.web.server import HttpServer

log = logging.getLogger("genpy.server")


class HttpConnection(asyncio.Protocol):
    """See the module."""

    _transport: asyncio.Transport
    _reader: RequestReader
    _peer: RemotePeer
    task: asyncio.Task[None]
    """Done when the connection is closed or handed over."""

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._input = b""
        self._came = asyncio.Event()
        """Set when there is input, or its end."""
        self._ended = False
        self._given_up = False
        """Whether the current handler is cancelled when the client disconnects."""
        self._paused: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read the first request."""
        self._transport = cast("asyncio.Transport", transport)
        found = transport.get_extra_info("peername")
        address = str(found[0]) if found else ""
        self._peer = RemotePeer(self._server.strangers, address, self._transport.abort)
        self._server.connections.add(self)
        self._reader = self._server.new_reader()
        self.task = self._loop.create_task(self._serve())
        self.task.add_done_callback(self._served)
        if not self._server.strangers.add(self._peer):
            self._server.turned_away.happened(address)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Keep the bytes; no more are read before `_more` takes them."""
        self._input += data
        self._transport.pause_reading()
        self._came.set()

    def eof_received(self) -> bool:
        """Keep the connection for the answer to a client that has finished sending."""
        self._ended = True
        self._came.set()
        return not self._given_up

    def connection_lost(self, _: Exception | None) -> None:
        """Note the end; the current handler is cancelled or runs to its own."""
        if self._given_up:
            self.task.cancel()
        self._peer.left()
        self._lost.set()
        self.eof_received()
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
        if not self._reader.started:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()
        self.task.cancel()

    def _served(self, task: asyncio.Task[None]) -> None:
        """Remove the connection; after a bug in an answer nothing else would close it."""
        self._server.connections.discard(self)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an answer failed", exc_info=error)
            self._transport.abort()

    async def _serve(self) -> None:
        """Answer requests, until one is the last or opens a WebSocket."""
        seconds = self._server.limits.request_seconds
        while True:
            request, last = None, False
            try:
                request = await self._read(seconds)
                if request is None:
                    break
                began = self._loop.time()
                peer, proxies = self._peer, self._server.proxies
                peer.moved(proxies.client(peer.address, request.headers))
                if request.upgrade:
                    upgrade = Upgrade(request, self._server.attach(request, peer), peer, began)
                    sockets, early = self._server.sockets, self._reader.left_over
                    sockets.take_over(self._transport, upgrade, early)
                    return
                self._given_up = self._server.router.is_given_up(request)
                if self._given_up:  # reading goes on, to detect that the client disconnects
                    self._transport.resume_reading()
                response = await self._server.answer(request, peer)
                self._given_up = False
            except GenPyError as error:
                began, last = self._loop.time(), True
                response = self._server.refuse(self._reader.known, error)
            self._input = self._reader.left_over + self._input
            last = last or self._server.closing or (self._ended and not self._input)
            await self._send(request, response, began, last=last)
            if last or self._server.closing or not self._reader.may_follow:
                break
            self._reader = self._server.new_reader()
            seconds = self._server.limits.keep_alive_seconds
        await self._end()

    async def _read(self, seconds: float) -> Request | None:
        """The next request; None where none begins in time, or before the client disconnects.

        Raises `Refused`, or `RequestTimeout`.
        """
        try:
            async with asyncio.timeout(seconds) as patience:
                while data := await self._more():
                    if not self._reader.started:
                        within = self._server.limits.request_seconds
                        patience.reschedule(self._loop.time() + within)
                    request = self._reader.receive_data(data)
                    if writes := self._reader.continue_bytes():
                        self._transport.write(writes)
                    if request is not None:
                        return request
                self._reader.receive_eof()
        except TimeoutError:
            if self._reader.started:
                raise RequestTimeout("The request did not arrive in time.") from None
        return None

    async def _more(self) -> bytes:
        """The bytes that came; empty at their end."""
        if not self._input and not self._ended:
            self._came.clear()
            self._transport.resume_reading()
            await self._came.wait()
        data, self._input = self._input, b""
        return data

    async def _send(
        self, request: Request | None, response: Response, began: float, *, last: bool
    ) -> None:
        """Send an answer in blocks, as they are read; the transport would copy all of it."""
        try:
            shown = response
            if request is not None and response.unchanged_for(request):
                shown = msgspec.structs.replace(response, status=HTTPStatus.NOT_MODIFIED, body=b"")
            if self._transport.is_closing():
                return
            self._server.log(self._peer.address, self._reader.known, shown.status, began)
            fields = _fields(shown, self._server.server_header, last=last)
            async with asyncio.timeout(self._server.limits.answer_seconds):
                for part in self._reader.answer(shown, fields):
                    self._transport.write(part)
                    await (self._paused or asyncio.sleep(0))
                    if self._transport.is_closing():
                        return
        except TimeoutError:
            self._transport.abort()
        finally:
            if response.stored is not None:
                self._loop.run_in_executor(None, response.stored.close)

    async def _end(self) -> None:
        """Close after the answer; read until the client closes, so that it gets no reset."""
        try:
            if not self._ended and self._transport.can_write_eof():
                self._transport.write_eof()
                async with asyncio.timeout(CLOSE_SECONDS):
                    while await self._more():
                        pass
            self._transport.close()
        except OSError:  # the client has reset the connection, or does not close it in time
            self._transport.abort()
        await self._lost.wait()


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
