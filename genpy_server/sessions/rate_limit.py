"""Rate limits: a token bucket for each user."""

import math
import time
from collections.abc import Callable

from genpy_server.errors import RateLimited


class TokenBucket:
    """Fills at `per_minute` tokens a minute, up to as many; times are in seconds."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._tokens = self._capacity
        self._at = now

    def give_back(self) -> None:
        """Return a token that was not used."""
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
    """The token buckets of all users; `what` names in errors what is limited."""

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
        """Take a token; returns the error where there is none, with the time to wait."""
        now = self._clock()
        wait = self._buckets.setdefault(user_id, TokenBucket(self._per_minute, now)).take(now)
        if wait == 0:
            return None
        text = f"Too many {self._what} in a minute. Wait {math.ceil(wait)} s and try again."
        return RateLimited(text, retry_after=round(wait, 1))

    def give_back(self, user_id: str) -> None:
        """Return a token that was not used."""
        if user_id in self._buckets:
            self._buckets[user_id].give_back()

    def charge(self, user_id: str) -> None:
        """Take a token; raises `RateLimited` where there is none."""
        refusal = self.refusal(user_id)
        if refusal is not None:
            raise refusal
