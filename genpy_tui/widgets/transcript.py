"""The transcript: a window on lines that are made when they come near it.

What arrives is noted at once and drawn by a flush, whose pace follows what the last one cost. The
view follows the end until the person scrolls up; then what they read stays where it is.
"""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from genpy_server.core.transcript import Entry
from genpy_tui.commands import bindings
from genpy_tui.render.layout import Anchor, Block, Layout, Row
from genpy_tui.render.lines import Line
from genpy_tui.render.message import MessageBlock, ToolPart
from genpy_tui.render.notes import NoteBlock, greeting, older_waiting
from genpy_tui.render.palette import Palette

if TYPE_CHECKING:
    from genpy_server.core.transcript import Transcript

MARGIN = 2
"""Columns on the left, where the cursor stands."""
FASTEST, SLOWEST = 1 / 30, 1.0
"""Seconds between two flushes."""
KEPT_STRIPS = 400
"""Drawn lines that are kept for the next repaint."""


class TranscriptView(ScrollView, can_focus=True):
    """Blocks from the oldest to the newest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        replace(binding, action=f"screen.{binding.action}") for binding in bindings("transcript")
    ]

    follow = var(default=True)
    cursor: var[int | None] = var(default=None)

    class Scrolled(Message):
        """The view follows the end again, or stopped to; or more arrived below it."""

    class Link(Message):
        """A link was clicked."""

        def __init__(self, target: str) -> None:
            super().__init__()
            self.target = target

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.layout_ = Layout()
        self._by_entry: dict[int, MessageBlock] = {}
        self._changed: dict[int, MessageBlock] = {}
        self._index: dict[int, int] = {}
        self._transcript: Transcript | None = None
        self._structure: Transcript | None = None
        self._notes: dict[int, list[NoteBlock]] = {}
        self._greeting = greeting()
        self._older = older_waiting()
        self._palette: Palette | None = None
        self._rows: list[Row] = []
        self._rows_at: tuple[int, int] | None = None
        self._strips: dict[int, tuple[Line, str, Strip]] = {}
        self._timer: Timer | None = None
        self._cost = 0.0
        self._busy = False
        self.unseen = 0
        self.flushes = 0

    # What arrives

    def reset(self, transcript: "Transcript") -> None:
        """Entries were added, removed or replaced."""
        self._transcript = self._structure = transcript
        self._schedule()

    def changed(self, entry: Entry) -> None:
        """An entry has more text or another state."""
        block = self._by_entry.get(id(entry))
        if block is not None:
            self._changed[id(entry)] = block
            self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self.is_attached:
            delay = min(max(3 * self._cost, FASTEST), SLOWEST)
            self._timer = self.set_timer(delay, self.flush)

    def flush(self) -> None:
        """Draw what arrived since the last time."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        begin = perf_counter()
        anchor = None if self.follow else self.layout_.anchor(self.scroll_offset.y)
        first = len(self.layout_.blocks)
        if self._structure is not None:
            first = self._rebuild(self._structure)
            self._structure = None
        for block in self._changed.values():
            block.sync()
        if self._changed:
            first = min(first, *(self._index[key] for key in self._changed))
            if not self.follow:
                self.unseen += 1
        self._changed.clear()
        self._place(anchor, first)
        self.flushes += 1
        self.call_after_refresh(self._measured, begin)

    def _measured(self, begin: float) -> None:
        self._cost = perf_counter() - begin

    def _rebuild(self, transcript: "Transcript") -> int:
        """Make the blocks those of the transcript; returns the first that may differ."""
        old = self.layout_.blocks
        blocks: list[Block] = []
        known: dict[int, MessageBlock] = {}
        index: dict[int, int] = {}
        if transcript.before is not None:
            blocks.append(self._older)
        blocks += self._notes.get(0, ())
        for entry in transcript.entries:
            key = id(entry)
            block = self._by_entry.get(key) or MessageBlock(entry)
            block.sync()
            index[key] = len(blocks)
            known[key] = block
            blocks.append(block)
            blocks += self._notes.get(key, ())
        if not blocks:
            blocks.append(self._greeting)
        self._by_entry, self._index = known, index
        self._changed = {key: block for key, block in self._changed.items() if key in known}
        self.layout_.blocks = blocks
        same = 0
        for before, after in zip(old, blocks, strict=False):
            if before is not after:
                break
            same += 1
        return max(0, same - 1)

    def note(self, block: NoteBlock, *, top: bool = False) -> None:
        """Put a note below the newest message, or above the oldest."""
        entries = self._transcript.entries if self._transcript else []
        key = 0 if top or not entries else id(entries[-1])
        self._notes.setdefault(key, []).append(block)
        if self._transcript is not None:
            self.reset(self._transcript)

    def clear(self) -> None:
        """Forget everything: another conversation comes."""
        self._notes.clear()
        self._by_entry.clear()
        self._index.clear()
        self._changed.clear()
        self.layout_.blocks = []
        self.cursor, self.follow, self.unseen = None, True, 0

    # Where things stand

    def _place(self, anchor: Anchor | None, first: int = 0, *, rewrapped: bool = False) -> None:
        """Measure again from a block on, and keep the window where it belongs."""
        rows = max(1, self.size.height)
        self.layout_.measure(first)
        if self.follow or anchor is None:
            self.layout_.settle_end(rows)
            top = max(0, self.layout_.height - rows)
        else:
            top = self.layout_.settle(anchor, rows, rewrapped=rewrapped)
        self._resize_to(top)

    def _resize_to(self, top: int) -> None:
        size = Size(self.size.width, self.layout_.height)
        if size != self.virtual_size:
            # Not by assignment: the scroll bar always has its room, so nothing else moves.
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
        self._forget_rows()
        if top != self.scroll_offset.y:
            self.scroll_target_y = top
            self.set_reactive(Widget.scroll_y, float(top))
            self.vertical_scrollbar.position = top
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that came into view; follow the end when it is reached."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) == round(new_value) or not self.layout_.blocks:
            return
        at_end = new_value >= self.max_scroll_y
        if at_end != self.follow:
            self.follow = at_end
        if at_end:
            self.unseen = 0
        else:
            y = round(new_value)
            anchor = self.layout_.anchor(y)
            top = self.layout_.settle(anchor, self.size.height)
            self._forget_rows()
            if top != y or self.layout_.height != self.virtual_size.height:
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
        anchor = None if self.follow else self.layout_.anchor(self.scroll_offset.y)
        rewrapped = width != self.layout_.width
        self.layout_.width = width
        self._place(anchor, 0, rewrapped=rewrapped)

    # The cursor

    @property
    def block_at_cursor(self) -> MessageBlock | None:
        """The message that the cursor is on."""
        if self.cursor is None or self.cursor >= len(self.layout_.blocks):
            return None
        block = self.layout_.blocks[self.cursor]
        return block if isinstance(block, MessageBlock) else None

    def move_cursor(self, step: int) -> bool:
        """Move it by blocks; False, and no cursor, when it leaves at the end."""
        blocks = self.layout_.blocks
        place = (len(blocks) if self.cursor is None else self.cursor) + step
        while 0 <= place < len(blocks) and not isinstance(blocks[place], MessageBlock):
            place += step
        if place >= len(blocks):
            self.cursor = None
            self.to_end()
            return False
        self.cursor = max(0, place) if blocks else None
        if self.cursor is not None:
            self.show_block(self.cursor)
        return True

    def show_block(self, place: int) -> None:
        """Scroll so that a block is seen, its beginning at the least."""
        layout, rows = self.layout_, self.size.height
        top, bottom = layout.top(place), layout.top(place + 1)
        at = self.scroll_offset.y
        if at <= top and bottom <= at + rows:
            self.refresh()
            return
        block = layout.blocks[place]
        self.follow = False
        y = layout.settle(Anchor(block, 0, 0.0, 0), rows)
        fits = layout.top(place + 1) - y <= rows
        y = layout.top(place + 1) - rows if fits and top > at else y
        self._resize_to(max(0, min(y, layout.height - rows)))
        self.follow = self.scroll_offset.y >= self.max_scroll_y

    @property
    def near_top(self) -> bool:
        """Older messages will be wanted soon."""
        older = self._transcript is not None and self._transcript.before is not None
        return older and self.scroll_offset.y < self.size.height

    def reveal(self, message_id: int) -> None:
        """Show the message with this id, with the cursor on it."""
        self.flush()
        for place, block in enumerate(self.layout_.blocks):
            if isinstance(block, MessageBlock) and block.entry.message_id == message_id:
                self.cursor = place
                self.show_block(place)
                self.focus()

    def toggle(self) -> None:
        """Expand or collapse the tools of the message under the cursor."""
        block = self.block_at_cursor
        if block is not None and block.entry.tools:
            block.expanded = not block.expanded
            self._again(block)

    def _again(self, block: MessageBlock) -> None:
        """Draw one block anew, with the window staying where it is."""
        anchor = self.layout_.anchor(self.scroll_offset.y)
        block.sync()
        self.follow = False
        self._place(anchor, self._index[id(block.entry)])
        self.follow = self.scroll_offset.y >= self.max_scroll_y

    def on_blur(self) -> None:
        """The cursor is only shown while its keys work."""
        self.cursor = None

    def watch_cursor(self) -> None:
        """Show where it is."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Expand a tool, or ask about a link."""
        if self.text_selection is not None or event.y >= len(self._rows):
            return
        row = self._rows[event.y]
        if isinstance(row.part, ToolPart) and isinstance(row.block, MessageBlock):
            row.block.expanded = not row.block.expanded
            self._again(row.block)
            return
        at = event.x - MARGIN - row.part.indent
        for run in row.line.runs:
            size = cell_len(run.text)
            if 0 <= at < size and run.link:
                self.post_message(self.Link(run.link))
                return
            at -= size

    # Drawing

    def notify_style_update(self) -> None:
        """Another theme: the lines stay, their colours are looked up again."""
        super().notify_style_update()
        self._palette = None
        self._strips.clear()
        self._forget_rows()

    def _forget_rows(self) -> None:
        self._rows_at = None

    @property
    def palette(self) -> Palette:
        """The styles of the theme that is in use."""
        if self._palette is None:
            self._palette = Palette(self.app.theme_variables, self.rich_style)
        return self._palette

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        top, height = self.scroll_offset.y, self.size.height
        if self._rows_at != (top, height):
            self._rows = self.layout_.rows(top, height)
            self._rows_at = (top, height)
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row, margin = self._rows[y], self._margin(self._rows[y])
        span = None if self.text_selection is None else self.text_selection.get_span(top + y)
        if span is not None:
            return self._strip(row, margin, width, span).apply_offsets(0, top + y)
        kept = self._strips.get(top + y)
        if kept is not None and kept[0] is row.line and kept[1] == margin:
            return kept[2]
        strip = self._strip(row, margin, width).apply_offsets(0, top + y)
        if len(self._strips) > KEPT_STRIPS:
            self._strips.clear()
        self._strips[top + y] = (row.line, margin, strip)
        return strip

    def _strip(
        self, row: Row, margin: str, width: int, span: tuple[int, int] | None = None
    ) -> Strip:
        palette, line = self.palette, row.line
        before = margin + " " * row.part.indent
        segments = [Segment(before, palette["genpy"])]
        segments += [Segment(run.text, palette[run.style]) for run in line.runs]
        if span is not None:
            segments = list(self._selected(segments, span, len(before) + line.lead))
        cells = len(before) + line.cells
        if line.fill and cells < width - MARGIN:
            segments.append(Segment(" " * (width - MARGIN - cells), palette[line.fill]))
            cells = width - MARGIN
        if cells < width:
            segments.append(Segment(" " * (width - cells), palette[""]))
        return Strip(segments, max(cells, width)).crop(0, width)

    def _selected(
        self, segments: list[Segment], span: tuple[int, int], lead: int
    ) -> Iterator[Segment]:
        """Segments with the selected characters marked; decoration is never selected."""
        style = self.screen.get_component_rich_style("screen--selection")
        low, high, at = max(span[0], lead), span[1], 0
        for text, own, _ in segments:
            end = len(text) if high == -1 else max(0, min(len(text), high - at))
            start = min(max(0, low - at), end)
            for part, chosen in (
                (text[:start], False),
                (text[start:end], True),
                (text[end:], False),
            ):
                if part:
                    yield Segment(part, (own or Style()) + style if chosen else own)
            at += len(text)

    def _margin(self, row: Row) -> str:
        marked = self.block_at_cursor is row.block and bool(row.line.runs or row.number)
        return "▌ " if marked else "  "

    # Selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, without decoration and as it was before it wrapped."""
        start = selection.start.y if selection.start else 0
        end = selection.end.y if selection.end else self.layout_.height - 1
        out: list[str] = []
        for y, row in enumerate(self.layout_.rows(start, end - start + 1), start):
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
