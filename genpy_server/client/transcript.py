"""The state of a session for display, built by applying the frames of genpy.v1.

After a reconnection the transcript is the same as without one: overlapping deltas are trimmed by
their offset, and a missing one raises `Gap`, after which the client fetches a snapshot.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from genpy_server import wire
from genpy_server.core import models
from genpy_server.core.modes import ListedMode

ReplyStatus = Literal["streaming"] | models.RunStatus


class Gap(Exception):
    """A delta does not follow the text received so far."""


class ToolLine(msgspec.Struct, eq=False):
    """One tool call of a reply; `ok` is None while it runs."""

    call: str
    name: str
    args: dict[str, Any]
    ok: bool | None = None
    ms: float = 0.0
    result: str = ""
    error: str = ""
    request: wire.ApprovalRequested | None = None
    progress: str = ""
    fraction: float | None = None
    """Progress from 0 to 1, if known."""


class GrowingText(msgspec.Struct, eq=False):
    """A text that is received in pieces, each with its offset."""

    parts: list[str] = []
    length: int = 0

    def __str__(self) -> str:
        self.parts = ["".join(self.parts)]
        return self.parts[0]

    def append(self, text: str) -> None:
        """Add to the end."""
        self.parts.append(text)
        self.length += len(text)

    def take(self, piece: wire.TextPiece) -> None:
        """Add the new part of a piece; raises `Gap` where text before it is missing."""
        overlap = self.length - piece.offset
        if overlap < 0:
            raise Gap(f"run {piece.run}: {self.length} characters, next offset {piece.offset}")
        if overlap < len(piece.text):
            self.append(piece.text[overlap:])


class Entry(msgspec.Struct, eq=False):
    """A message of a person, or a reply; `meta` is its metadata so far."""

    role: models.Role
    message_id: int | None = None
    client_id: str | None = None
    meta: models.MessageMeta = models.MessageMeta()
    replaced: bool = False
    """Whether a later message replaces it, or the message that it answers."""
    at: str = ""
    streaming: bool = False
    tools: list[ToolLine] = []
    earlier: list["Entry"] = []
    """The replies to the same message before this one, oldest first."""
    said: GrowingText = msgspec.field(default_factory=GrowingText)
    thought: GrowingText = msgspec.field(default_factory=GrowingText)

    @property
    def status(self) -> ReplyStatus:
        """How the reply ended, or "streaming"; "done" for a message of a person."""
        return "streaming" if self.streaming else self.meta.status or "done"

    @property
    def text(self) -> str:
        """The text so far."""
        return str(self.said)

    @property
    def reasoning(self) -> str:
        """The model's reasoning so far."""
        return str(self.thought)

    @property
    def length(self) -> int:
        """The number of characters of the text so far."""
        return self.said.length

    def fill(self, frame: wire.MessageEvent) -> None:
        """Set what is stored of the message."""
        self.message_id, self.client_id, self.at = frame.message_id, frame.client_id, frame.at
        self.meta, self.streaming = frame.meta, False
        if frame.text != self.text:
            self.said = GrowingText([frame.text], len(frame.text))
        self.thought = GrowingText([frame.meta.reasoning or ""], len(frame.meta.reasoning or ""))
        self.tools = [
            ToolLine(
                f"{frame.message_id}-{number}",
                **msgspec.structs.asdict(record),
                error=record.result,
            )
            for number, record in enumerate(frame.meta.tools)
        ]


class Transcript:
    """The entries of a conversation in order, and the state of the session.

    A client sends `epoch` and `seq` to resume. A reply follows the message it answers; a retry
    replaces the earlier reply. A message that a later one replaces stays, marked as `replaced` with
    its replies.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.session = ""
        self.epoch: str | None = None
        self.seq = 0
        self.title = ""
        self.status: Literal["new", "active", "completed"] = "new"
        self.rating: int | None = None
        self.elsewhere = False
        """Whether another server hosts the session too."""
        self.model = ""
        """The model of the newest reply, or the one chosen since."""
        self.before: int | None = None
        self.message_bytes = 0
        """UTF-8 bytes of a message that is sent to the model uncut; 0 if unknown."""
        self.message_chars = 0
        """Characters of a message at most; 0 if unknown."""
        self.modes: tuple[ListedMode, ...] = ()
        self.summary: wire.SummaryEvent | None = None
        self.quota: dict[str, int] = {}
        self.settings = models.SessionSettings()
        self.context: models.ContextSize | None = None
        """Tokens of the last request, and how many the next one may have, if known."""
        self._configured = ""
        self._replaced: set[int] = set()

    @property
    def next_model(self) -> str:
        """The model of the next reply, if known."""
        return self.settings.model or self._configured or self.model

    @property
    def running(self) -> Entry | None:
        """The running reply."""
        return next((e for e in reversed(self.entries) if e.streaming), None)

    @property
    def request(self) -> wire.ApprovalRequested | None:
        """The open approval request of the running reply."""
        running = self.running
        lines = running.tools if running is not None else []
        return next((line.request for line in lines if line.request is not None), None)

    def apply(self, frame: wire.ServerFrame) -> None:
        """Apply one frame. Raises `Gap`."""
        if isinstance(frame, wire.Ready):
            self._ready(frame)
            return
        seq: int | None = getattr(frame, "seq", None)
        if seq is not None:
            self.seq = max(self.seq, seq)
        match frame:
            case wire.SummaryEvent():
                self.summary, self.status, self.rating = frame, "completed", frame.rating
            case wire.SessionEvent():
                self.title, self.status, self.rating = frame.title, frame.status, frame.rating
                self.elsewhere = frame.elsewhere
            case wire.SettingsEvent():
                self.settings = models.SessionSettings(frame.model, frame.params, frame.system)
                self.message_bytes = frame.message_bytes or self.message_bytes
                self.context = frame.context or self.context
                self._configured = frame.default_model or self._configured
            case wire.MessageEvent():
                self._message(frame)
            case wire.RunStarted():
                self._run_started(frame)
            case wire.RunFinished():
                self.model = frame.model or self.model
                self.quota = frame.quota or self.quota
                size = frame.context
                if size is not None and self.context is not None:  # the next model may be another
                    size = msgspec.structs.replace(self.context, used=size.used)
                self.context = size or self.context
        entry = self._run(getattr(frame, "run", None))
        if entry is not None:
            _apply_to_reply(entry, frame)

    def _ready(self, frame: wire.Ready) -> None:
        if frame.replay != "complete":
            self.entries.clear()
            self._replaced.clear()
            self.before = frame.before
            self.summary = None
        self.session, self.epoch = frame.session, frame.epoch
        self.title, self.status, self.elsewhere = frame.title, frame.status, frame.elsewhere
        self.model = frame.model
        self.message_bytes, self.message_chars = frame.message_bytes, frame.message_chars
        self.settings = frame.settings
        self._configured = "" if frame.settings.model else frame.model
        self.modes = frame.modes
        self.context = frame.context
        if frame.replay != "complete":
            self.seq = frame.seq

    def older(self, frames: list[wire.MessageEvent], before: int | None) -> None:
        """Insert an older page of stored messages; `before` as in `Ready`."""
        newer, self.entries = self.entries, []
        for frame in frames:
            self._message(frame)
        for entry in newer:
            self._insert(entry, entry.meta.reply_to)
        self.before = before

    def _message(self, frame: wire.MessageEvent) -> None:
        entry = next((e for e in reversed(self.entries) if _same(e, frame)), None)
        if entry is None:
            entry = Entry(frame.role)
            entry.said.append(frame.text)
            self._insert(entry, frame.meta.reply_to)
        entry.fill(frame)
        if entry.meta.replaces is not None:
            self._replaced.add(entry.meta.replaces)
            for other in self.entries:
                self._mark(other)
        self._mark(entry)

    def _mark(self, entry: Entry) -> None:
        # The replacing message may be here before the entry, from a newer page.
        entry.replaced = not self._replaced.isdisjoint({entry.message_id, entry.meta.reply_to})

    def _run_started(self, frame: wire.RunStarted) -> None:
        entry = self._run(frame.run)
        if entry is None:
            entry = Entry("assistant")
            self._insert(entry, frame.reply_to)
        entry.meta, entry.streaming = wire.with_frame(entry.meta, frame), True
        entry.tools.clear()  # after a reconnection its tool calls are sent again
        self.model = frame.model or self.model
        self._mark(entry)

    def _run(self, run: str | None) -> Entry | None:
        if run is None:
            return None
        return next((e for e in reversed(self.entries) if e.meta.run == run), None)

    def _insert(self, entry: Entry, reply_to: int | None) -> None:
        """Insert an entry at the end, or after the message it answers, replacing an earlier reply.

        The earlier reply may be here without the message, which is on an older page.
        """
        place = len(self.entries) if reply_to is None else self._place(reply_to)
        before = self.entries[place] if place < len(self.entries) else None
        if reply_to is None or before is None or before.meta.reply_to != reply_to:
            self.entries.insert(place, entry)
            return
        known = {other.message_id for other in entry.earlier}
        earlier = [*before.earlier, *([before] if before.length else [])]
        entry.earlier[:0] = [other for other in earlier if other.message_id not in known]
        before.earlier = []
        self.entries[place] = entry

    def _place(self, reply_to: int) -> int:
        """The index of a reply to this message, or where one is to be inserted."""
        for place in reversed(range(len(self.entries))):
            other = self.entries[place]
            if other.meta.reply_to == reply_to:
                return place
            if other.message_id == reply_to:
                return place + 1
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)


def _apply_to_reply(entry: Entry, frame: wire.ServerFrame) -> None:
    call = getattr(frame, "call", None)
    line = next((line for line in entry.tools if line.call == call), None)
    match frame:
        case wire.Delta() | wire.Reasoning():
            (entry.said if isinstance(frame, wire.Delta) else entry.thought).take(frame)
        case wire.ToolStarted() if line is None:
            entry.tools.append(ToolLine(frame.call, frame.name, frame.args))
        case wire.ToolProgress() if line is not None:
            line.progress, line.fraction = frame.text, frame.fraction
        case wire.ApprovalRequested() if line is not None:
            line.request = frame
        case wire.ApprovalResolved() if line is not None:
            line.request = None
        case wire.ToolFinished() if line is not None:
            line.ok, line.ms, line.request = frame.ok, frame.ms, None
            line.result, line.error = frame.result or "", frame.error or ""
        case wire.RunFinished():
            entry.meta, entry.streaming = wire.with_frame(entry.meta, frame), False
            entry.message_id, entry.at = frame.message_id, frame.at or entry.at
        case wire.ErrorFrame():
            entry.meta = msgspec.structs.replace(entry.meta, error=frame.message)


def _same(entry: Entry, frame: wire.MessageEvent) -> bool:
    if entry.meta.run is not None and entry.meta.run == frame.meta.run:
        return True
    return bool(entry.message_id) and entry.message_id == frame.message_id
