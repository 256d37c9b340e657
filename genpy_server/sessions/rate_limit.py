"""How much a user may ask for in a minute: token buckets, one for each user."""

import math
import time
from collections.abc import Callable

from genpy_server.errors import RateLimited


class TokenBucket:
    """`per_minute` tokens a minute, and as many at once; time is in seconds."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._tokens = self._capacity
        self._at = now

    def give_back(self) -> None:
        """Put a token back that was taken for nothing."""
        self._tokens = min(self._capacity, self._tokens + 1)

    def take(self, now: float) -> float:
        """Take one token and return 0, or return the seconds until there is one."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second


class Rates:
    """What each user has left of a minute's worth, over every socket and HTTP."""

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        what: str = "messages or changes",
    ) -> None:
        self._per_minute = per_minute
        self._what = what
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def refusal(self, user_id: str) -> RateLimited | None:
        """Count one more, or say how long to wait for it."""
        now = self._clock()
        wait = self._buckets.setdefault(user_id, TokenBucket(self._per_minute, now)).take(now)
        if wait == 0:
            return None
        text = f"Too many {self._what} in a minute. Wait {math.ceil(wait)} s and try again."
        return RateLimited(text, retry_after=round(wait, 1))

    def give_back(self, user_id: str) -> None:
        """Count one less, which came to nothing."""
        if user_id in self._buckets:
            self._buckets[user_id].give_back()

    def charge(self, user_id: str) -> None:
        """Count one more, or raise `RateLimited`."""
        refusal = self.refusal(user_id)
        if refusal is not None:
            raise refusal
