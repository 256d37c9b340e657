"""Questions over the conversation: a few answers, one line, one of many; and a wait for a result."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import one_line, plain
from genpy_tui.widgets.choices import Choices

T = TypeVar("T")
HINT = "↑↓ choose   enter accept   esc cancel"


class Choose(Dialog[str | None]):
    """A question with a few answers, by their keys; None when it was cancelled."""

    @dataclass
    class Typed(Message):
        """A text that does not answer the question was typed or pasted."""

        text: str

    def __init__(self, question: str, answers: dict[str, str], detail: str = "") -> None:
        options = (Option(plain(text), id=key) for key, text in answers.items())
        super().__init__(question, Choices(*options), detail=detail, hint=HINT)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """An answer was chosen."""
        event.stop()
        self.dismiss(event.option.id)

    def on_key(self, event: events.Key) -> None:
        """Pass on typed text."""
        if event.is_printable and event.character:
            self.post_message(self.Typed(event.character))

    def on_paste(self, event: events.Paste) -> None:
        """Pass on pasted text."""
        self.post_message(self.Typed(event.text))


class AskLine(Dialog[str | None]):
    """A question that is answered by one line; None when it was cancelled."""

    def __init__(
        self,
        question: str,
        value: str = "",
        *,
        detail: str = "",
        limit: int = 200,
        hidden: bool = False,
        optional: bool = False,
    ) -> None:
        """`hidden` shows dots instead of the text; `optional` accepts an empty line too."""
        line = Input(plain(value).plain, max_length=limit, select_on_focus=True, password=hidden)
        super().__init__(question, line, detail=detail, hint="enter accept   esc cancel")
        self._optional = optional

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line was entered."""
        event.stop()
        typed = event.value.strip()
        self.dismiss(typed if typed or self._optional else None)


class Item(NamedTuple):
    """One row: the key that is returned, the label, and a remark at the right edge."""

    key: str
    label: str
    remark: str = ""


class Pick(Dialog[str | None]):
    """A list with a filter; returns the key of a row, None when nothing was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    PLACEHOLDER = "Type a part of the name"
    FILTERS = True
    """Whether the typed text filters the rows."""

    def __init__(
        self, question: str, items: Sequence[Item], *, chosen: str = "", detail: str = ""
    ) -> None:
        typed = Input(placeholder=self.PLACEHOLDER)
        super().__init__(question, typed, Choices(), detail=detail, hint=HINT, size="broad")
        self._items = items
        self._chosen: str | None = chosen
        self._typed = ""

    def on_resize(self) -> None:
        """Show the rows once the width is known, their remarks at the right edge."""
        self.call_after_refresh(self._show, self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the rows that have every word of the filter."""
        event.stop()
        self._show(event.value)

    def _show(self, typed: str) -> None:
        """Show the rows that match; the marked one stays marked while the filter is the same."""
        options = self.query_one(Choices)
        marked = options.highlighted_option
        if typed == self._typed and marked is not None:
            self._chosen = marked.id
        elif self.FILTERS and typed:
            self._chosen = ""
        self._typed = typed
        words = typed.lower().split() if self.FILTERS else []
        shown = {
            item.key: item
            for item in self._items
            if all(word in f"{item.label} {item.remark}".lower() for word in words)
        }
        width = max(20, options.size.width - 2)
        options.set_options(Option(_row(item, width), id=key) for key, item in shown.items())
        options.highlighted = [*shown].index(self._chosen) if self._chosen in shown else 0

    def replace(self, items: Sequence[Item]) -> None:
        """Show other rows."""
        self._items = items
        self._show(self.query_one(Input).value)

    def say(self, text: str) -> None:
        """Show a remark above the hint."""
        self.show_hint(f"{text}\n\n{HINT}" if text else HINT)

    def action_move(self, step: int) -> None:
        """Mark another row; the filter keeps the focus."""
        options = self.query_one(Choices)
        if options.option_count:
            options.highlighted = ((options.highlighted or 0) + step) % options.option_count

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the marked row."""
        event.stop()
        self.query_one(Choices).action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A row was chosen."""
        event.stop()
        self.dismiss(event.option.id)


def _row(item: Item, width: int) -> Content:
    remark = one_line(item.remark, width // 2, "$genpy-muted")
    label = one_line(item.label, max(8, width - remark.cell_length - 2))
    gap = width - label.cell_length - remark.cell_length
    if not item.remark or gap < 2:  # noqa: PLR2004 - two cells between them
        return label
    return label + Content(" " * gap) + remark


class Wait(Dialog[T | GenPyError | None]):
    """Shows a text while `work` runs; returns its result or error, None when cancelled."""

    def __init__(self, text: str, work: Callable[[], Awaitable[T]]) -> None:
        super().__init__(text, hint="esc cancels")
        self._work = work

    def on_mount(self) -> None:
        """Start the work."""
        background(self, self._run, "work")

    async def _run(self) -> None:
        try:
            self.dismiss(await self._work())
        except GenPyError as error:
            self.dismiss(error)
