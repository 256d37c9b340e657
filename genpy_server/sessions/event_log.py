"""The events of one session since it was opened, numbered, for clients that watch or come back.

Pure: frames in, frames out. A session's sequence is counted here and nowhere else. The pieces of a
reply are kept as one text with the place where each ends, so that a token costs a few bytes.
"""

from array import array
from typing import Protocol

import msgspec

from genpy_server.wire import (
    ApprovalRequested,
    ApprovalResolved,
    Delta,
    ErrorFrame,
    Frame,
    Reasoning,
    RunFinished,
    RunStarted,
    SessionFrame,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    encode_bytes,
)

PARTS = 8
"""Pieces of a reply are kept and dropped in parts of the log's bounds: this many fill it."""
PIECE_BYTES = 4
"""What a kept piece costs beside its text."""


RunFrame = (
    RunStarted | ToolStarted | ApprovalRequested | ApprovalResolved | ToolProgress | ToolFinished
)
"""The events of a reply in progress beside its text."""


class Subscriber(Protocol):
    """A view of a session: never blocks, never fails."""

    @property
    def is_open(self) -> bool:
        """Whether events still reach somebody; False as soon as the other end is closing."""

    def offer(self, frame: Frame, data: bytes) -> None:
        """Take an event of the session, and the bytes that are sent for it."""

    @property
    def approves(self) -> bool:
        """Whether a person can answer approval requests here."""

    @property
    def allowed(self) -> frozenset[str]:
        """The names of tools that may act without a request."""

    def answer(self, frame: Frame) -> None:
        """Take a frame that is for this subscriber alone."""

    def close(self, code: int, reason: str) -> None:
        """Close the subscription: there will be no more events."""


class _Single:
    """One event."""

    __slots__ = ("bytes", "first", "frame")

    def __init__(self, seq: int, frame: SessionFrame | ErrorFrame, size: int) -> None:
        self.first = seq
        self.frame = frame
        self.bytes = size

    def __len__(self) -> int:
        return 1

    def after(self, _: int) -> SessionFrame | ErrorFrame:
        """The event, which has a greater number."""
        return self.frame


class _Pieces:
    """Deltas, or pieces of the reasoning, of one reply that follow each other, numbered from `first`."""

    __slots__ = ("_ends", "_origin", "_texts", "begin", "bytes", "end", "first", "room")

    def __init__(self, begin: Delta | Reasoning, room: int) -> None:
        self.begin = begin
        self.first = begin.seq
        self.end = begin.offset
        self.bytes = 0
        self.room = room
        """How many more can be added."""
        self._texts: list[str] = []
        self._origin = begin.offset
        """Where in the reply these texts begin."""
        self._ends = array("I")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, piece: Delta | Reasoning, size: int) -> bool:
        """Add a piece, if it is the next one of its kind in the same reply and finds room."""
        begin = self.begin
        if (
            piece.offset != self.end
            or piece.run != begin.run
            or type(piece) is not type(begin)
            or not self.room
        ):
            return False
        self.end = end = self.end + len(piece.text)
        self.bytes += size
        self.room -= 1
        self._texts.append(piece.text)
        self._ends.append(end)
        return True

    def close(self) -> None:
        """Keep one text: there will be no more pieces."""
        self._texts = ["".join(self._texts)]

    def share(self, reply: str) -> None:
        """Refer to the whole text of the reply, which is kept anyway, instead of a copy."""
        if reply[self.begin.offset : self.end] == "".join(self._texts):
            self._texts, self._origin = [reply], 0

    def after(self, seq: int) -> Delta | Reasoning:
        """The pieces with a greater number, as one with the number of the last."""
        seen = max(0, seq - self.first + 1)
        start = self._ends[seen - 1] if seen else self.begin.offset
        text = "".join(self._texts)[start - self._origin : self.end - self._origin]
        last = self.first + len(self) - 1
        return msgspec.structs.replace(self.begin, seq=last, offset=start, text=text)


class EventLog:
    """The newest events, at most `max_events` of at most `max_bytes` in all.

    It also holds the reply in progress whole, however long it is.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.seq = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._entries: list[_Single | _Pieces] = []  # an empty deque takes 760 bytes
        self._count = 0
        self._bytes = 0
        self._open: _Pieces | None = None
        """The newest entry, while further pieces can join it."""
        self._run: list[RunFrame] = []
        self._run_pieces: list[_Pieces] = []

    def begin_behind_history(self) -> None:
        """Leave out number 0: who has seen nothing lacks what happened before the first event."""
        self.seq = max(self.seq, 1)

    def add(self, frame: SessionFrame | ErrorFrame) -> bytes:
        """Number a frame, keep it, and drop the oldest ones over the bounds; what is to be sent."""
        self.seq += 1
        frame.seq = self.seq
        data = encode_bytes(frame)
        if type(frame) is Delta or type(frame) is Reasoning:
            size = len(frame.text.encode()) + PIECE_BYTES
            pieces = self._open
            if pieces is None or not pieces.add(frame, size):
                pieces = self._new_pieces(frame)
                pieces.add(frame, size)
            if pieces.bytes * PARTS > self._max_bytes:
                self._close()
        else:
            size = len(data)
            self._close()
            self._entries.append(_Single(self.seq, frame, size))
            self._follow(frame)
        self._count += 1
        self._bytes += size
        while self._count > self._max_events or self._bytes > self._max_bytes:
            self._drop()
        return data

    def share(self, run: str, reply: str) -> None:
        """Keep the text of a finished reply once, with the message that it is."""
        for entry in reversed(self._entries):
            if isinstance(entry, _Pieces):
                if (
                    entry.begin.run == run
                    and type(entry.begin) is Delta
                    and entry is not self._open
                ):
                    entry.share(reply)
            elif isinstance(entry.frame, RunStarted) and entry.frame.run == run:
                break

    def _new_pieces(self, piece: Delta | Reasoning) -> _Pieces:
        self._close()
        self._open = pieces = _Pieces(piece, max(1, self._max_events // PARTS))
        self._entries.append(pieces)
        if self._run:
            self._run_pieces.append(pieces)
        return pieces

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _drop(self) -> None:
        oldest = self._entries.pop(0)
        self._count -= len(oldest)
        self._bytes -= oldest.bytes
        if oldest is self._open:
            self._close()

    def _follow(self, frame: SessionFrame | ErrorFrame) -> None:
        if isinstance(frame, RunStarted):
            self._run, self._run_pieces = [frame], []
        elif isinstance(frame, RunFrame):
            if isinstance(frame, ToolProgress):  # only the newest counts
                self._run = [
                    one
                    for one in self._run
                    if not (isinstance(one, ToolProgress) and one.call == frame.call)
                ]
            self._run.append(frame)
        elif isinstance(frame, RunFinished):
            self._run, self._run_pieces = [], []

    def after(self, seq: int) -> list[SessionFrame | ErrorFrame] | None:
        """What came after a number, or None when some of it is gone; pieces come joined."""
        if seq < 0 or not 0 <= self.seq - seq <= self._count:
            return None
        missed = list[SessionFrame | ErrorFrame]()
        for entry in reversed(self._entries):
            if entry.first + len(entry) - 1 <= seq:
                break
            missed.append(entry.after(seq))
        return missed[::-1]

    def run_so_far(self) -> list[SessionFrame]:
        """The reply in progress as the fewest events that show it, without a number."""
        frames: list[SessionFrame] = [msgspec.structs.replace(frame, seq=0) for frame in self._run]
        for kind in (Reasoning, Delta):
            pieces = [one for one in self._run_pieces if type(one.begin) is kind]
            if pieces:
                text = "".join(one.after(0).text for one in pieces)
                frames.append(kind(seq=0, run=self._run[0].run, offset=0, text=text))
        return frames
