"""/memory: the notes of a conversation, each with the message it came from."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static
from textual.widgets.option_list import Option

from genpy_server.core.models import MemoryNote, SessionMemory
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices

if TYPE_CHECKING:
    from genpy_server.records import Records

NONE = "No notes. They are made when a conversation outgrows what is sent to the model."


class MemoryScreen(Dialog[None]):
    """The notes; f forgets the marked one, o switches the memory off or on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close"),
        Binding("f,delete", "forget", "Forget"),
        Binding("o", "switch", "Off or on"),
    ]

    def __init__(self, records: "Records", ref: str) -> None:
        hint = "↑↓ mark   f forget   o off or on   esc close"
        detail = Static("", classes="detail")
        super().__init__("Memory   Reading…", detail, Choices(), hint=hint, size="wide")
        self._records = records
        self._ref = ref
        self._on: bool | None = None

    def on_mount(self) -> None:
        """Read the notes."""
        self.load(partial(self._records.memory, self._ref), self._show)

    def action_forget(self) -> None:
        """Forget the marked note."""
        marked = self.query_one(Choices).highlighted_option
        if marked is not None and marked.id is not None:
            number = int(marked.id)
            change = partial(self._records.change_memory, self._ref, forget=number)
            self.load(change, self._show)

    def action_switch(self) -> None:
        """Switch the memory off, or on again."""
        if self._on is not None:
            change = partial(self._records.change_memory, self._ref, on=not self._on)
            self.load(change, self._show)

    def _show(self, memory: SessionMemory) -> None:
        self._on = memory.on
        self.show_question(f"Memory   {'on' if memory.on else 'off'}")
        detail = self.query_one(".detail", Static)
        detail.display = not memory.notes
        detail.update(plain(NONE))
        choices = self.query_one(Choices)
        marked = choices.highlighted or 0
        choices.clear_options()
        choices.add_options(Option(_line(note), id=str(note.number)) for note in memory.notes)
        if memory.notes:
            choices.highlighted = min(marked, len(memory.notes) - 1)


def _line(note: MemoryNote) -> Content:
    """A note, and below it the beginning of its message."""
    if note.message_id is None:
        return plain(note.text)
    quote = f": {note.said}" if note.said else ""
    source = Content.styled("\n  from message ", "$genpy-muted")
    return plain(note.text) + source + plain(f"{note.message_id}{quote}")
