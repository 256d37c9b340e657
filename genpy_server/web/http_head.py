"""One HTTP request out of the bytes of a connection, without any I/O.

`RequestReader` is fed bytes as they come and gives one `Request`, or raises the error to answer
with. It is strict where leniency has opened servers to attack: CRLF alone ends a line, a body has
one Content-Length of digits, no field is folded, and the fields that decide anything come once.
What follows the request on the connection is dropped, since every answer closes it.
"""

import re
from dataclasses import replace
from urllib.parse import parse_qsl

from genpy_server.errors import BadRequest, HeadTooLarge, LengthRequired, Refused, TooLarge
from genpy_server.web.messages import Request

LINE_BYTES = 8_000
"""The websockets library reads lines of up to 8,192 bytes."""
FIELDS = 100
QUERY_FIELDS = 20
END = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SINGLE = frozenset({"authorization", "content-length", "content-type", "host", "origin"})
"""Fields that decide something: two of them could be read in two ways."""

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")
_START = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (/[!-~]*) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")


class RequestReader:
    """Reads one request."""

    def __init__(self, *, head_bytes: int, body_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._body_bytes = body_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._request: Request | None = None
        self._length = 0
        self._writes = b""
        self._end = 0
        self.started = False
        """Whether any byte came."""
        self.finished = False
        """Whether the request is complete or refused."""

    def release(self) -> tuple[bytes, bytes]:
        """After a request to upgrade: its head as it came, and what came behind it."""
        head, behind = bytes(self._buffer[: self._end]), bytes(self._buffer[self._end :])
        self._buffer.clear()
        return head, behind

    def receive_data(self, data: bytes) -> Request | None:
        """Take bytes; returns the request when it is complete, and raises `Refused` once."""
        if self.finished:
            return None
        self.started = self.started or bool(data)
        self._buffer += data
        try:
            request = self._read()
        except Refused:
            self.finished = True
            raise
        self.finished = request is not None
        return request

    def receive_eof(self) -> None:
        """Take the end of the bytes; raises `BadRequest` when it is in the middle of a request."""
        if self.started and not self.finished:
            self.finished = True
            raise BadRequest("The request ended before it was complete.")

    def data_to_send(self) -> bytes:
        """What the client waits for before it sends the body."""
        writes, self._writes = self._writes, b""
        return writes

    def _read(self) -> Request | None:
        if self._request is None:
            end = self._find_end()
            if end < 0:
                return None
            request = parse_head(bytes(self._buffer[:end]))
            self._length = body_length(request, self._body_bytes)
            self._end = end + len(END)
            if request.upgrade:
                return request
            self._request = request
            del self._buffer[: self._end]
            expected = [item.lower() for item in request.listed("expect")]
            if "100-continue" in expected and len(self._buffer) < self._length:
                self._writes = CONTINUE
        if len(self._buffer) < self._length:
            return None
        return replace(self._request, body=bytes(self._buffer[: self._length]))

    def _find_end(self) -> int:
        """Where the head ends, or -1. A byte that no head can hold is refused at once."""
        end = self._buffer.find(END, max(0, self._scanned - len(END)))
        upto = len(self._buffer) if end < 0 else end + len(END)
        if _FORBIDDEN.search(self._buffer, max(0, self._scanned - 1), upto):
            raise BadRequest("This is no HTTP request. The server speaks HTTP/1.1 without TLS.")
        if upto > self._head_bytes:
            raise HeadTooLarge(f"The head of a request has at most {self._head_bytes} bytes.")
        self._scanned = upto
        return end


def parse_head(head: bytes) -> Request:
    """A request from its head, without the empty line at the end; raises `Refused`."""
    start, *lines = head.split(b"\r\n")
    if len(lines) > FIELDS or any(len(line) > LINE_BYTES for line in (start, *lines)):
        raise HeadTooLarge(
            f"A request has at most {FIELDS} header fields, each of at most {LINE_BYTES} bytes."
        )
    match = _START.fullmatch(start)
    if match is None:
        raise BadRequest("This is no HTTP request. The server speaks HTTP/1.1 without TLS.")
    method, target, minor = (part.decode("ascii") for part in match.groups())
    headers = _fields(lines)
    if "host" not in headers and minor == "1":
        raise BadRequest("An HTTP/1.1 request names its Host.")
    path, _, query = target.partition("?")
    request = Request(method, path, _query(query), headers)
    if request.upgrade and (minor == "0" or not _is_for_library(headers)):
        raise BadRequest("The request to open a WebSocket is malformed.")
    return request


def _is_for_library(headers: dict[str, str]) -> bool:
    """Whether the library can read, and quote in a refusal, the fields that open a WebSocket."""
    return all(
        value.isascii()
        for name, value in headers.items()
        if name in {"connection", "upgrade"} or name.startswith("sec-websocket-")
    )


def body_length(request: Request, limit: int) -> int:
    """How many bytes of body follow the head; raises `Refused` where none can be read safely."""
    length = request.headers.get("content-length")
    if "transfer-encoding" in request.headers:
        if length is not None:
            raise BadRequest("A request has Content-Length or Transfer-Encoding, never both.")
        raise LengthRequired("Send the body with Content-Length; chunked bodies are not read.")
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise BadRequest("Content-Length must be one whole number.")
    if request.upgrade:
        raise BadRequest("A request to open a WebSocket has no body.")
    if int(length) > limit:
        raise TooLarge(f"The body of a request has at most {limit} bytes.")
    return int(length)


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadRequest("A header field is malformed.")
        name = match[1].decode("ascii").lower()
        value = match[2].decode("utf-8", "surrogateescape")
        if name in fields:
            if name in SINGLE:
                raise BadRequest(f"The header field {name} came twice.")
            value = f"{fields[name]}, {value}"
        fields[name] = value
    return fields


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
