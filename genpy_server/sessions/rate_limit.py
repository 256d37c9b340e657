"""Rate limits: a token bucket for each user."""

import math
import time
from collections.abc import Callable

from genpy_server.errors import RateLimited


class Rates:
    """The token buckets of all users; `what` names in errors what is limited.

    A bucket fills at `per_minute` tokens a minute, up to as many.
    """

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
        self._buckets: dict[str, tuple[float, float]] = {}
        """The tokens of each user, and when they were so many, in seconds."""

    def refusal(self, user_id: str) -> RateLimited | None:
        """Take a token; returns the error where there is none, with the time to wait."""
        now = self._clock()
        tokens, at = self._buckets.get(user_id, (self._per_minute, now))
        tokens = min(self._per_minute, tokens + (now - at) * self._per_minute / 60)
        self._buckets[user_id] = tokens - (tokens >= 1), now
        if tokens >= 1:
            return None
        wait = (1 - tokens) * 60 / self._per_minute
        text = f"Too many {self._what} in a minute. Wait {math.ceil(wait)} s and try again."
        return RateLimited(text, retry_after=round(wait, 1))

    def give_back(self, user_id: str) -> None:
        """Return a token that was not used."""
        if user_id in self._buckets:
            tokens, at = self._buckets[user_id]
            self._buckets[user_id] = min(self._per_minute, tokens + 1), at

    def charge(self, user_id: str) -> None:
        """Take a token; raises `RateLimited` where there is none."""
        refusal = self.refusal(user_id)
        if refusal is not None:
            raise refusal
