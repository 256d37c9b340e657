"""A window on a column of lines: it follows the end, or stays on what is being read.

Lines are made when they come near the window. The height of what is far from it is a guess, and
when a guess is corrected the text on the screen does not move.
"""

from typing import Any

from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from genpy_tui.render.layout import Anchor, Block, Layout, Row
from genpy_tui.render.palette import Palette
from genpy_tui.widgets.painter import MARGIN, Painter


class Window(ScrollView):
    """Shows the blocks of its `column`."""

    follow = var(default=True)

    class Scrolled(Message):
        """The view follows the end again, or stopped to; or more arrived below it."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.column = Layout()
        self.unseen = 0
        """How often something arrived below what is seen."""
        self._painter: Painter | None = None
        self._rows: list[Row] = []
        self._rows_at: tuple[int, int] | None = None

    @property
    def marked(self) -> Block | None:
        """The block that has the cursor beside it."""
        return None

    # Where things stand

    def _place(self, anchor: Anchor | None, first: int = 0, *, rewrapped: bool = False) -> None:
        """Measure again from a block on, and keep the window where it belongs."""
        rows = max(1, self.size.height)
        self.column.measure(first)
        if self.follow or anchor is None:
            self.column.settle_end(rows)
            top = max(0, self.column.height - rows)
        else:
            top = self.column.settle(anchor, rows, rewrapped=rewrapped)
        self._resize_to(top)

    def _resize_to(self, top: int) -> None:
        size = Size(self.size.width, self.column.height)
        if size != self.virtual_size:
            # Not by assignment: the scroll bar always has its room, so nothing else moves.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
        self._rows_at = None
        if top != self.scroll_offset.y:
            self.scroll_target_y = top
            self.set_reactive(Widget.scroll_y, float(top))
            self.vertical_scrollbar.position = top
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that came into view; follow the end when it is reached."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) == round(new_value) or not self.column.blocks:
            return
        at_end = new_value >= self.max_scroll_y
        if at_end != self.follow:
            self.follow = at_end
        if at_end:
            self.unseen = 0
        else:
            y = round(new_value)
            anchor = self.column.anchor(y)
            top = self.column.settle(anchor, self.size.height)
            self._rows_at = None
            if top != y or self.column.height != self.virtual_size.height:
                self._resize_to(top)
        self.post_message(self.Scrolled())

    def to_end(self) -> None:
        """Show the end and follow it."""
        self.follow, self.unseen = True, 0
        self._place(None)
        self.post_message(self.Scrolled())

    def on_resize(self) -> None:
        """Wrap anew what is seen; what is read stays in its place."""
        width = max(20, self.scrollable_content_region.width - 2 * MARGIN)
        anchor = None if self.follow else self.column.anchor(self.scroll_offset.y)
        rewrapped = width != self.column.width
        self.column.width = width
        self._place(anchor, 0, rewrapped=rewrapped)

    # Drawing

    def notify_style_update(self) -> None:
        """Another theme: the lines stay, their colours are looked up again."""
        super().notify_style_update()
        self._painter = None
        self._rows_at = None

    @property
    def painter(self) -> Painter:
        """What paints in the colours of the theme that is in use."""
        if self._painter is None:
            selection = self.screen.get_component_rich_style("screen--selection")
            palette = Palette(self.app.theme_variables, self.rich_style)
            self._painter = Painter(palette, selection)
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
            marked=self.marked is row.block and bool(row.line.runs or row.number),
            span=None if selection is None else selection.get_span(top + y),
        )

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
            text = row.line.text
            shift = MARGIN + row.part.indent
            low = max(span[0] - shift, row.line.lead)
            high = len(text) if span[1] == -1 else span[1] - shift
            out.append((row.line.glue if out else "") + text[low : max(low, high)].rstrip())
        return "".join(out), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's
        """Show what is selected."""
        self.refresh()
