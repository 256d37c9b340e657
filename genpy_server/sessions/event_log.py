"""The events of one session since it was opened, numbered, for who watches and for who comes back.

Pure: frames in, frames out. A session's sequence is counted here and nowhere else.
"""

from collections import deque
from typing import NamedTuple, Protocol

import msgspec

from genpy_server.wire import (
    Delta,
    ErrorFrame,
    Frame,
    RunFinished,
    RunStarted,
    SessionFrame,
    ToolFinished,
    ToolStarted,
    encode_bytes,
)


class Event(NamedTuple):
    """A numbered frame and the bytes that are sent for it, encoded once for everybody."""

    seq: int
    frame: SessionFrame | ErrorFrame
    data: bytes


class Subscriber(Protocol):
    """A view of a session: never blocks, never fails."""

    @property
    def is_open(self) -> bool:
        """Whether events still reach somebody; False as soon as the other end is closing."""

    def offer(self, event: Event) -> None:
        """Take an event of the session."""

    def answer(self, frame: Frame) -> None:
        """Take a frame that is for this subscriber alone."""

    def close(self, code: int, reason: str) -> None:
        """Close the subscription: there will be no more events."""


class EventLog:
    """The newest events, at most `max_events` of at most `max_bytes` in all.

    It also holds the reply in progress whole, however long it is.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.seq = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._run: list[RunStarted | ToolStarted | ToolFinished] = []
        self._run_text: list[str] = []

    def begin_behind_history(self) -> None:
        """Leave out number 0: who has seen nothing lacks what happened before the first event."""
        self.seq = max(self.seq, 1)

    def add(self, frame: SessionFrame | ErrorFrame) -> Event:
        """Number a frame, keep it, and drop the oldest ones over the bounds."""
        self.seq += 1
        frame.seq = self.seq
        event = Event(self.seq, frame, encode_bytes(frame))
        self._events.append(event)
        self._bytes += len(event.data)
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self._events.popleft().data)
        self._follow(frame)
        return event

    def _follow(self, frame: SessionFrame | ErrorFrame) -> None:
        if type(frame) is Delta:
            self._run_text.append(frame.text)
        elif isinstance(frame, RunStarted):
            self._run, self._run_text = [frame], []
        elif isinstance(frame, ToolStarted | ToolFinished):
            self._run.append(frame)
        elif isinstance(frame, RunFinished):
            self._run, self._run_text = [], []

    def after(self, seq: int) -> list[Event] | None:
        """Every event with a greater number, or None when some of them are gone."""
        missing = self.seq - seq
        if seq < 0 or not 0 <= missing <= len(self._events):
            return None
        return list(self._events)[len(self._events) - missing :]

    def run_so_far(self) -> list[SessionFrame]:
        """The reply in progress as the fewest events that show it, without a number."""
        frames: list[SessionFrame] = [msgspec.structs.replace(frame, seq=0) for frame in self._run]
        if self._run and self._run_text:
            self._run_text = ["".join(self._run_text)]
            text = self._run_text[0]
            frames.append(Delta(seq=0, run=self._run[0].run, offset=0, text=text))
        return frames
