"""The numbered events of one live session, for clients that are attached or resume.

Pure: frames in, frames out. Only this file assigns sequence numbers. The deltas of a reply are kept
as one text with the place where each begins, so that a token costs two bytes.
"""

from array import array

import msgspec

from genpy_server import wire

PARTS = 8
"""The log keeps and drops deltas in groups, of which this many fill it."""
PIECE_BYTES = 2
"""Bytes of a kept delta beside its text."""
LAST_PLACE = (1 << 8 * PIECE_BYTES) - 1
"""The last place in a group at which a delta may begin."""


RunFrame = (
    wire.RunStarted
    | wire.ToolStarted
    | wire.ApprovalRequested
    | wire.ApprovalResolved
    | wire.ToolProgress
    | wire.ToolFinished
)
"""The events of a running reply other than its text."""


class _Single(msgspec.Struct):
    """One event, numbered `first`."""

    first: int
    frame: wire.SessionFrame | wire.ErrorFrame
    bytes: int

    def __len__(self) -> int:
        return 1

    def after(self, _: int) -> wire.SessionFrame | wire.ErrorFrame:
        """The event; its number is greater than the argument."""
        return self.frame


class _Pieces:
    """Consecutive `Delta` or `Reasoning` events of one reply, numbered from `first`."""

    __slots__ = ("_origin", "_places", "_texts", "begin", "bytes", "end", "first", "room")

    def __init__(self, begin: wire.TextPiece, room: int) -> None:
        self.begin = begin
        self.first = begin.seq
        self.end = begin.offset
        self.bytes = 0
        self.room = room
        """How many more can be added."""
        self._texts: list[str] = []
        self._origin = begin.offset
        """Offset in the reply at which these texts begin."""
        self._places = array("H")
        """Where each piece begins, from the first one on."""

    def __len__(self) -> int:
        return len(self._places)

    def add(self, piece: wire.TextPiece, size: int) -> bool:
        """Add a piece; False where it does not follow the last one or this is full."""
        begin, place = self.begin, self.end - self.begin.offset
        if (
            piece.offset != self.end
            or piece.run != begin.run
            or type(piece) is not type(begin)
            or not self.room
            or place > LAST_PLACE
        ):
            return False
        self.end += len(piece.text)
        self.bytes += size
        self.room -= 1
        self._texts.append(piece.text)
        self._places.append(place)
        return True

    def close(self) -> None:
        """Join the texts: no more pieces will be added."""
        self._texts = ["".join(self._texts)]

    def share(self, reply: str) -> None:
        """Refer to the text of the reply, which is in memory anyway, instead of a copy."""
        if reply[self.begin.offset : self.end] == "".join(self._texts):
            self._texts, self._origin = [reply], 0

    def after(self, seq: int) -> wire.TextPiece:
        """The pieces with a greater number, joined to one with the number of the last."""
        start = self.begin.offset + self._places[max(0, seq - self.first + 1)]
        text = "".join(self._texts)[start - self._origin : self.end - self._origin]
        last = self.first + len(self) - 1
        return msgspec.structs.replace(self.begin, seq=last, offset=start, text=text)


class EventLog:
    """The newest events, at most `max_events` and `max_bytes`, and the whole running reply."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.seq = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._entries: list[_Single | _Pieces] = []  # an empty deque takes 760 bytes
        self._count = 0
        self._bytes = 0
        self._open: _Pieces | None = None
        """The newest entry, while more pieces can be added to it."""
        self._run: list[RunFrame] = []
        self._run_pieces: list[_Pieces] = []

    def begin_behind_history(self) -> None:
        """Skip number 0, so that a client at 0 gets a snapshot with the stored messages."""
        self.seq = max(self.seq, 1)

    def add(self, frame: wire.SessionFrame | wire.ErrorFrame) -> bytes:
        """Number and keep a frame, and drop the oldest over the bounds; returns the encoded frame."""
        self.seq += 1
        frame.seq = self.seq
        data = wire.encode_bytes(frame)
        if type(frame) is wire.Delta or type(frame) is wire.Reasoning:
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
        """Replace the kept text of a finished reply by the text of its message, to store it once."""
        for entry in reversed(self._entries):
            if isinstance(entry, _Pieces):
                if (
                    entry.begin.run == run
                    and type(entry.begin) is wire.Delta
                    and entry is not self._open
                ):
                    entry.share(reply)
            elif isinstance(entry.frame, wire.RunStarted) and entry.frame.run == run:
                break

    def _new_pieces(self, piece: wire.TextPiece) -> _Pieces:
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

    def _follow(self, frame: wire.SessionFrame | wire.ErrorFrame) -> None:
        if isinstance(frame, wire.RunStarted):
            self._run, self._run_pieces = [frame], []
        elif isinstance(frame, RunFrame):
            if isinstance(frame, wire.ToolProgress):  # only the newest counts
                self._run = [
                    one
                    for one in self._run
                    if not (isinstance(one, wire.ToolProgress) and one.call == frame.call)
                ]
            self._run.append(frame)
        elif isinstance(frame, wire.RunFinished):
            self._run, self._run_pieces = [], []

    def after(self, seq: int) -> list[wire.SessionFrame | wire.ErrorFrame] | None:
        """The events after a number, with deltas joined; None when some of them were dropped."""
        if seq < 0 or not 0 <= self.seq - seq <= self._count:
            return None
        missed = list[wire.SessionFrame | wire.ErrorFrame]()
        for entry in reversed(self._entries):
            if entry.first + len(entry) - 1 <= seq:
                break
            missed.append(entry.after(seq))
        return missed[::-1]

    def run_so_far(self) -> list[wire.SessionFrame]:
        """The running reply as the fewest events that show it, without numbers."""
        frames: list[wire.SessionFrame] = [
            msgspec.structs.replace(frame, seq=0) for frame in self._run
        ]
        for kind in (wire.Reasoning, wire.Delta):
            pieces = [one for one in self._run_pieces if type(one.begin) is kind]
            if pieces:
                text = "".join(one.after(0).text for one in pieces)
                frames.append(kind(seq=0, run=self._run[0].run, offset=0, text=text))
        return frames
