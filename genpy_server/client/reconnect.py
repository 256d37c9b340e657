"""The state of a client's connection, how it is lost, and the delays before it reconnects."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from genpy_server.core.backoff import Backoff
from genpy_server.errors import GenPyError, NotFound, Refused, TooLarge, Unauthorized, Unreachable
from genpy_server.wire import CLOSE_AGAIN, CLOSE_UNAUTHORIZED

RECONNECT = Backoff(first=0.25, longest=20.0, jitter=0.5)
STEADY_SECONDS = 10.0
"""A connection that lasted so long resets the delays."""
NORMAL = 1000
"""How a server closes when it is done, as when the session was deleted."""
TOO_BIG = 1009
"""How it closes when a sent frame is larger than it reads."""

_CLOSED: dict[int, type[GenPyError]] = {CLOSE_UNAUTHORIZED: Unauthorized, TOO_BIG: TooLarge}


class Link(NamedTuple):
    """The state of a connection; `refused` and `closed` are final."""

    state: Literal["connecting", "open", "reconnecting", "refused", "closed"]
    attempt: int = 0
    """Failed attempts in a row."""
    delay: float = 0.0
    """While reconnecting: seconds until the next attempt."""
    error: GenPyError | None = None

    @property
    def reason(self) -> str:
        """The message of the error; empty without one."""
        return "" if self.error is None else self.error.message


class Lost(Exception):
    """The connection failed or was lost; `again` is whether a retry may help, `code` how it closed."""

    def __init__(self, error: GenPyError, *, again: bool, code: int | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.code = code


def closed_by(server: str, code: int, reason: str = "") -> Lost:
    """The failure of a connection that this server closed."""
    if code == NORMAL:
        return Lost(NotFound(reason or "The session was closed."), again=False, code=code)
    if code in CLOSE_AGAIN:
        reason = reason or f"The connection to {server} was lost."
        return Lost(Unreachable(reason), again=True, code=code)
    reason = reason or f"The server closed the connection with code {code}."
    error = _CLOSED.get(code, Refused)(reason)
    return Lost(error, again=code == TOO_BIG, code=code)


class ReconnectDelay(msgspec.Struct):
    """The delays of one client; `chance` returns random numbers from 0 to 1."""

    chance: Callable[[], float]
    clock: Callable[[], float]
    failures: int = 0
    opened_at: float | None = None

    def opened(self) -> None:
        """Note that a connection was opened."""
        self.opened_at = self.clock()

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait before the next attempt to connect."""
        if self.opened_at is not None and self.clock() - self.opened_at >= STEADY_SECONDS:
            self.failures = 0
        self.opened_at = None
        delay = RECONNECT.delay(self.failures, chance=self.chance(), retry_after=retry_after)
        self.failures += 1
        return delay
