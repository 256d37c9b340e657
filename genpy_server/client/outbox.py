"""The queue of frames that a client sends: none is lost or repeated by a broken connection.

A message stays in it until it is acknowledged, and is sent again with the same id after each
reconnection; the server does not reply twice to an id. One message is sent at a time, so that one
that waits for a rate limit is not overtaken by a later one.
"""

from collections import deque

from genpy_server.core.backoff import Backoff
from genpy_server.wire import Approve, Cancel, ClientFrame, Send

RESEND = Backoff(first=1.0, longest=30.0)
"""Retries of a message that was refused temporarily without a `retry_after`."""


class Outbox:
    """Pure: it uses no socket and no clock."""

    def __init__(self) -> None:
        self._queue: deque[ClientFrame] = deque()
        self._urgent: list[Cancel | Approve] = []
        self._sent = False
        self._held = False
        self._refusals = 0

    @property
    def messages(self) -> tuple[Send, ...]:
        """Unacknowledged messages, oldest first."""
        return tuple(frame for frame in self._queue if isinstance(frame, Send))

    def __len__(self) -> int:
        """The number of frames that are not sent or not acknowledged."""
        return len(self._queue) + len(self._urgent)

    @property
    def head(self) -> Send | None:
        """The message that was sent and is not acknowledged."""
        frame = self._queue[0] if self._queue and self._sent else None
        return frame if isinstance(frame, Send) else None

    def add(self, frame: ClientFrame) -> None:
        """Queue a frame; `cancel` and `approve` overtake all others."""
        if isinstance(frame, Cancel | Approve):
            kind = type(frame)
            self._urgent = [one for one in self._urgent if kind is Approve or type(one) is not kind]
            self._urgent.append(frame)
        else:
            self._queue.append(frame)

    def next(self) -> ClientFrame | None:
        """The frame to send now; None when there is none, or an acknowledgement comes first."""
        if self._urgent:
            return self._urgent[0]
        if self._sent or self._held or not self._queue:
            return None
        return self._queue[0]

    def written(self, frame: ClientFrame) -> None:
        """Note that a frame was sent; all but messages are removed."""
        if isinstance(frame, Cancel | Approve):
            self._urgent = [one for one in self._urgent if one is not frame]
        elif isinstance(frame, Send):
            self._sent = True
        else:
            self._queue.popleft()

    def reconnect(self) -> None:
        """Send the unacknowledged message again on a new connection."""
        self._sent = False

    def remove(self, client_id: str | None) -> None:
        """Remove a message that was acknowledged, or refused for good."""
        for frame in self._queue:
            if isinstance(frame, Send) and frame.id == client_id:
                if frame is self._queue[0]:
                    self._sent, self._refusals = False, 0
                self._queue.remove(frame)
                return

    def hold(self, retry_after: float | None) -> float:
        """Hold the queue, for the sent message was refused temporarily; seconds until `release`."""
        self._sent, self._held = False, True
        wait = RESEND.delay(self._refusals) if retry_after is None else retry_after
        self._refusals += 1
        return min(wait, RESEND.longest_asked)

    def release(self) -> None:
        """End a `hold`."""
        self._held = False
