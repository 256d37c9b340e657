"""The connections to models' services: an httpx client over aiohttp, used by the groq SDK.

Bodies are read directly from aiohttp's buffer, with one timer for each stream instead of one for each
read. A request is sent again if its reused connection had been closed meanwhile.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiohttp
import httpx

from genpy_server.network import certificates, proxy_for

ERROR_BYTES = 64 * 1024
"""Bytes of an error's body that are read; the rest is not."""
ERROR_SECONDS = 10.0
CONNECTIONS = 1000
KEPT_SECONDS = 30.0
"""How long an idle connection is kept open for the next request, to save its handshake."""
HEADER_BYTES = 64 * 1024
HEAD_BYTES = 16
"""How many bytes of a body with a Content-Encoding are needed to detect its compression."""
UNPACKED_BYTES = 1024 * 1024
"""The most bytes that one read of a compressed body returns."""
_GZIP, _ZLIB = b"\x1f\x8b", {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}
_EITHER, _RAW = 47, -15
"""Window bits of zlib: gzip or zlib by its head, and deflate without one."""


class Waits(NamedTuple):
    """Time limits in seconds: for connecting, until a reply begins, and between two reads of it."""

    connect: float
    first_token: float
    token: float


class Unpacker:
    """Decompresses a body by its first bytes, since its Content-Encoding may be missing or wrong."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower().replace("identity", "")
        self._zlib: Any = None
        self._held = b""
        self.plain = False
        """Whether the body is not compressed."""

    @property
    def more(self) -> bool:
        """Whether some of the received data is not decompressed yet."""
        return self._zlib is not None and len(self._held) >= len(_GZIP)

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Decompress more data; raises `httpx.DecodingError` for an unknown compression."""
        data, self._held = self._held + data, b""
        if self._zlib is None and not self.plain:
            if len(data) < (HEAD_BYTES if self._encoding else len(_GZIP)) and not last:
                self._held = data
                return b""
            self._zlib = self._for(data)
            self.plain = self._zlib is None
        if self.plain:
            return data
        if self._zlib.eof:  # another gzip member may follow
            if not data.startswith(_GZIP):
                self._held = data if _GZIP.startswith(data) else b""
                return b""
            self._zlib = zlib.decompressobj(_EITHER)
        try:
            unpacked: bytes = self._zlib.decompress(data, UNPACKED_BYTES)
        except zlib.error as error:
            raise httpx.DecodingError("the compressed data is broken") from error
        self._held = self._zlib.unconsumed_tail or self._zlib.unused_data
        return unpacked

    def _for(self, begin: bytes) -> Any:
        """The decompressor for a body with this beginning; None if it is not compressed."""
        head = begin[: len(_GZIP)]
        if head == _GZIP or head in _ZLIB:
            return zlib.decompressobj(_EITHER)
        if not self._encoding or not _is_binary(begin):
            return None
        if "deflate" in self._encoding:
            return zlib.decompressobj(_RAW)
        raise httpx.DecodingError(f"{self._encoding} is not known")


def _is_binary(begin: bytes) -> bool:
    """Whether the beginning of a body is binary, as that of compressed data mostly is."""
    text = begin[:1024].decode("utf-8", "replace")
    return any(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text[:-1])


INTERNALS = ("_read_nowait",)
"""What `_Arrivals` uses of aiohttp's reader; a version without it is read by its public ways."""
_HAS_INTERNALS = all(hasattr(aiohttp.StreamReader, name) for name in INTERNALS)


class _Arrivals(asyncio.Protocol):
    """In the place of aiohttp's protocol of a connection, which parses: gives what came to `take` at once.

    To resume the coroutines that await each read would cost as much as all the rest of the work for a
    token.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        content: aiohttp.StreamReader,
        take: Callable[[bytes], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._content = content
        self._take = take
        self._parser: Any = transport.get_protocol()
        self.since = self._loop.time()
        """When the last bytes came."""
        self.more = True
        """Whether `take` wants more."""
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when `take` wants no more, and at the end of the body."""
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._parser.data_received(data)
        self.read()

    def eof_received(self) -> bool | None:
        keeps_open: bool | None = self._parser.eof_received()
        return keeps_open

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)
        self.read()
        if not self.ended.done():  # aiohttp only closes a connection with broken chunks
            self.ended.set_exception(httpx.ReadError("the body is broken"))

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()

    def read(self) -> None:
        """Give what was parsed, or raise in `ended` why no more comes."""
        if self.ended.done():
            return
        content = self._content
        try:
            # To read may resume the parser, and then there is more.
            while self.more and (data := content._read_nowait(-1)):  # noqa: SLF001 - `read_nowait` drops what came before an error
                self.more = self._take(data)
            if self.more and (failure := content.exception()) is not None:
                raise failure  # noqa: TRY301 - like one of `take`
        except Exception as error:  # noqa: BLE001 - raised where this is awaited
            self.ended.set_exception(error)
            self.end()
            return
        if self.more and not content.is_eof():
            self.since = self._loop.time()
        else:
            self.ended.set_result(None)
            self.end()

    def end(self) -> None:
        """Give the connection back."""
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._parser)


class Body(httpx.AsyncByteStream):
    """The body of one response; `limit` is how many seconds a read may take."""

    def __init__(self, response: aiohttp.ClientResponse, limit: float) -> None:
        self.limit = limit
        self._response = response
        self._content = response.content
        self._packed = Unpacker(response.headers.get("Content-Encoding", ""))
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._arrivals: _Arrivals | None = None
        self._timer = self._loop.call_later(limit, self._look)
        self._bytes = 0

    async def read(self) -> bytes:
        """The received bytes, waiting for some; empty at the end."""
        packed = self._packed
        if packed.plain:
            return await self._next()
        while packed.more or not self._content.at_eof():
            if unpacked := packed.feed(b"" if packed.more else await self._next()):
                return unpacked
        return packed.feed(b"", last=True)

    async def _next(self) -> bytes:
        content = self._content
        failed = _HAS_INTERNALS and content.exception() is not None
        if failed and (data := content._read_nowait(-1)):  # noqa: SLF001 - `readany` drops it too
            return data
        self._waiting_since = self._loop.time()
        try:
            return await content.readany()
        except aiohttp.ClientError as error:
            raise httpx.ReadError(type(error).__name__) from error
        finally:
            self._waiting_since = None

    async def give(self, take: Callable[[bytes], bool]) -> None:
        """Give each read to `take` as soon as its bytes come, until it returns False.

        The last one is empty. `take` must not wait.
        """
        while take(await self.read()):
            if not (_HAS_INTERNALS and self._packed.plain) or self._content.at_eof():
                continue
            connection = self._response.connection
            if connection is None or connection.transport is None:
                continue
            self._arrivals = arrivals = _Arrivals(connection.transport, self._content, take)
            try:
                await arrivals.ended
            except aiohttp.ClientError as error:
                raise httpx.ReadError(type(error).__name__) from error
            finally:
                arrivals.end()
                self._arrivals = None
            if not arrivals.more:
                return

    def _look(self) -> None:
        """Fail a read that has waited too long; call this again when the next one may have."""
        arrivals = self._arrivals
        since = self._waiting_since if arrivals is None else arrivals.since
        now = self._loop.time()
        if since is not None and now >= since + self.limit:
            self._content.set_exception(httpx.ReadTimeout("no bytes in time"))
            if arrivals is not None:
                arrivals.read()
            return
        due = now + self.limit if since is None else since + self.limit
        self._timer = self._loop.call_at(due, self._look)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes of an error's body, limited in size and time; one that breaks off is read in part."""
        self.limit = min(self.limit, ERROR_SECONDS)
        cut = () if self._response.ok else (httpx.TransportError,)
        with suppress(*cut):
            while self._bytes < ERROR_BYTES and (data := await self.read()):
                self._bytes += len(data)
                yield data

    async def aclose(self) -> None:
        """Release the connection for reuse, or close it if the body was not read to its end."""
        self._timer.cancel()
        if self._content.at_eof():
            self._response.release()
        else:
            self._response.close()


class HttpClient(httpx.AsyncClient):
    """The client of the SDK, over aiohttp, and without what the SDK does itself."""

    def __init__(self, waits: Waits, *, proxied: bool) -> None:
        super().__init__(transport=httpx.AsyncBaseTransport(), trust_env=False)
        self._waits = waits
        self._proxied = proxied
        self._session: aiohttp.ClientSession | None = None
        self._certificates: ssl.SSLContext | None = None

    def build_request(self, method: str, url: httpx.URL | str, **given: Any) -> httpx.Request:
        """A request of the SDK, which has all headers that are sent; there are no defaults to merge."""
        parts = {name: given.get(name) for name in ("headers", "content", "extensions")}
        return httpx.Request(method, url, cookies=self.cookies, **parts)

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_: Any
    ) -> httpx.Response:
        """Send a request without following redirects; `stream`: return without the response's body."""
        try:
            async with asyncio.timeout(self._waits.connect + self._waits.first_token):
                answer = await self._request(request)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except httpx.HTTPError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise httpx.ConnectError(str(error)) from error
        headers = [
            (name, value)
            for name, value in answer.raw_headers
            # A `Body` decompresses itself.
            if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
        ]
        body = Body(answer, self._waits.first_token)
        # The content is not kept for as long as the answer takes.
        sent = httpx.Request(request.method, request.url)
        sent.headers = request.headers
        response = httpx.Response(answer.status, headers=headers, stream=body, request=sent)
        if "set-cookie" in response.headers:  # seldom, and to look for cookies takes long
            self.cookies.extract_cookies(response)
        if not stream:
            async with aclosing(response):
                await response.aread()
        return response

    async def _request(self, request: httpx.Request) -> aiohttp.ClientResponse:
        state = SimpleNamespace(kept=False)
        url = str(request.url)
        encoding = request.headers.encoding  # `multi_items` would compute it for each name
        arguments: dict[str, Any] = {
            "headers": [(n.decode(encoding), v.decode(encoding)) for n, v in request.headers.raw],
            "data": request.content or None,
            "allow_redirects": False,
            "timeout": aiohttp.ClientTimeout(
                total=None, connect=self._waits.connect, sock_read=None
            ),
            "proxy": proxy_for(request.url) if self._proxied else None,
            "trace_request_ctx": state,
        }
        if request.url.scheme == "https":
            self._certificates = self._certificates or certificates()
            arguments["ssl"] = self._certificates
        session = self._open()
        try:
            return await session.request(request.method, url, **arguments)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not state.kept or isinstance(error, aiohttp.ClientConnectorError):
                raise
        # The reused connection was closed before the request reached the service.
        return await session.request(request.method, url, **arguments)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
                max_line_size=HEADER_BYTES,
                max_field_size=HEADER_BYTES,
                skip_auto_headers=("User-Agent",),
                auto_decompress=False,
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        await super().aclose()
        if self._session is not None:
            await self._session.close()


async def _note_reuse(_session: object, context: SimpleNamespace, _parameters: object) -> None:
    context.trace_request_ctx.kept = True
