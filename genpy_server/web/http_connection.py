"""HTTP with bodies on the port of the websockets server.

The library answers a GET without a body through `process_request` and refuses all else.
`HttpConnection`, given to it as `create_connection`, reads the request first: a request to
upgrade then goes to the library byte for byte, followed, once it is answered, by whatever came
behind it; anything else is kept as `http_request`, and the library sees a bodyless GET in its place. So one port, one loop and one
shutdown serve both, and `process_request` answers every method.
"""

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Response as WireResponse
from websockets.protocol import State

from genpy_server.errors import GenPyError, Refused, RequestTimeout
from genpy_server.settings import Limits
from genpy_server.web.auth import Attach
from genpy_server.web.http_head import RequestReader
from genpy_server.web.messages import Request, Response

PLACEHOLDER = b"GET / HTTP/1.1\r\n\r\n"

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What every answer carries; a page replaces the last by what it needs."""


class HttpConnection(ServerConnection):
    """A connection that reads its first request itself."""

    http_request: Request | None = None
    """The request, once it is complete."""
    refusal: GenPyError | None = None
    """Why what came is no request that can be served."""
    attach: Attach | None = None
    """For a WebSocket that may open: whose, and of which session."""
    began = 0.0
    """When the request was complete, on the loop's clock."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._reader = RequestReader(head_bytes=limits.head_bytes, body_bytes=limits.body_bytes)
        self._timer = self.loop.call_later(limits.request_seconds, self._time_out)
        self._library_reads = False
        self._peer_finished = False
        self._early = b""

    def data_received(self, data: bytes) -> None:
        """Read the request; after an upgrade the library reads."""
        if self._library_reads:
            self._early += data
            self._pass_early()
            return
        try:
            request = self._reader.receive_data(data)
        except Refused as error:
            self._hand_over(refusal=error)
            return
        if writes := self._reader.data_to_send():
            self.transport.write(writes)
        if request is not None:
            self._hand_over(request)

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Answer the request; frames that came too early are read after it."""
        await super().handshake(*args, **kwargs)
        if self.state is State.OPEN:
            self._pass_early()

    def _pass_early(self) -> None:
        # A bad frame that the library reads before it answered would keep it from answering.
        if self.response is not None and self._early:
            data, self._early = self._early, b""
            super().data_received(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as asyncio.Protocol has it
        """A client that has finished sending may still read the answer."""
        answered = self.protocol.eof_sent
        if self._library_reads or answered or not self._reader.started:
            return super().eof_received()
        self._peer_finished = True
        try:
            self._reader.receive_eof()
        except Refused as error:
            self._hand_over(refusal=error)
        return True

    def send_data(self) -> None:
        """Send, and let go of a client that finished sending before."""
        super().send_data()
        if self._peer_finished and self.protocol.eof_sent:
            self.transport.close()

    async def drain(self) -> None:
        """Wait for the reader; one that does not read an answer is not waited for for ever."""
        if self._library_reads:
            await super().drain()
            return
        async with asyncio.timeout(self._limits.answer_seconds):
            await super().drain()
        # The library counted from the first byte, and would cut the last ones of a long answer.
        if self.close_timeout is not None:
            self.close_deadline = self.loop.time() + self.close_timeout

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _time_out(self) -> None:
        if not self._reader.started:
            self.transport.abort()
            return
        self._reader.finished = True
        self._hand_over(refusal=RequestTimeout("The request did not arrive in time."))

    def _hand_over(
        self, request: Request | None = None, *, refusal: GenPyError | None = None
    ) -> None:
        self._timer.cancel()
        self.http_request, self.refusal = request, refusal
        self.began = self.loop.time()
        self._library_reads = request is not None and request.upgrade
        head = PLACEHOLDER
        if self._library_reads:
            head, self._early = self._reader.release()
        super().data_received(head)


def to_wire(response: Response, request: Request | None) -> WireResponse:
    """An answer as the library sends it: without a body where the request asks for none."""
    status = HTTPStatus(response.status)
    body = response.body
    if request is not None and response.unchanged_for(request):
        status, body = HTTPStatus.NOT_MODIFIED, b""
    headers = {
        "Date": formatdate(usegmt=True),
        "Connection": "close",
        "Cache-Control": "no-store" if response.etag is None else "no-cache",
        **SECURITY_HEADERS,
    }
    if response.etag is not None:
        headers["ETag"] = response.etag
    if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        headers["Content-Type"] = response.content_type
        headers["Content-Length"] = str(len(body))
    if request is not None and request.method == "HEAD":
        body = b""
    headers |= response.headers
    return WireResponse(status.value, status.phrase, Headers(headers), body)
