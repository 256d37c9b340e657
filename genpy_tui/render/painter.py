"""Paints rows of the layout as strips in the colours of a theme, with a cache for repaints."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from genpy_server.core.display import visible
from genpy_tui.render.layout import Row
from genpy_tui.render.lines import Line
from genpy_tui.render.palette import Palette

MARGIN = 2
"""The least number of columns on the left, with the cursor, and on the right."""
CACHED = 400
"""The most strips in the cache."""
CURSOR = "▌ "


class TextColumns(NamedTuple):
    """Columns of a window: all, those left of its text, and those of the text with its background."""

    width: int
    margin: int
    text: int


class Painter:
    """Paints for one theme."""

    def __init__(self, palette: Palette) -> None:
        self._palette = palette
        self._selection = palette.selection()
        self._cache: dict[int, tuple[Line, bool, TextColumns, Strip]] = {}

    def blank(self, width: int) -> Strip:
        """A line with nothing on it."""
        return Strip.blank(width, self._palette[""])

    def strip(
        self, row: Row, y: int, columns: TextColumns, *, marked: bool, span: tuple[int, int] | None
    ) -> Strip:
        """Paint a row at line `y` of the layout; `span` is the range of selected characters."""
        if span is not None:
            return self._paint(row, columns, marked=marked, span=span).apply_offsets(0, y)
        cached = self._cache.get(y)
        if cached is not None and cached[0] is row.line and cached[1:3] == (marked, columns):
            return cached[3]
        strip = self._paint(row, columns, marked=marked).apply_offsets(0, y)
        if len(self._cache) > CACHED:
            self._cache.clear()
        self._cache[y] = (row.line, marked, columns, strip)
        return strip

    def _paint(
        self, row: Row, columns: TextColumns, *, marked: bool, span: tuple[int, int] | None = None
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
