"""An HTTP request as it was received, and the answer to it: plain values, no socket."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from http import HTTPStatus
from io import SEEK_END, BytesIO
from math import ceil
from typing import IO, Any

import msgspec

from genpy_server.core.models import ErrorAnswer, ErrorDetail
from genpy_server.errors import GenPyError

JSON = "application/json"
HTML_TYPE = "text/html"
HTML = f"{HTML_TYPE}; charset=utf-8"
MEMORY_BYTES = 1024 * 1024
"""Of a `stored_body`, until it goes to the disk."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Header fields of every answer; a page replaces the last one."""


class Request(msgspec.Struct, frozen=True):
    """One request; `path` is percent-encoded ASCII without the query.

    Names of `headers` are lower case, and the values of a repeated field are joined by ", ".
    """

    method: str
    path: str
    query: dict[str, str] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    user: str | None = None
    """The owner of the conversations that it may read, set by the gate."""

    def listed(self, name: str) -> list[str]:
        """The elements of a header field that is a comma-separated list."""
        return [item for part in self.headers.get(name, "").split(",") if (item := part.strip())]

    @property
    def is_visit(self) -> bool:
        """Whether a browser asks for a page."""
        return (
            self.method == "GET"
            and not self.upgrade
            and any(item.partition(";")[0] == HTML_TYPE for item in self.listed("accept"))
        )

    @property
    def accepts_gzip(self) -> bool:
        """Whether the client accepts gzip."""
        offered = [item.replace(" ", "") for item in self.listed("accept-encoding")]
        return any(item.split(";")[0] == "gzip" and not item.endswith(";q=0") for item in offered)

    @property
    def upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return (
            self.method == "GET"
            and any(option.lower() == "upgrade" for option in self.listed("connection"))
            and any(protocol.lower() == "websocket" for protocol in self.listed("upgrade"))
        )


def stored_body(parts: Iterable[bytes]) -> IO[bytes]:
    """A body of any size in a temporary file. Raises `OSError` on a full disk.

    Make and close it in a thread: to remove a file of 100 MB takes 25 ms.
    """
    from tempfile import SpooledTemporaryFile  # noqa: PLC0415 - when something is exported

    file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        file.writelines(parts)
    except BaseException:
        file.close()
        raise
    return file


class Response(msgspec.Struct, frozen=True):
    """One answer. With an `etag` a browser may cache it and revalidate it."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    etag: str | None = None
    stored: IO[bytes] | None = None
    """The body, instead of `body`, if it may be larger than what should be in memory."""

    @classmethod
    def json(cls, value: Any, status: int = 200) -> "Response":
        """An answer of a value that msgspec can encode."""
        return cls(status, msgspec.json.encode(value))

    @classmethod
    def file(
        cls, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> "Response":
        """Content that is the same for everyone until the next release."""
        etag = f'"{sha256(body).hexdigest()[:20]}"'
        return cls(body=body, content_type=content_type, headers=dict(headers or {}), etag=etag)

    @classmethod
    def error(cls, error: GenPyError, headers: Mapping[str, str] | None = None) -> "Response":
        """The answer to an error, with its status, code and message."""
        detail = ErrorDetail(error.code, error.message, error.retry_after)
        fields = dict(headers or {})
        if error.retry_after is not None:
            fields["Retry-After"] = str(ceil(error.retry_after))
        return cls(error.status, msgspec.json.encode(ErrorAnswer(detail)), headers=fields)

    def varying(self, name: str) -> "Response":
        """The same with a `Vary` for a field of the request."""
        named = self.headers.get("Vary")
        return msgspec.structs.replace(
            self, headers={**self.headers, "Vary": name if named is None else f"{named}, {name}"}
        )

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return len(self.body) if self.stored is None else self.stored.seek(0, SEEK_END)

    def blocks(self, size: int) -> Iterator[bytes]:
        """The body in blocks of so many bytes at most."""
        file = self.stored or BytesIO(self.body)
        file.seek(0)
        while block := file.read(size):
            yield block

    @property
    def reason(self) -> str:
        """The standard phrase of the status."""
        return HTTPStatus(self.status).phrase

    def unchanged_for(self, request: Request) -> bool:
        """Whether the client has this content already (If-None-Match)."""
        held = [tag.removeprefix("W/") for tag in request.listed("if-none-match")]
        return self.etag is not None and (self.etag in held or held == ["*"])
