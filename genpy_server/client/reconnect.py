"""How a client's connection is, and how long it waits before it comes back."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from genpy_server.core.backoff import Backoff
from genpy_server.errors import GenPyError

RECONNECT = Backoff(first=0.25, longest=20.0, jitter=0.5)
STEADY_SECONDS = 10.0
"""After a connection that lasted so long the delays begin with the first one again."""


class Link(NamedTuple):
    """The state of a connection. After `refused` and `closed` it does not come back."""

    state: Literal["connecting", "open", "reconnecting", "refused", "closed"]
    attempt: int = 0
    """How often in a row there was none."""
    delay: float = 0.0
    """While reconnecting: seconds until the next attempt."""
    error: GenPyError | None = None
    """Why it failed."""

    @property
    def reason(self) -> str:
        """The same as a sentence; empty while all is well."""
        return "" if self.error is None else self.error.message


class ReconnectDelay:
    """The delays of one client, by its clock and its chance."""

    def __init__(self, chance: Callable[[], float], clock: Callable[[], float]) -> None:
        self._chance = chance
        self._clock = clock
        self._opened: float | None = None
        self.failures = 0

    def opened(self) -> None:
        """A connection was made."""
        self._opened = self._clock()

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait before the next attempt to connect."""
        if self._opened is not None and self._clock() - self._opened >= STEADY_SECONDS:
            self.failures = 0
        self._opened = None
        delay = RECONNECT.delay(self.failures, chance=self._chance(), retry_after=retry_after)
        self.failures += 1
        return delay
