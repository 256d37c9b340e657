"""A message as a block of the transcript."""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from genpy_server.client.transcript import Entry, ToolLine
from genpy_server.core.display import newlines, protect
from genpy_server.core.metrics import duration
from genpy_server.core.models import STOPPED, shown_model
from genpy_tui.render.layout import BlockPart
from genpy_tui.render.lines import BLANK, Lead, Line, Styled, chars, wrap

if TYPE_CHECKING:
    from genpy_tui.render.markdown.document import Document
    from genpy_tui.render.notes import NoteBlock

INDENT = 2
SECOND = 1_000  # milliseconds
TYPED_LINES = 50
"""Lines of a person's message in one part."""
PROGRESS_CELLS = 40
TOOL_LINES = 24
"""The most lines of a tool's result that are shown; then their number."""

SAID = "said"
SPEAKERS = {
    "user": ("›", "You", "you"),
    "assistant": ("◆", "GenPy", "genpy"),
    "system": ("·", "Note", "dim"),
}
CUT = "! The model was given only {:,} characters of the message: its beginning and its end."
STATUS = {
    "stopped": "■ stopped",
    "length": "■ cut at the longest reply allowed",
    "content_filter": "■ the service filtered the rest",
    "interrupted": "■ interrupted",
    "error": "✗ failed",
}


def clock(at: str) -> str:
    """The hour and minute of an ISO time, in the zone of this machine; its day if not today."""
    from datetime import datetime  # noqa: PLC0415 - when first needed

    try:
        then = datetime.fromisoformat(at).astimezone()
    except ValueError:
        return ""
    today = datetime.now().astimezone().date()
    return f"{then:%H:%M}" if then.date() == today else f"{then:%d %b %Y %H:%M}"


class MessageBlock:
    """An entry of the transcript: its head, reasoning, tool calls and text, and how it ended."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.back = 0
        """Which answer is shown: 0 for the newest, 1 for the one before it, and so on."""
        self.sending = ""
        """The state of a message that is not acknowledged."""
        self.notes: list[NoteBlock] = []
        """What is below it."""
        self.expanded = False
        self.marked = False
        """Whether the cursor is on it."""
        self.other_model = False
        self._document: Document | None = None
        self._fed = 0
        self._head = BlockPart(self._heading)
        self._parts: list[BlockPart] | None = None
        self._thinking_since: float | None = None
        self._thought_seconds = 0.0
        """As measured in this client, until the reply is stored."""
        self._height: tuple[int, int] | None = None

    @property
    def shown(self) -> Entry:
        """The entry, or an earlier reply to the same message, whichever is shown."""
        return self.entry.earlier[-self.back] if self.back else self.entry

    def turn(self, step: int) -> bool:
        """Show the next or previous answer; False if there is only one."""
        answers = len(self.entry.earlier) + 1
        self.back = (self.back - step) % answers
        self._document = None
        self.sync()
        return answers > 1

    @property
    def streaming(self) -> bool:
        """Whether the reply is being written."""
        return self.shown.status == "streaming"

    @property
    def folds(self) -> bool:
        """Whether a part of it can be shown and hidden."""
        return bool(self.shown.tools or self.shown.replaced or self.shown.reasoning)

    @property
    def folded(self) -> bool:
        """Whether only its first words are shown, since it was replaced by an edit."""
        return self.entry.replaced and not self.expanded and not self.streaming

    @property
    def parts(self) -> list[BlockPart]:
        """The parts from the head to the foot."""
        if self._parts is None:
            self._parts = list(self._build())
        return self._parts

    def height(self, width: int) -> int:
        """The height, exact if it was shown before, else estimated."""
        if self._parts is not None or self._document is not None:
            return sum(part.height(width) for part in self.parts)
        if self._height is None or self._height[0] != width:
            text = self.shown.text
            rows = text.count("\n") + len(text) // max(8, width - INDENT)
            folds = len(self.shown.tools) + bool(self.shown.reasoning)
            self._height = (width, 3 + folds + (0 if self.folded else rows))
        return self._height[1]

    def show(self, entry: Entry) -> None:
        """Show an entry: the same as before, or another one of the same message."""
        if entry is not self.entry:
            if self.back or entry.text[: self._fed] != self.shown.text[: self._fed]:
                self._document = None
            self.back = 0
        self.entry = entry
        self.sync()

    def mark(self, *, marked: bool) -> None:
        """Set whether the cursor is on it: only its head changes, and no height."""
        self.marked = marked
        self._head.forget()

    @property
    def thinking(self) -> bool:
        """Whether the model thinks, and has not begun to answer."""
        return self.streaming and bool(self.shown.reasoning) and not self.shown.length

    def sync(self) -> None:
        """Update it after a change of the entry."""
        if self.thinking:
            self._thinking_since = self._thinking_since or monotonic()
            self._thought_seconds = monotonic() - self._thinking_since
        self._head.forget()
        self._parts = None
        self._height = None

    def _build(self) -> Iterable[BlockPart]:
        entry = self.shown
        yield self._head
        if self.folded:
            yield FoldPart(self._first_words, indent=INDENT)
            return
        if entry.role == "user":
            yield from typed(entry.text)
        else:
            yield from self._reply(entry)
        yield BlockPart(self._foot, indent=INDENT)

    def _reply(self, entry: Entry) -> Iterable[BlockPart]:
        from genpy_tui.render.markdown.document import Document  # noqa: PLC0415 - after the first paint

        if self._document is None or self._fed > entry.length:
            self._document, self._fed = Document(indent=INDENT), 0
        if entry.length > self._fed:
            self._document.feed(entry.text[self._fed :])
            self._fed = entry.length
        if not self.streaming:
            self._document.finish()
        if entry.reasoning:
            yield FoldPart(self._thinking_line, indent=INDENT)
            if self.expanded:
                lead = (Styled(" " * INDENT), Styled("│ ", "rule"))
                yield from lined(entry.reasoning, lead, "dim")
        for tool in entry.tools:
            yield FoldPart(partial(_tool_lines, tool, expanded=self.expanded), indent=INDENT)
        body = self._document.parts
        if body and (entry.tools or entry.reasoning):
            yield BlockPart(lambda _: [BLANK])
        yield from body

    def _heading(self, width: int) -> list[Line]:
        """The speaker and the time; with details also the mode, its reason, and the model."""
        entry, meta = self.shown, self.shown.meta
        ground = SAID if entry.role == "user" else ""
        glyph, name, style = SPEAKERS[entry.role]
        facts, detailed = [clock(entry.at)], self.marked or self.expanded
        if detailed and meta.intent:
            facts.append(spoken(meta.intent))
            if meta.intent_score is not None:
                facts.append(f"{meta.intent_score:.0%} sure")
            facts.append(protect(" ".join((meta.intent_reason or "").split())))
        if detailed or self.other_model or self.entry.earlier:
            facts.append(protect(shown_model(meta.model or "")))
        if self.entry.earlier:
            count = len(self.entry.earlier) + 1
            facts.append(f"answer {count - self.back} of {count}")
        if entry.replaced:
            facts.append("edited")
        dim = f"dim {ground}".strip()
        mark, speaker = Styled(f"{glyph} ", f"{style} {ground}".strip()), Styled(name, dim)
        room = width - chars((mark, speaker))
        shown = "  " + " · ".join(filter(None, facts))
        shown = shown.rstrip() if len(shown) <= room else f"{shown[: room - 1]}…"
        return [BLANK, Line((mark, speaker, Styled(shown, dim)), fill=ground)]

    def _thinking_line(self, width: int) -> list[Line]:
        meta = self.shown.meta
        stored = meta.first_token_ms if self.shown.length else meta.ms
        seconds = self._thought_seconds if self.streaming or stored is None else stored / 1000
        what = "thinking" if self.thinking else "thought"
        text = f"{'▾' if self.expanded else '▸'} {what} {duration(seconds)}"
        return wrap([Styled(text, "tool" if self.thinking else "dim")], width)

    def _first_words(self, width: int) -> list[Line]:
        words = protect(" ".join(self.shown.text[: 4 * width].split()))
        first, *more = wrap([Styled(words, "dim")], width - 1, (Styled("▸ ", "dim"),))
        return [first._replace(runs=(*first.runs, Styled("…", "dim"))) if more else first]

    def _foot(self, width: int) -> list[Line]:
        entry = self.shown
        if self.streaming and not entry.length and not entry.reasoning:
            return wrap([Styled("…", "dim")], width)
        lines: list[Line] = []
        if self.sending:
            lines += wrap([Styled(protect(self.sending), "warning")], width)
        if entry.meta.question_chars is not None:
            lines += wrap([Styled(CUT.format(entry.meta.question_chars), "warning")], width)
        if entry.role == "assistant" and entry.status in STATUS:
            style = "error" if entry.status == "error" else "warning"
            text = STATUS[entry.status]
            if entry.length and entry.status in {"stopped", "interrupted"}:
                text += "; the text so far is kept"
            if entry.meta.error:
                text += f": {protect(entry.meta.error)}"
            lines += wrap([Styled(text, style)], width)
        return lines


def typed(text: str) -> Iterator[BlockPart]:
    """The lines of a person's message, as they were written."""
    return lined(text, (Styled(" " * INDENT, SAID),), SAID, fill=SAID)


def lined(text: str, lead: Lead, style: str, *, fill: str = "") -> Iterator[BlockPart]:
    """The lines of a plain text, each after the same `lead`."""
    lines = protect(newlines(text)).split("\n")

    def make(first: int, width: int) -> list[Line]:
        shown: list[Line] = []
        for line in lines[first : first + TYPED_LINES]:
            shown += wrap([Styled(line, style)], width, lead, fill=fill)
        return shown

    for first in range(0, len(lines), TYPED_LINES):
        yield BlockPart(partial(make, first))


class FoldPart(BlockPart):
    """A part that expands and folds its block when clicked."""


def spoken(intent: str) -> str:
    """The name of a mode as words."""
    return protect(intent).replace("_", " ")


def _running(tool: ToolLine) -> str:
    """The state of a running call: waiting for permission, or its progress."""
    if tool.request is not None:
        return " ? waits for you"
    if tool.progress or tool.fraction is not None:
        share = "" if tool.fraction is None else f"{tool.fraction:.0%} "
        return f" … {share}{protect(tool.progress)[:PROGRESS_CELLS]}".rstrip()
    return " … running"


def _tool_lines(tool: ToolLine, width: int, *, expanded: bool) -> list[Line]:
    """A tool call as one line, or expanded with its arguments and its result."""
    took = duration(tool.ms / SECOND) if round(tool.ms) >= SECOND else f"{tool.ms:.0f} ms"
    args = ", ".join(f"{key}={value!r}" for key, value in tool.args.items())
    mark = "▾" if expanded else "▸"
    runs = [Styled(f"{mark} ", "dim"), Styled(f"{protect(tool.name)}", "tool")]
    state = {
        None: Styled(_running(tool), "warning"),
        True: Styled(f" ✓ {took}", "dim"),
        False: Styled(" ✗ failed", "error"),
    }[tool.ok]
    if tool.ok is False and tool.error == STOPPED:
        state = Styled(" ■ stopped", "warning")
    room = width - chars(runs) - len(state.text) - 2
    shown = protect(args).replace("\n", "⏎")
    runs.append(Styled(f"({shown[: room - 1] + '…' if len(shown) > room else shown})", "dim"))
    lines = [Line((*runs, state))]
    if not expanded:
        return lines
    lead = (Styled("│ ", "rule"),)
    if tool.args:
        pretty = protect(json.dumps(tool.args, ensure_ascii=False, indent=2))
        for row in pretty.split("\n"):
            lines += wrap([Styled(row, "dim")], width, lead)
    if tool.error:
        return lines + wrap([Styled(protect(tool.error), "error")], width, lead)
    from genpy_tui.render.markdown.document import parts_of  # noqa: PLC0415 - after the first paint

    result: list[Line] = []
    for part in parts_of(tool.result):
        result += part.lines(width - 2)
        if len(result) > TOOL_LINES:
            break
    lines += [
        line._replace(runs=(*lead, *line.runs), lead=line.lead + 2) for line in result[:TOOL_LINES]
    ]
    hidden = tool.result.count("\n") + 1 - TOOL_LINES
    if len(result) > TOOL_LINES:
        lines.append(Line((*lead, Styled(f"… {max(hidden, 1)} more lines", "dim")), 2))
    return lines
