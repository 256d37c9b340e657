"""How long to wait before something that failed is tried again: one policy for every retry.

Delays double up to a limit. A part of each is left to chance, so that those who failed together do
not come back together. A wait that the other side asks for (Retry-After) is kept, within a bound.
"""

import msgspec

_MOST_DOUBLINGS = 16


class Backoff(msgspec.Struct, frozen=True):
    """Delays in seconds; plain values, without a clock or chance of their own."""

    first: float
    longest: float
    jitter: float = 0.0
    """The share of each delay that is left to chance, from 0 to 1."""
    longest_asked: float = 3_600.0
    """The longest wait that the other side may ask for."""
    attempts: int | None = None
    """How often it is tried at most, the first time included; None without a limit."""

    def delay(
        self, failures: int, *, chance: float = 1.0, retry_after: float | None = None
    ) -> float:
        """The wait after so many failures before this one; `chance` is from 0 to 1."""
        doubled = min(self.first * 2.0 ** min(failures, _MOST_DOUBLINGS), self.longest)
        spread = doubled * (1.0 - self.jitter + self.jitter * chance)
        return max(spread, min(retry_after or 0.0, self.longest_asked))

    def exhausted(self, failures: int) -> bool:
        """Whether so many failures were the last ones."""
        return self.attempts is not None and failures >= self.attempts
