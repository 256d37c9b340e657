"""What a client still has to say, in order: nothing is lost by a cut, and nothing said twice.

A message stays until the server says that it is committed, and goes out again with the same id
after each reconnection; the server answers a repeated id without a second reply. One message is
under way at a time, so that what waits for a rate limit is not overtaken by what was said later.
"""

from collections import deque

from genpy_server.core.backoff import Backoff
from genpy_server.wire import Approve, Cancel, ClientFrame, Send

RESEND = Backoff(first=1.0, longest=30.0)
"""Before a message that was refused for now is sent again, where the server names no wait."""


class Outbox:
    """Plain values: it knows no socket and no clock."""

    def __init__(self) -> None:
        self._queue: deque[ClientFrame] = deque()
        self._urgent: list[Cancel | Approve] = []
        self._under_way = False
        self._held = False
        self._refusals = 0

    @property
    def messages(self) -> tuple[Send, ...]:
        """Messages that are not known to be committed."""
        return tuple(frame for frame in self._queue if isinstance(frame, Send))

    def __len__(self) -> int:
        """How much is still to be said, or not known to be committed."""
        return len(self._queue) + len(self._urgent)

    @property
    def head(self) -> Send | None:
        """The message that was sent and is not answered yet."""
        frame = self._queue[0] if self._queue and self._under_way else None
        return frame if isinstance(frame, Send) else None

    def add(self, frame: ClientFrame) -> None:
        """Something to say. What concerns the reply in progress overtakes everything."""
        if isinstance(frame, Cancel | Approve):
            kind = type(frame)
            self._urgent = [one for one in self._urgent if kind is Approve or type(one) is not kind]
            self._urgent.append(frame)
        else:
            self._queue.append(frame)

    def next(self) -> ClientFrame | None:
        """What to write now; None when there is nothing, or an answer is awaited first."""
        if self._urgent:
            return self._urgent[0]
        if self._under_way or self._held or not self._queue:
            return None
        return self._queue[0]

    def written(self, frame: ClientFrame) -> None:
        """A frame was written. Only a message is kept, until it is known to be committed."""
        if isinstance(frame, Cancel | Approve):
            self._urgent = [one for one in self._urgent if one is not frame]
        elif isinstance(frame, Send):
            self._under_way = True
        else:
            self._queue.popleft()

    def reconnect(self) -> None:
        """Begin again on a new connection: what was under way is not known to have arrived."""
        self._under_way = False

    def done(self, client_id: str | None) -> None:
        """A message is committed, or will never be."""
        for frame in self._queue:
            if isinstance(frame, Send) and frame.id == client_id:
                if frame is self._queue[0]:
                    self._under_way, self._refusals = False, 0
                self._queue.remove(frame)
                return

    def hold(self, retry_after: float | None) -> float:
        """The message under way was refused for now; seconds until `release` is due."""
        self._under_way, self._held = False, True
        wait = RESEND.delay(self._refusals) if retry_after is None else retry_after
        self._refusals += 1
        return min(wait, RESEND.longest_asked)

    def release(self) -> None:
        """Go on after a `hold`."""
        self._held = False
