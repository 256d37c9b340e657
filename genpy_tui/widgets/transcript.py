"""The transcript: the messages of a conversation, with a cursor on one of them.

Changes are collected and drawn by a flush; the pause between flushes depends on the cost of the
last one, and on what the terminal has taken.
"""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var
from textual.timer import Timer

from genpy_server.client.transcript import Entry, Transcript
from genpy_server.core.display import restore
from genpy_tui.commands import Keys, bindings
from genpy_tui.render.layout import Anchor
from genpy_tui.render.message import FoldPart, MessageBlock
from genpy_tui.render.stack import Stack
from genpy_tui.terminal import internals
from genpy_tui.widgets.window import Window

DOUBLE = 2
"""Clicks that select a word; more select a line."""
FASTEST, SLOWEST = 1 / 30, 1.0
"""Shortest and longest pause between two flushes, in seconds."""


class TranscriptView(Window, can_focus=True):
    """The blocks of a conversation, oldest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        replace(binding, action=f"screen.{binding.action}") for binding in bindings("transcript")
    ]

    marked: var[MessageBlock | None] = var(default=None)

    @dataclass
    class LinkClicked(Message):
        """A link was clicked, or an example of the greeting."""

        target: str
        example: bool = False

    def __init__(self, keys: Keys, *, fresh: bool) -> None:
        super().__init__()
        self.stack = Stack(keys, self._restack, fresh=fresh)
        self.stack.rebuild(Transcript())
        self.column.blocks = self.stack.blocks
        self._stale = False
        """Whether entries, or blocks beside them, were added, removed or replaced."""
        self._changed: dict[int, Entry] = {}
        self._timer: Timer | None = None
        self._cost = 0.0
        self.flushes = 0

    # Changes

    def reset(self, transcript: Transcript) -> None:
        """Note that entries were added, removed or replaced."""
        self.stack.transcript = transcript
        self._restack()

    def _restack(self) -> None:
        self._stale = True
        self._schedule()

    def changed(self, entry: Entry) -> None:
        """Note that an entry has more text or another state."""
        self._changed[id(entry)] = entry
        self._schedule()

    @property
    def pending(self) -> bool:
        """Whether there are changes that are not drawn."""
        return self._stale or bool(self._changed)

    def _schedule(self) -> None:
        if self._timer is None and self.is_attached:
            delay = min(max(3 * self._cost, FASTEST), SLOWEST)
            self._timer = self.set_timer(delay, self._due)

    def _due(self) -> None:
        """Draw, unless a slow terminal has not taken the last output yet; then wait again."""
        self._timer = None
        if internals.is_behind(self.app):
            self._schedule()
        else:
            self.flush()

    def flush(self) -> None:
        """Draw the changes since the last flush."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        begin = perf_counter()

        def drawn() -> None:
            self._cost = perf_counter() - begin

        anchor = self._kept_anchor()
        below, last = self._lines_from(anchor), self.column.blocks[-1:]
        first = self._rebuild() if self._stale else len(self.column.blocks)
        for entry in self._changed.values():
            block = self.stack.by_entry.get(id(entry))
            if block is not None:
                block.sync()
                first = min(first, self.stack.place(block))
        arrived = bool(self._changed) or self.column.blocks[-1:] != last
        self._changed.clear()
        self.place(anchor, first)
        more = self._lines_from(anchor) - below if arrived else 0
        if not self.follow and more > 0:
            self.unseen += more
            self.post_message(self.Scrolled())
        self.flushes += 1
        self.call_after_refresh(drawn)

    def _lines_from(self, anchor: Anchor | None) -> int:
        """The number of lines from the block of an anchor to the end."""
        column = self.column
        if anchor is None or anchor.block not in column.blocks:
            return column.height
        return column.height - column.top(column.blocks.index(anchor.block))

    def _kept_anchor(self) -> Anchor | None:
        """The anchor, moved to a message if its block does not stay when older messages are added."""
        anchor = self.reading_place()
        if anchor is None or isinstance(anchor.block, MessageBlock):
            return anchor
        blocks = self.column.blocks
        below = blocks[blocks.index(anchor.block) :]
        message = next((block for block in below if isinstance(block, MessageBlock)), None)
        return anchor if message is None else Anchor(message, 0, 0.0, 0)

    def clear(self) -> None:
        """Remove everything."""
        self.stack.clear()
        self._changed.clear()
        self._cost = 0.0
        self.marked, self.follow, self.unseen = None, True, 0
        self.post_message(self.Scrolled())

    def _rebuild(self) -> int:
        """Take over the blocks, to be measured at once; returns the first that may have moved."""
        self.stack.rebuild(self.stack.transcript)
        self._stale = False
        old, self.column.blocks = self.column.blocks, self.stack.blocks
        same = 0
        for before, after in zip(old, self.column.blocks, strict=False):
            if before is not after:
                break
            same += 1
        return max(0, same - 2)

    # The cursor

    def move_cursor(self, step: int) -> bool:
        """Move the cursor by messages; False, without a cursor, past the last one."""
        if self.pending:
            self.flush()
        messages = [block for block in self.column.blocks if isinstance(block, MessageBlock)]
        at = messages.index(self.marked) if self.marked in messages else len(messages)
        at += step
        if at >= len(messages):
            self.marked = None
            self.to_end()
            return False
        if messages:
            self.marked = messages[max(0, at)]
            self.show_block(self.stack.place(self.marked))
        return True

    def show_block(self, place: int) -> None:
        """Scroll until a block is visible, at least its beginning."""
        column, rows = self.column, self.size.height
        top, bottom = column.top(place), column.top(place + 1)
        at = self.scroll_offset.y
        if at <= top and bottom <= at + rows:
            self.refresh()
            return
        block = column.blocks[place]
        self.follow = False
        y = column.settle(Anchor(block, 0, 0.0, 0), rows)
        fits = column.top(place + 1) - y <= rows
        y = column.top(place + 1) - rows if fits and top > at else y
        self._show(max(0, min(y, column.height - rows)))
        self.follow = self.scroll_offset.y >= self.max_scroll_y

    def reveal(self, message_id: int) -> bool:
        """Show the message with this id and move the cursor to it; False if it is not loaded."""
        self.flush()
        block = self.stack.by_message.get(message_id)
        if block is None:
            return False
        self.focus()
        self.marked = block
        for _ in block.entry.earlier:
            if block.shown.message_id != message_id:
                block.turn(-1)
        if block.entry.replaced:
            block.expanded = True
            self.redraw(block)
        self.show_block(self.stack.place(block))
        return True

    def fold(self, block: MessageBlock) -> None:
        """Expand or collapse a message."""
        if block.folds:
            block.expanded = not block.expanded
            self.redraw(block)

    def redraw(self, block: MessageBlock) -> None:
        """Redraw one block without scrolling."""
        anchor = self.column.anchor(self.scroll_offset.y)
        block.sync()
        self.follow = False
        self.place(anchor, self.stack.place(block))
        self.follow = self.scroll_offset.y >= self.max_scroll_y

    def on_blur(self) -> None:
        """Hide the cursor, whose keys do not work without the focus."""
        self.marked = None

    def watch_marked(self, before: MessageBlock | None, now: MessageBlock | None) -> None:
        """Redraw the blocks that the cursor left and reached."""
        for block in (before, now):
            if block is not None:
                block.mark(marked=block is now)
        if self.is_attached:
            self.screen.refresh_bindings()
        self._rows_at = None
        self.refresh()

    def focus_on_click(self) -> bool:
        """A click never takes the focus from the prompt."""
        return False

    def on_click(self, event: events.Click) -> None:
        """Expand a tool call or replaced message, or open a link; a double click selects a word."""
        event.prevent_default()  # Textual would select everything
        if event.chain > 1 and event.y < len(self._rows):
            event.stop()
            self.select_at(event.x, event.y + self.scroll_offset.y, line=event.chain > DOUBLE)
            return
        if self.text_selection is not None or event.y >= len(self._rows):
            return
        row = self._rows[event.y]
        if isinstance(row.part, FoldPart) and isinstance(row.block, MessageBlock):
            self.fold(row.block)
            return
        at = event.x - self.margin - row.part.indent
        for run in row.line.runs:
            size = cell_len(run.text)
            if 0 <= at < size and run.link:
                example = not isinstance(row.block, MessageBlock)
                self.post_message(self.LinkClicked(restore(run.link), example))
                return
            at -= size
