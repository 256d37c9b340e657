"""The address of a server, and its URLs for HTTP and WebSocket."""

from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from genpy_server.core.identity import is_loopback
from genpy_server.errors import BadRequest, GenPyError, Unauthorized, Unreachable

UNAVAILABLE = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses of a proxy while the server behind it is down or busy."""


class Address(NamedTuple):
    """A server; `base` is host, port and path, without a slash at the end."""

    secure: bool
    base: str
    is_loopback: bool
    """Whether it is this machine; then proxies are not used."""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse an http(s) or ws(s) URL; raises `BadRequest` for anything else."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https", "ws", "wss"} or "@" in parts.netloc:
            raise BadRequest(
                f"{url!r} is not the address of a server. Give one such as http://127.0.0.1:8001."
            )
        base = parts.netloc + parts.path.rstrip("/")
        return cls(parts.scheme in {"https", "wss"}, base, is_loopback(host))

    @property
    def http(self) -> str:
        """The URL for HTTP."""
        return f"http{'s' if self.secure else ''}://{self.base}"

    def session(self, ref: str, **query: str | int | None) -> str:
        """The WebSocket URL of a session; parameters that are None are left out."""
        given = {key: value for key, value in query.items() if value is not None}
        name = quote(ref, safe="")
        return f"ws{'s' if self.secure else ''}://{self.base}/ws/session/{name}?{urlencode(given)}"

    def unreachable(self) -> Unreachable:
        """The error where nothing answers."""
        hint = " Start one with `genpy serve`." if self.is_loopback else ""
        return Unreachable(f"No server answers at {self.http}.{hint}")

    def wants_token(self) -> Unauthorized:
        """The error where the server requires a token and none is set."""
        return Unauthorized(
            f"The server at {self.http} asks for a token. Set GENPY_TOKEN to yours."
        )

    def no_server(self, status: int | None = None) -> GenPyError:
        """The error where another program answers, or a proxy whose server is down."""
        if status in UNAVAILABLE:
            return Unreachable(f"{self.http} answers {status}: its server is down or busy.")
        answer = "" if status is None else f" It answers {status}."
        return BadRequest(f"What answers at {self.http} is not a GenPy server.{answer}")
