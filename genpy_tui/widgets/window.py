"""A scroll view of a column of lines, and how they are painted: it follows the end, or keeps its place.

Lines are made when they come near the window. The height of the others is estimated, and when an
estimate is corrected the text on the screen does not move.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from genpy_server.core.display import visible
from genpy_tui.render.layout import Anchor, Layout, Row
from genpy_tui.render.lines import Line
from genpy_tui.render.palette import Palette

_WORD = re.compile(r"[\w./~:@%+#?&=-]+")
"""What a double click selects: a word, an address or a path."""
_LINE_END = 100_000
"""A column behind the end of every line."""
READABLE = 100
"""Columns of text at most: longer lines are hard to read."""
MARGIN = 2
"""The least number of columns on the left, with the cursor, and on the right."""
CACHED = 400
CURSOR = "▌ "


class TextColumns(NamedTuple):
    """Columns of a window: all, those left of its text, and those of the text with its background."""

    width: int
    margin: int
    text: int


class Painter:
    """Paints rows as strips in the colours of one theme, with a cache for repaints."""

    def __init__(self, palette: Palette) -> None:
        self._palette = palette
        self._selection = palette.selection()
        self._cache: dict[int, tuple[Line, object, Strip]] = {}

    def blank(self, width: int) -> Strip:
        """A line with nothing on it."""
        return Strip.blank(width, self._palette[""])

    def strip(
        self, row: Row, y: int, columns: TextColumns, *, marked: bool, span: tuple[int, int] | None
    ) -> Strip:
        """Paint a row at line `y` of the layout; `span` is the range of selected characters."""
        look = (marked, columns, span)
        cached = self._cache.get(y)
        if cached is None or cached[0] is not row.line or cached[1] != look:
            if len(self._cache) > CACHED:
                self._cache.clear()
            strip = self._paint(row, columns, marked=marked, span=span).apply_offsets(0, y)
            cached = self._cache[y] = (row.line, look, strip)
        return cached[2]

    def _paint(
        self, row: Row, columns: TextColumns, *, marked: bool, span: tuple[int, int] | None
    ) -> Strip:
        palette, line = self._palette, row.line
        width, margin, edge = columns.width, columns.margin, columns.margin + columns.text
        before = (CURSOR if marked else "").rjust(margin) + " " * row.part.indent
        segments = [Segment(before, palette["genpy"])]
        segments += [Segment(visible(run.text), palette[run.style]) for run in line.runs]
        if span is not None:
            segments = list(self._selected(segments, span, len(before) + line.lead))
        cells = len(before) + line.cells
        if line.fill and cells < edge:
            segments.append(Segment(" " * (edge - cells), palette[line.fill]))
            cells = edge
        if cells < width:
            segments.append(Segment(" " * (width - cells), palette[""]))
        return Strip(segments, max(cells, width)).crop(0, width)

    def _selected(
        self, segments: list[Segment], span: tuple[int, int], lead: int
    ) -> Iterator[Segment]:
        """Segments with the selected characters marked; decoration is never selected."""
        low, high, at = max(span[0], lead), span[1], 0
        for text, own, _ in segments:
            end = len(text) if high == -1 else max(0, min(len(text), high - at))
            start = min(max(0, low - at), end)
            style = (own or Style()) + self._selection
            for part, look in ((text[:start], own), (text[start:end], style), (text[end:], own)):
                if part:
                    yield Segment(part, look)
            at += len(text)


class Window(ScrollView):
    """Shows the blocks of its `column`."""

    follow = var(default=True)

    class Scrolled(Message):
        """The view started or stopped to follow the end, or has new lines below."""

    def __init__(self) -> None:
        super().__init__()
        self.column = Layout()
        self.unseen = 0
        """New lines below the window."""
        self._settling = False
        self._painter: Painter | None = None
        self._rows: list[Row] = []
        self._rows_at: tuple[int, int] | None = None

    # Position

    def reading_place(self) -> Anchor | None:
        """The anchor that keeps its place while heights change; None while following the end."""
        return None if self.follow else self.column.anchor(self.scroll_offset.y)

    def place(self, anchor: Anchor | None, first: int = 0, *, rewrapped: bool = False) -> None:
        """Measure from a block on, and keep the anchor in its place, or show the end."""
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
        """Update size and scroll bar, with this line at the top."""
        size = Size(self.size.width, self.column.height)
        self._settling = True
        if size != self.virtual_size:
            # Not by assignment, which would lay out all: the scroll bar's space is reserved.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
        self.scroll_target_y = self.scroll_y = top
        self._settling = False
        self._rows_at = None
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that came into view; follow the end when it is reached."""
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

    def _size_updated(self, *sizes: Any, **options: Any) -> bool:
        """Wrap for a new width, keeping the current line, or the end, in its place."""
        anchor, self._settling = self.reading_place(), True
        changed = super()._size_updated(*sizes, **options)
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
        """Columns left of the text, which is centred in a wide window."""
        return max(MARGIN, (self.scrollable_content_region.width - self.column.width) // 2)

    def notify_style_update(self) -> None:
        """Look up the colours again: the theme has changed."""
        super().notify_style_update()
        self._painter = None
        self._rows_at = None

    @property
    def painter(self) -> Painter:
        """The painter for the current theme."""
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
        gap = row.number == 0 and row.part is row.block.parts[0]  # above the block
        return self.painter.strip(
            row,
            top + y,
            TextColumns(width, self.margin, self.column.width),
            marked=row.block.marked and not gap,
            span=None if selection is None else selection.get_span(top + y),
        )

    # Selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, unwrapped and without decoration."""
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
            # Trailing spaces are a part of code; elsewhere they are padding.
            text = text if line.fill else text.rstrip(" ")
            out.append((line.glue if out else "") + text)
        return "".join(out), "\n"

    def select_at(self, x: int, y: int, *, line: bool = False) -> None:
        """Select the word at a cell of the column, or the whole unwrapped line."""
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
