"""A window on a column of lines: it follows the end, or stays on what is being read.

Lines are made when they come near the window. The height of what is far from it is a guess, and
when a guess is corrected the text on the screen does not move.
"""

import re
import sys
from typing import Any

from rich.cells import set_cell_size
from textual.geometry import Offset, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from genpy_tui.render.layout import Anchor, Block, Layout, Row
from genpy_tui.render.painter import MARGIN, Painter
from genpy_tui.render.palette import Palette

_WORD = re.compile(r"[\w./~:@%+#?&=-]+")
"""What a double click selects: a word, an address or a path."""
_LINE_END = 100_000
"""A column behind the end of every line."""
READABLE = 100
"""Columns of text at most: longer lines are hard to read."""


class Window(ScrollView):
    """Shows the blocks of its `column`."""

    follow = var(default=True)

    class Scrolled(Message):
        """The view follows the end again, or stopped to; or more arrived below it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.column = Layout()
        self.unseen = 0
        """Lines that arrived below what is seen."""
        self._settling = False
        self._painter: Painter | None = None
        self._rows: list[Row] = []
        self._rows_at: tuple[int, int] | None = None

    @property
    def marked(self) -> Block | None:
        """The block that has the cursor beside it."""
        return None

    # Where things stand

    def reading_place(self) -> Anchor | None:
        """What keeps its place while heights change: None while the end is followed."""
        return None if self.follow else self.column.anchor(self.scroll_offset.y)

    def place(self, anchor: Anchor | None, first: int = 0, *, rewrapped: bool = False) -> None:
        """Measure again from a block on, and show the anchor where it was, or the end."""
        rows = max(1, self.size.height)
        self.column.measure(first)
        if not self.follow and anchor is not None:
            top = self.column.settle(anchor, rows, rewrapped=rewrapped)
            if top <= self.column.height - rows:
                self._show(top)
                return
        self.column.settle_end(rows)
        self._show(max(0, self.column.height - rows))

    def _show(self, top: int) -> None:
        """Bring size and scroll bar up to date, with this line on top."""
        size = Size(self.size.width, self.column.height)
        self._settling = True
        if size != self.virtual_size:
            # Not by assignment: the scroll bar always has its room, so nothing else moves.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
        self.scroll_target_y = self.scroll_y = top
        self._settling = False
        self._rows_at = None
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The person scrolled: make what came into view; follow the end when it is reached."""
        super().watch_scroll_y(old_value, new_value)
        if self._settling or round(old_value) == round(new_value) or not self.column.blocks:
            return
        self.follow = new_value >= self.max_scroll_y
        if self.follow:
            self.unseen = 0
        else:
            self.place(self.reading_place(), self.column.index_at(round(new_value)))
        self.post_message(self.Scrolled())

    def to_end(self) -> None:
        """Show the end and follow it."""
        self.follow, self.unseen = True, 0
        self.place(None)
        self.post_message(self.Scrolled())

    def _size_updated(
        self,
        size: Size,
        virtual_size: Size,
        container_size: Size,
        layout: bool = True,  # noqa: FBT001, FBT002 - as in Textual
    ) -> bool:
        """Wrap again for a new width, keeping the line that is read, or the end, in its place."""
        anchor, self._settling = self.reading_place(), True
        changed = super()._size_updated(size, virtual_size, container_size, layout)
        self._settling = False
        width = self.scrollable_content_region.width - 2 * MARGIN
        width = max(20, min(READABLE, width))
        if changed or width != self.column.width:
            rewrapped, self.column.width = width != self.column.width, width
            self.place(anchor, rewrapped=rewrapped)
        return changed

    # Drawing

    @property
    def margin(self) -> int:
        """Columns left of the text, which stands in the middle of a wide window."""
        return max(MARGIN, (self.scrollable_content_region.width - self.column.width) // 2)

    def notify_style_update(self) -> None:
        """Another theme: the lines stay, their colours are looked up again."""
        super().notify_style_update()
        self._painter = None
        self._rows_at = None

    @property
    def painter(self) -> Painter:
        """What paints in the colours of the theme that is in use."""
        if self._painter is None:
            self._painter = Painter(Palette(self.app.theme_variables, self.rich_style))
        return self._painter

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        top, height = self.scroll_offset.y, self.size.height
        if self._rows_at != (top, height):
            self._rows = self.column.rows(top, height)
            self._rows_at = (top, height)
        width = self.size.width
        if y >= len(self._rows):
            return self.painter.blank(width)
        row, selection = self._rows[y], self.text_selection
        return self.painter.strip(
            row,
            top + y,
            width,
            self.margin,
            self.column.width,
            marked=self.marked is row.block and not self._is_gap(row),
            span=None if selection is None else selection.get_span(top + y),
        )

    @staticmethod
    def _is_gap(row: Row) -> bool:
        """Whether a row is the space above its block."""
        return row.number == 0 and row.part is row.block.parts[0]

    # Selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, without decoration and as it was before it wrapped."""
        start = selection.start.y if selection.start else 0
        end = selection.end.y if selection.end else self.column.height - 1
        out: list[str] = []
        for y, row in enumerate(self.column.rows(start, end - start + 1), start):
            span = selection.get_span(y)
            if span is None:
                continue
            line, shift = row.line, self.margin + row.part.indent
            low = max(span[0] - shift, line.lead)
            high = sys.maxsize if span[1] == -1 else span[1] - shift
            text = line.copied(low, high)
            # Code has its own spaces at the end of a line; elsewhere they fill a column.
            text = text if line.fill else text.rstrip(" ")
            out.append((line.glue if out else "") + text)
        return "".join(out), "\n"

    def select_at(self, x: int, y: int, *, line: bool = False) -> None:
        """Select the word at a cell of the column, or the whole line, however it is wrapped."""
        rows = self.column.rows(y, 1)
        if not rows:
            return
        if line:
            above, first, last = self.column.rows(0, y + 1), y, y
            while first and above[first].line.glue != "\n":
                first -= 1
            while (below := self.column.rows(last + 1, 1)) and below[0].line.glue != "\n":
                last += 1
            span = Selection(Offset(0, first), Offset(_LINE_END, last))
        else:
            row = rows[0]
            shift, text = self.margin + row.part.indent, row.line.text
            at = len(set_cell_size(text, max(0, x - shift))) if x > shift else 0
            word = next((m for m in _WORD.finditer(text) if m.start() <= at < m.end()), None)
            start, end = word.span() if word is not None else (at, at + 1)
            span = Selection(Offset(start + shift, y), Offset(end + shift, y))
        self.screen.selections = {self: span}

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's
        """Show what is selected."""
        self.refresh()
