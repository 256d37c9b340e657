"""The frames on their way to one reader, in a bounded queue that a slow one cannot outgrow.

In text mode a frame is sent as a person would read it, or not at all.
"""

import asyncio
from collections import deque

from websockets.asyncio.server import ServerConnection, broadcast

from genpy_server.sessions.event_log import Event
from genpy_server.settings import Limits
from genpy_server.wire import CLOSE_SLOW, Delta, ErrorFrame, Frame, Notice, encode

WATERMARK = 32 * 1024
"""Bytes in the transport's buffer above which frames wait in our own queue, where they join."""
CUT_SECONDS = 5.0
"""How long a reader that is told to go may take to hear of it."""
JOINED_CHARS = 64 * 1024


class SendQueue:
    """Frames on their way to one reader: at once while it keeps up, else joined in a queue."""

    def __init__(self, ws: ServerConnection, limits: Limits, *, text_mode: bool) -> None:
        self._ws = ws
        self._limits = limits
        self._text_mode = text_mode
        self._queue: deque[tuple[Frame, str]] = deque()
        self._chars = 0
        self._wake = asyncio.Event()
        self._sending = False
        self._cut: asyncio.TimerHandle | None = None
        self.closing: tuple[int, str] | None = None

    def offer(self, event: Event) -> None:
        """Take an event of the session."""
        self._put(event.frame, event.text)

    def answer(self, frame: Frame) -> None:
        """Take a frame for this reader alone."""
        self._put(frame, "" if self._text_mode else encode(frame))

    def close(self, code: int, reason: str) -> None:
        """Close the socket, or cut one that reads nothing; what is queued is dropped."""
        if self.closing is None:
            self.closing = (code, reason)
            self._queue.clear()
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(CUT_SECONDS, self._ws.transport.abort)
            self._wake.set()

    def gone(self) -> None:
        """Be told that the socket is closed."""
        if self._cut is not None:
            self._cut.cancel()

    def _put(self, frame: Frame, text: str) -> None:
        if self._text_mode:
            text = plain(frame)
            if not text:
                return
        if self.closing is not None:
            return
        if not self._queue and not self._sending and self._room():
            broadcast((self._ws,), text)
            return
        if type(frame) is Delta and self._join(frame):
            return
        self._queue.append((frame, text))
        self._chars += len(text)
        limits = self._limits
        if len(self._queue) > limits.queue_frames or self._chars > limits.queue_bytes:
            self.close(CLOSE_SLOW, "Too slow. Come back and go on where you were.")
        self._wake.set()

    def _room(self) -> bool:
        return self._ws.transport.get_write_buffer_size() < WATERMARK

    def _join(self, delta: Delta) -> bool:
        """Join a delta to the last waiting one of the same run."""
        if not self._queue:
            return False
        last, text = self._queue[-1]
        if type(last) is not Delta or last.run != delta.run or len(last.text) > JOINED_CHARS:
            return False
        joined = Delta(delta.seq, delta.run, last.offset, last.text + delta.text)
        joined_text = joined.text if self._text_mode else encode(joined)
        self._queue[-1] = (joined, joined_text)
        self._chars += len(joined_text) - len(text)
        return True

    async def drain(self) -> None:
        """Send what waits, for as long as the socket is open."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._sending = True
            while self._queue and self.closing is None:
                _, text = self._queue.popleft()
                self._chars -= len(text)
                await self._ws.send(text)
            self._sending = False
            if self.closing is not None:
                await self._ws.close(*self.closing)
                return


def plain(frame: Frame) -> str:
    """A frame as text mode shows it: replies as they come, failures as a sentence."""
    if isinstance(frame, Delta):
        return frame.text
    if isinstance(frame, ErrorFrame):
        return f"Error: {frame.message}"
    if isinstance(frame, Notice) and frame.retry_after is not None:
        return f"[{frame.text}]\n"
    return ""
