"""What a client said that the server has not confirmed: nothing is lost, and nothing said twice.

A message stays until its `ack`, and goes out again, with the same id, after each reconnection and
after a passing error. Other requests wait here only while there is no connection.
"""

import asyncio
from collections.abc import Callable

from genpy_server.wire import Ack, ClientFrame, ErrorFrame, Send, ServerFrame

RESEND_WAIT = 2.0
"""Seconds until a message that met a passing error goes out again, where the server names none."""


class Outbox:
    """Frames to be written; `write` is there while a connection is."""

    def __init__(self) -> None:
        self._messages: dict[str, Send] = {}
        self._errands: list[ClientFrame] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._write: Callable[[ClientFrame], None] | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def send(self, frame: Send) -> None:
        """A message, which must arrive exactly once."""
        self._messages[frame.id] = frame
        if self._write is not None:
            self._write(frame)

    def request(self, frame: ClientFrame) -> None:
        """Something else, which must be asked once there is a connection."""
        if self._write is not None:
            self._write(frame)
        else:
            self._errands.append(frame)

    def connected(self, write: Callable[[ClientFrame], None]) -> None:
        """A connection is there: everything that waits goes out, in order."""
        self._write = write
        for message in self._messages.values():
            write(message)
        errands, self._errands = self._errands, []
        for errand in errands:
            write(errand)

    def disconnected(self) -> None:
        """The connection is gone; what it carried may be lost."""
        self._write = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def settle(self, frame: ServerFrame) -> None:
        """Take an answer: a message is done, refused for good, or to go out again later."""
        if isinstance(frame, Ack):
            self._messages.pop(frame.id, None)
        elif isinstance(frame, ErrorFrame) and frame.re in self._messages:
            if not frame.retryable:
                del self._messages[frame.re]
                return
            wait = frame.retry_after if frame.retry_after is not None else RESEND_WAIT
            self._again(wait, frame.re)

    def _again(self, wait: float, client_id: str) -> None:
        def send() -> None:
            self._timers.discard(timer)
            message = self._messages.get(client_id)
            if message is not None and self._write is not None:
                self._write(message)

        timer = asyncio.get_running_loop().call_later(wait, send)
        self._timers.add(timer)
