"""Exponential back-off: the delays of every retry.

Delays double up to a limit. A part of each is random, so that clients that failed together do not
retry together. A delay that the other side asks for (Retry-After) is respected within a limit.
"""

import msgspec

_MOST_DOUBLINGS = 16


class Backoff(msgspec.Struct, frozen=True):
    """Delays in seconds; random numbers are passed in."""

    first: float
    longest: float
    jitter: float = 0.0
    """The random share of each delay, from 0 to 1."""
    longest_asked: float = 3_600.0
    """Limit of `retry_after`."""
    attempts: int | None = None
    """Most attempts, including the first one; None without a limit."""

    def delay(
        self, failures: int, *, chance: float = 1.0, retry_after: float | None = None
    ) -> float:
        """The delay after one more failure; `failures` came before it, `chance` is from 0 to 1."""
        doubled = min(self.first * 2.0 ** min(failures, _MOST_DOUBLINGS), self.longest)
        spread = doubled * (1.0 - self.jitter + self.jitter * chance)
        return max(spread, min(retry_after or 0.0, self.longest_asked))

    def exhausted(self, failures: int) -> bool:
        """Whether the limit of attempts is reached."""
        return self.attempts is not None and failures >= self.attempts
