"""How a client's connection is, and how long it waits before it comes back."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from genpy_server.errors import GenPyError

FIRST_DELAY = 0.25
LONGEST_DELAY = 20.0
STEADY_SECONDS = 10.0
"""A connection that lasted so long was a good one: after it the delays begin anew."""
_MOST_DOUBLINGS = 16


class Link(NamedTuple):
    """The state of a connection. After `refused` and `closed` it does not come back."""

    state: Literal["connecting", "open", "reconnecting", "refused", "closed"]
    attempt: int = 0
    """How often in a row there was none."""
    delay: float = 0.0
    """While reconnecting: seconds until the next attempt."""
    error: GenPyError | None = None
    """Why there is none."""

    @property
    def reason(self) -> str:
        """The same as a sentence; empty while all is well."""
        return "" if self.error is None else self.error.message


class Backoff:
    """Delays that double up to a limit, each cut by chance so that clients do not come at once."""

    def __init__(self, chance: Callable[[], float], clock: Callable[[], float]) -> None:
        self._chance = chance
        self._clock = clock
        self._opened: float | None = None
        self.failures = 0

    def opened(self) -> None:
        """A connection was made."""
        self._opened = self._clock()

    def next(self, at_least: float = 0.0) -> float:
        """Seconds to wait now that there is no connection."""
        if self._opened is not None and self._clock() - self._opened >= STEADY_SECONDS:
            self.failures = 0
        self._opened = None
        delay = min(FIRST_DELAY * 2.0 ** min(self.failures, _MOST_DOUBLINGS), LONGEST_DELAY)
        self.failures += 1
        return max(at_least, delay * (0.5 + self._chance() / 2))
