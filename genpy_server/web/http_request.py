"""Reads one HTTP request from the bytes of a connection, without any I/O.

h11 parses the head and the body. `RequestReader` limits what h11 gets, and refuses what h11 accepts
but other servers may parse in another way: control characters, a line that ends in LF alone, folded
fields, repeated fields of `SINGLE`, both Content-Length and Transfer-Encoding, trailers, and control
characters beside the size of a chunk. It returns one `Request`, or raises the error to answer with.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

import h11
import msgspec

from genpy_server.errors import BadRequest, HeadTooLarge, TooLarge
from genpy_server.web.messages import Request, Response

LINE_BYTES = 8_000
FIELDS = 100
QUERY_FIELDS = 20
METHOD_BYTES = 32
BLOCK_BYTES = 256 * 1024
"""Of an answer, given to the transport at once."""
END = b"\r\n\r\n"
EMPTY_LINE = b"\r\n"
SINGLE = ("authorization", "content-length", "content-type", "host", "origin", "transfer-encoding")
"""Fields that may come once, since two of them could be read in two ways."""

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")
_FOLDED = re.compile(rb"\r\n[ \t]")
_CHUNK = re.compile(rb"([0-9a-f]+)(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n", re.IGNORECASE)
_SINGLE = re.compile(rb"\r\n(%s)[ \t]*:" % "|".join(SINGLE).encode(), re.IGNORECASE)
_LENGTHS = re.compile(rb"\r\ncontent-length:[^\r]*,", re.IGNORECASE)
_NOT_HTTP = "Not a valid HTTP request. The server speaks HTTP/1.1 without TLS."


class RequestReader:
    """Reads one request and writes its answer: an h11 connection for one exchange."""

    def __init__(self, *, head_bytes: int, body_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._body_bytes = body_bytes
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=head_bytes)
        self._buffer = bytearray()
        self._scanned = 0
        self._request: Request | None = None
        self.known: Request | None = None
        """The request as far as it was read, for the answer that refuses it."""
        self._body = bytearray()
        self._fed = bytearray()
        """What came of the body, with the sizes of chunks."""
        self._skipped = False
        self.started = False
        """Whether any byte came."""

    def receive_data(self, data: bytes) -> Request | None:
        """Add bytes; returns the request when it is complete. Raises `Refused`."""
        self.started = self.started or bool(data)
        try:
            return self._read(data)
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HeadTooLarge.status:
                raise HeadTooLarge("A part of the request is too long.") from None
            raise BadRequest(_NOT_HTTP) from None

    def receive_eof(self) -> None:
        """Note the end of the bytes; raises `BadRequest` for an incomplete request."""
        if self.started and self._h11.their_state is not h11.DONE:
            raise BadRequest("The request ended before it was complete.")

    @property
    def left_over(self) -> bytes:
        """Bytes after a complete request."""
        return self._h11.trailing_data[0] + bytes(self._buffer)

    def continue_bytes(self) -> bytes:
        """The answer 100 if the client waits for it before it sends the body; else empty."""
        if self._fed or not self._h11.they_are_waiting_for_100_continue:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def answer(self, response: Response, fields: Iterable[tuple[str, str]]) -> Iterator[bytes]:
        """An answer in parts: status and header fields, and the body unless the request was HEAD."""
        head = h11.Response(
            status_code=response.status,
            headers=[(name.encode(), value.encode()) for name, value in fields],
            reason=response.reason.encode(),
        )
        part = self._h11.send(head) or b""
        silent = self._request is not None and self._request.method == "HEAD"
        for block in () if silent else response.blocks(BLOCK_BYTES):
            yield part + (self._h11.send(h11.Data(data=block)) or b"")
            part = b""
        yield part + (self._h11.send(h11.EndOfMessage()) or b"")

    @property
    def may_follow(self) -> bool:
        """Whether another request may follow the one that was answered."""
        return self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE

    def _read(self, data: bytes) -> Request | None:
        if self._request is None:
            self._buffer += data
            if not self._skipped and len(self._buffer) >= len(EMPTY_LINE):
                self._skipped = True  # the one empty line that some clients send after a body
                self._buffer = self._buffer.removeprefix(EMPTY_LINE)
            end = self._find_end()
            if end < 0:
                return None
            head, data = bytes(self._buffer[:end]), bytes(self._buffer[end:])
            self._buffer.clear()
            self._request = self._read_head(head)
            if self._request.upgrade:
                self._buffer += data
                return self._request
        return self._read_body(self._request, data)

    def _find_end(self) -> int:
        """The end of the head, or -1; a byte that is not allowed in a head is refused at once."""
        found = self._buffer.find(END, max(0, self._scanned - len(END)))
        upto = len(self._buffer) if found < 0 else found + len(END)
        if _FORBIDDEN.search(self._buffer, max(0, self._scanned - 1), upto):
            raise BadRequest(_NOT_HTTP)
        if upto > self._head_bytes:
            raise HeadTooLarge(f"The head of a request has at most {self._head_bytes} bytes.")
        self._scanned = max(self._scanned, upto)
        return -1 if found < 0 else upto

    def _read_head(self, head: bytes) -> Request:
        lines = head[: -len(END)].split(b"\r\n")
        if len(lines) > FIELDS + 1 or any(len(line) > LINE_BYTES for line in lines):
            raise HeadTooLarge(
                f"A request has at most {FIELDS} header fields, each of at most {LINE_BYTES} bytes."
            )
        if _FOLDED.search(head):
            raise BadRequest("A header field must be on one line.")
        _check_repeated(head)
        self._h11.receive_data(head)
        event = self._h11.next_event()
        if not isinstance(event, h11.Request):
            raise BadRequest(_NOT_HTTP)
        self.known, query = _request(event)
        request = msgspec.structs.replace(self.known, query=_query(query))
        check_framing(request, event.http_version, self._body_bytes)
        return request

    def _read_body(self, request: Request, data: bytes) -> Request | None:
        if data:
            self._h11.receive_data(data)
            self._fed += data
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
            if isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._body_bytes:
                    raise TooLarge(f"The body of a request has at most {self._body_bytes} bytes.")
            if isinstance(event, h11.EndOfMessage):
                if "transfer-encoding" in request.headers:
                    _check_chunks(self._fed, len(self._fed) - len(self._h11.trailing_data[0]))
                return msgspec.structs.replace(request, body=bytes(self._body))
        if len(self._fed) > self._body_bytes + self._head_bytes:
            raise TooLarge("The body of the request comes in too many small chunks.")
        return None


def _check_chunks(body: bytearray, end: int) -> None:
    """Refuse what only some servers read: trailers, and control characters or spaces beside a size."""
    at, size = 0, 1
    while size:
        line = _CHUNK.match(body, at)
        if line is None:
            raise BadRequest("The size of a chunk cannot be read.")
        size = int(line[1], 16)
        at = line.end() + size + len(EMPTY_LINE)
    if at != end:
        raise BadRequest("A chunked body must end without trailers.")


def check_framing(request: Request, version: bytes, body_bytes: int) -> None:
    """Raise for a body whose length is ambiguous, or that is too large."""
    length = request.headers.get("content-length")
    coding = request.headers.get("transfer-encoding")
    if coding is not None and length is not None:
        raise BadRequest("A request has Content-Length or Transfer-Encoding, never both.")
    if coding is not None and version != b"1.1":
        raise BadRequest("An HTTP/1.0 request has no Transfer-Encoding.")
    if request.upgrade and (length is not None or coding is not None):
        raise BadRequest("A request to open a WebSocket has no body.")
    if request.upgrade and version != b"1.1":
        raise BadRequest("A WebSocket is opened with HTTP/1.1.")
    if length is not None and int(length) > body_bytes:
        raise TooLarge(f"The body of a request has at most {body_bytes} bytes.")


def _check_repeated(head: bytes) -> None:
    seen: set[bytes] = set()
    for name in map(bytes.lower, _SINGLE.findall(head)):
        if name in seen:
            raise BadRequest(f"The header field {name.decode()} came twice.")
        seen.add(name)
    if _LENGTHS.search(head):
        raise BadRequest("Content-Length must be one whole number.")


def _request(event: h11.Request) -> tuple[Request, str]:
    """The request without its query, and the text of that."""
    headers: dict[str, str] = {}
    for name, value in event.headers:
        key, text = name.decode("ascii"), value.decode("utf-8", "surrogateescape")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    if event.http_version not in {b"1.0", b"1.1"} or len(event.method) > METHOD_BYTES:
        raise BadRequest(_NOT_HTTP)
    if "host" not in headers and event.http_version == b"1.1":
        raise BadRequest("An HTTP/1.1 request names its Host.")
    target = event.target.decode("ascii")
    if not target.startswith("/"):
        target, headers["host"] = _absolute(target)
    path, _, query = target.partition("?")
    return Request(event.method.decode("ascii"), path, headers=headers), query


def _absolute(target: str) -> tuple[str, str]:
    """Path with query, and authority, of an absolute target; the authority replaces Host."""
    try:
        parts = urlsplit(target)
    except ValueError:
        raise BadRequest(_NOT_HTTP) from None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise BadRequest("The target of a request is a path or an http address.")
    return f"{parts.path or '/'}?{parts.query}", parts.netloc


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS
        )
    except ValueError:
        raise BadRequest("The query of the address cannot be read.") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise BadRequest("A name in the query of the address came twice.")
    return query
