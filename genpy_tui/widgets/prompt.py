"""The prompt: one to ten lines; enter sends, ctrl+j starts a new line, up recalls sent messages.

A large paste is shown as a short mark and sent in full. The document has protected text, in which
each control character is one visible cell; `text` is the original.
"""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.dom import NoScreen
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, Location

from genpy_server.core.display import newlines, protect, restore, visible
from genpy_tui.commands import Command, read_line
from genpy_tui.terminal import programs
from genpy_tui.terminal.graphemes import stops
from genpy_tui.text import plain
from genpy_tui.widgets.history import History
from genpy_tui.widgets.menu import SlashMenu

SELECTED = "what is selected"
PASTE_CHARS = 4_000
PASTE_LINES = 40
PLACEHOLDERS = (
    "Ask anything   ·   / for commands",
    "Ask anything · / for commands",
    "Ask anything",
    "",
)
"""What an empty prompt says: the first that fits into a line."""
WHOLE_CHARS = 20_000
"""Longest text that is shown without a mark when it is edited."""
_UNPRINTED = frozenset({"Cf", "Zs", "Zl", "Zp"})
"""Unicode categories of text that Python calls unprintable: joiners, marks of direction, spaces."""
_MARK = re.compile(r"\[pasted text (\d+): [^\]]*\]")


def _is_large(text: str) -> bool:
    return len(text) > PASTE_CHARS or text.count("\n") >= PASTE_LINES


def _end(line: str, at: int) -> int:
    """The end of the character at a place in a line, with what belongs to its cluster."""
    return next((end for start, end in stops(line) if start <= at < end), at + 1)


class _Line(Text):
    """A line; the cursor covers a whole cluster, whose cells are counted together."""

    def stylize(self, style: str | Style, start: int = 0, end: int | None = None) -> None:
        """Apply a style, such as that of the cursor."""
        super().stylize(style, start, _end(self.plain, start) if end == start + 1 else end)


class Prompt(TextArea):
    """The text area for messages and commands; its text is exact, and a large paste is a mark in it.

    The cursor passes a cluster of code points and a mark in one step.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", show=False),
        Binding("ctrl+j,shift+enter,ctrl+enter,alt+enter", "newline", "Newline", show=False),
        Binding("ctrl+underscore,super+z", "undo", "Undo", show=False),
        Binding("tab", "complete", "Complete", show=False),
    ]

    @dataclass
    class Slash(Message):
        """A slash command was entered; `asks` is whether the line may be a message instead."""

        command: Command
        argument: str
        line: str
        asks: bool = False

    @dataclass
    class Submitted(Message):
        """The person sends the text in the prompt."""

        text: str

    class Older(Message):
        """Up was pressed at the oldest text of the history."""

    _blinking = False

    def __init__(self) -> None:
        super().__init__(id="prompt", compact=True, highlight_cursor_line=False)
        self._pasted: dict[str, str] = {}
        """The large pastes by their marks."""
        self.menu = SlashMenu()
        self.modes: frozenset[str] = frozenset()
        """Names and labels of the server's modes, in lower case."""
        self.texts = History()
        self._facts: tuple[str, ...] = ()

    # Exact text

    @property
    def text(self) -> str:
        """The original text."""
        return restore(self.document.text)

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(value)

    @property
    def selected_text(self) -> str:
        """The original selected text."""
        return restore(super().selected_text)

    def focus(self, scroll_visible: bool = True) -> Self:  # noqa: FBT001, FBT002 - as in TextArea
        """Take the focus at once, before the next keys of the same read."""
        with suppress(NoScreen):
            self.screen.set_focus(self, scroll_visible)
        return self

    def render_line(self, y: int) -> Strip:
        """Draw a line; Textual fails to draw its placeholder in no width at all."""
        return super().render_line(y) if self.content_size.width else Strip.blank(0)

    def load_text(self, text: str) -> None:
        """Replace the text and clear the undo history."""
        super().load_text(protect(newlines(text)))

    def edit(self, edit: Edit) -> EditResult:
        """Apply an edit of original text."""
        return super().edit(replace(edit, text=protect(newlines(edit.text))))

    def _refresh_size(self) -> None:
        """Wrap first where the cursor is not within the text yet: Textual uses it after an undo."""
        if self.selection != (within := self._validate_selection(self.selection)):
            self.wrapped_document.wrap(self.wrap_width, self.indent_width)
            self.selection = within
        super()._refresh_size()

    def get_line(self, line_index: int) -> Text:
        """A line for display."""
        return _Line(visible(self.document.get_line(line_index)), end="", no_wrap=True)

    def refresh_lines(self, y_start: int, line_count: int = 1) -> None:
        """Redraw lines; while blinking only the cursor's cell."""
        if self._blinking:
            cell = self.cursor_screen_offset - self.content_region.offset
            row, column = self.cursor_location
            line = self.document.get_line(row)
            cells = cell_len(line[column : _end(line, column)])
            self.refresh(Region(cell.x, cell.y, max(1, cells), 1))
        else:
            super().refresh_lines(y_start, line_count)

    def _toggle_cursor_blink_visible(self) -> None:
        self._blinking = True
        super()._toggle_cursor_blink_visible()
        self._blinking = False

    def clamp_visitable(self, location: Location) -> Location:
        """The nearest valid cursor position: outside clusters and marks."""
        row, column = super().clamp_visitable(location)
        start, end = self._around((row, column))
        return start if column - start[1] < end[1] - column else end

    def get_cursor_left_location(self) -> Location:
        """The position left of the cursor, past a whole cluster or mark."""
        return self._around(super().get_cursor_left_location())[0]

    def get_cursor_right_location(self) -> Location:
        """The position right of the cursor, past a whole cluster or mark."""
        return self._around(super().get_cursor_right_location())[1]

    def get_cursor_word_left_location(self) -> Location:
        """The start of the word left of the cursor; a mark is one word."""
        return self._around(super().get_cursor_word_left_location())[0]

    def get_cursor_word_right_location(self) -> Location:
        """The end of the word right of the cursor; a mark is one word."""
        return self._around(super().get_cursor_word_right_location())[1]

    def _around(self, location: Location) -> tuple[Location, Location]:
        """The start and the end of the cluster or mark that a location is inside of, if any."""
        row, column = location
        line = self.document.get_line(row)
        marks = (mark.span() for mark in _MARK.finditer(line) if mark[0] in self._pasted)
        for start, end in (*marks, *stops(line)):
            if start < column < end:
                return (row, start), (row, end)
        return location, location

    def action_copy(self) -> None:
        """Copy the selection, and notify."""
        if not self.selected_text:
            raise SkipAction
        programs.copy(self.app, self.selected_text, SELECTED)

    def action_cut(self) -> None:
        """Cut the selection, or the line."""
        cut = self.selected_text
        result = self._delete_via_keyboard(*self.selection) if cut else self._delete_cursor_line()
        if result is not None:
            programs.copy(self.app, cut or restore(result.replaced_text), SELECTED)

    def action_paste(self) -> None:
        """Insert the clipboard of the application."""
        self._put(self.app.clipboard)

    @property
    def full_text(self) -> str:
        """The text with large pastes in full."""
        return _MARK.sub(lambda mark: self._pasted.get(mark[0], mark[0]), self.text)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self._put(event.text)

    def _put(self, text: str) -> None:
        text = newlines(text)
        if _is_large(text):
            lines = text.count("\n") + 1
            many = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
            mark = f"[pasted text {len(self._pasted) + 1}: {many}]"
            self._pasted[mark] = text
            text = mark
        self.insert(text)

    # The message

    def show_facts(self, facts: tuple[str, ...]) -> None:
        """Show facts in the border, the first ones where not all of them fit."""
        self._facts = facts
        shown, room = list(facts), self.outer_size.width - len("╭─  ─╮")
        while len(shown) > 1 and 0 < room < cell_len(" · ".join(shown)):
            shown.pop()
        self.border_title = plain(" · ".join(shown))

    def on_resize(self) -> None:
        """Say in the border and in the empty prompt what fits."""
        self.show_facts(self._facts)
        room = self.content_size.width
        self.placeholder = Content(next(text for text in PLACEHOLDERS if len(text) <= room))

    def write(self, text: str, *, whole: bool = False) -> None:
        """Replace the text; a large one becomes a mark, unless `whole` is set and it is short enough.

        What was pasted has the mark that it had, with what was typed beside it.
        """
        self.text = ""
        marked = text
        for mark, pasted in self._pasted.items():
            marked = marked.replace(pasted, mark)
        if whole and len(text) <= WHOLE_CHARS:
            self.insert(text)
        elif marked != text and not _is_large(marked):
            self.insert(marked)
        else:
            self._put(text)
        self.move_cursor(self.document.end)

    def action_submit(self) -> None:
        """Send the message, or run the slash command."""
        self.menu.look(self.text)
        chosen = self.menu.chosen
        if chosen is None and self._continued():
            return
        text = self.full_text if chosen is None else f"/{chosen.slash}"
        line = read_line(text, self.menu.commands, self.modes)
        if line.kind == "wrong":
            self.notify(line.wrong, severity="error" if line.command else "information")
        elif text.strip():
            self.write(self.keep(text))
            sent: Message = self.Submitted(text)
            if line.command is not None:
                sent = self.Slash(line.command, line.argument, text, asks=line.kind == "ask")
            self.post_message(sent)

    def keep(self, text: str) -> str:
        """Add a text to the history; returns the draft if a recalled text was shown."""
        self.texts.add(text)
        return self.texts.leave()

    def restore(self, text: str) -> bool:
        """Write a text into an empty prompt, or else add it to the history; returns whether written."""
        if self.text:
            self.keep(text)
            return False
        self.write(text)
        return True

    def action_newline(self) -> None:
        """Start a new line."""
        self._replace_via_keyboard("\n", *self.selection)

    def _continued(self) -> bool:
        """Replace a backslash at the end of the line by a new line; False without one."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        bare = line.rstrip("\\")
        if column < len(line) or (len(line) - len(bare)) % 2 == 0 or not self.selection.is_empty:
            return False
        self._replace_via_keyboard("\n", (row, column - 1), (row, column))
        return True

    def action_complete(self) -> None:
        """Complete a slash command, or go on to the next widget."""
        self.menu.look(self.text)
        chosen = self.menu.chosen
        if chosen is not None:
            self.write(f"/{chosen.slash} ")
        else:
            self.screen.focus_next()

    def on_text_area_changed(self) -> None:
        """Show the matching slash commands."""
        self.menu.look(self.text)

    def action_cursor_line_end(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - as in TextArea
        """To the end of the line; in an empty prompt, to the end of the conversation."""
        if self.text:
            super().action_cursor_line_end(select)
        else:
            self.call_later(self.screen.run_action, "command('to_end')")

    def action_cursor_up(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - as in TextArea
        """Up a line, from the first line to the previous message; in the menu up a row."""
        if self.menu.fits:
            self.menu.move(-1)
        elif not select and self.cursor_at_first_line:
            if not self.recall(-1):
                self.post_message(self.Older())
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - as in TextArea
        """Down a line, from the last line to the next message; in the menu down a row."""
        if self.menu.fits:
            self.menu.move(1)
        elif select or not self.cursor_at_last_line or not self.recall(1):
            super().action_cursor_down(select)

    def recall(self, step: int) -> bool:
        """Show the previous or next text of the history; False at its end."""
        text = self.texts.move(step, self.full_text)
        if text is None:
            return False
        self.write(text)
        return True

    async def _on_key(self, event: events.Key) -> None:
        """Run the binding of a key at once: if it bubbled, later keys would overtake it."""
        self.menu.look(self.text)
        if event.key == "escape" and self.menu.fits:
            self.menu.leave(self.text)
            done = True
        else:
            bound = self._bindings.key_to_bindings.get(event.key, ())
            done = any([await self.app.run_action(one.action, self) for one in bound])
        typed = event.character
        unprinted = typed and not event.is_printable and unicodedata.category(typed) in _UNPRINTED
        if not done and typed and unprinted:
            self.replace(typed, *self.selection, maintain_selection_offset=False)
            done = True
        if done:
            event.prevent_default()
            event.stop()
