"""/memory: the notes of a conversation, each with the message it came from."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.widgets.option_list import Option

from genpy_server.core.models import MemoryNote, SessionMemory
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from genpy_server.records import Records

NONE = "No notes. They are made when a conversation outgrows what is sent to the model."


class MemoryScreen(ModalScreen[None]):
    """The notes; f forgets the marked one, o switches the memory off or on."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close"),
        Binding("f,delete", "forget", "Forget"),
        Binding("o", "switch", "Off or on"),
    ]

    def __init__(self, records: "Records", ref: str) -> None:
        super().__init__()
        self._records = records
        self._ref = ref
        self._kept: SessionMemory | None = None

    def compose(self) -> ComposeResult:
        """The list of notes."""
        with Vertical(classes="dialog wide"):
            yield Static(plain("Memory   Reading\u2026", "bold"), classes="question")
            yield Static("", classes="detail")
            yield Choices()
            yield Static(
                plain("\u2191\u2193 mark   f forget   o off or on   esc close"), classes="hint"
            )

    def on_mount(self) -> None:
        """Read the notes."""
        self._do(partial(self._records.memory, self._ref))

    def action_forget(self) -> None:
        """Forget the marked note."""
        marked = self.query_one(Choices).highlighted_option
        if marked is not None and marked.id is not None:
            number = int(marked.id)
            self._do(partial(self._records.change_memory, self._ref, forget=number))

    def action_switch(self) -> None:
        """Switch the memory off, or on again."""
        if self._kept is not None:
            on = not self._kept.on
            self._do(partial(self._records.change_memory, self._ref, on=on))

    def _do(self, work: "Callable[[], Awaitable[SessionMemory]]") -> None:
        background(self, partial(self._show, work), "work")

    async def _show(self, work: "Callable[[], Awaitable[SessionMemory]]") -> None:
        heading = self.query_one(".question", Static)
        try:
            kept = self._kept = await work()
        except GenPyError as error:
            heading.update(plain(f"\u2717 {error.message}", "$genpy-text-error"))
            return
        heading.update(plain(f"Memory   {'on' if kept.on else 'off'}", "bold"))
        detail = self.query_one(".detail", Static)
        detail.display = not kept.notes
        detail.update(plain(NONE))
        choices = self.query_one(Choices)
        marked = choices.highlighted or 0
        choices.clear_options()
        choices.add_options(Option(_line(note), id=str(note.number)) for note in kept.notes)
        if kept.notes:
            choices.highlighted = min(marked, len(kept.notes) - 1)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def _line(note: MemoryNote) -> Content:
    """A note, and under it the beginning of its message."""
    if note.message_id is None:
        return plain(note.text)
    said = f": {note.said}" if note.said else ""
    source = Content.styled("\\n  from message ", "$genpy-muted") + plain(
        f"{note.message_id}{said}"
    )
    return plain(note.text) + source
