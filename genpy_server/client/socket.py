"""One WebSocket to a session.

Importing this imports `websockets`, so a client imports it when it first connects.
"""

import logging
from ssl import SSLCertVerificationError

from websockets import exceptions
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from genpy_server.client.address import Address
from genpy_server.client.http_records import read_error
from genpy_server.client.reconnect import Lost, closed_by
from genpy_server.errors import BadRequest, Refused
from genpy_server.wire import PROTOCOL

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
PING_SECONDS = 10.0
"""Interval and time limit of pings: a dead connection is detected within twice as long."""
ABNORMAL = 1006

# At lower levels the library logs tokens and messages.
_log = logging.getLogger("genpy.client")
_log.setLevel(logging.WARNING)
_log.addHandler(logging.NullHandler())


class _Connect(connect):
    """Follows no redirect, which would send the token to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class WebSocket:
    """See `Socket`."""

    def __init__(self, connection: ClientConnection, address: Address) -> None:
        self._connection = connection
        self._address = address

    @classmethod
    async def open(cls, address: Address, url: str, token: str | None) -> "WebSocket":
        """Connect to a URL."""
        try:
            connection = await _Connect(
                url,
                subprotocols=[Subprotocol(PROTOCOL)],
                additional_headers={"Authorization": f"Bearer {token}"} if token else None,
                compression=None,
                proxy=None if address.is_loopback else True,
                open_timeout=OPEN_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=None,
                logger=_log,
            )
        except exceptions.InvalidStatus as error:
            raise _answered(address, error) from error
        except SSLCertVerificationError as error:  # before ValueError, its base class
            why = f"The certificate of {address.http} is not trusted: {error.verify_message}."
            raise Lost(Refused(why), again=False) from error
        # ImportError: for SOCKS; OSError: also TimeoutError.
        except (exceptions.InvalidURI, exceptions.InvalidProxy, ValueError, ImportError) as error:
            refused = BadRequest(f"Cannot connect to {address.http}: {error}.")
            raise Lost(refused, again=False) from error
        except (OSError, EOFError, exceptions.InvalidHandshake) as error:
            raise Lost(address.unreachable(), again=True) from error
        socket = cls(connection, address)
        if connection.subprotocol != PROTOCOL:
            await socket.close()
            raise Lost(address.no_server(), again=False)
        return socket

    async def receive(self) -> str:
        """The next frame."""
        try:
            return str(await self._connection.recv(decode=True))
        except exceptions.ConnectionClosed as error:
            raise self._lost(error) from error

    async def send(self, text: str) -> None:
        """Send a frame."""
        try:
            await self._connection.send(text)
        except exceptions.ConnectionClosed as error:
            raise self._lost(error) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def _lost(self, closed: exceptions.ConnectionClosed) -> Lost:
        if closed.rcvd is None:
            return closed_by(self._address.http, ABNORMAL)
        return closed_by(self._address.http, closed.rcvd.code, closed.rcvd.reason)


def _answered(address: Address, refused: exceptions.InvalidStatus) -> Lost:
    """The error of a server that answers the handshake with an HTTP error."""
    response = refused.response
    error = read_error(response.body or b"") or address.no_server(response.status_code)
    return Lost(error, again=error.retryable)
