"""Small questions over the conversation: choose one of a few answers, or type one line."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices


class Choose(Dialog[str | None]):
    """A question with a few answers; None when it was left unanswered."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, question: str, answers: dict[str, str], detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._answers = answers

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Vertical(classes="dialog"):
            yield Static(plain(self._question, "bold"), classes="question")
            if self._detail:
                yield Static(plain(self._detail), classes="detail")
            yield Choices(*(Option(plain(text), id=key) for key, text in self._answers.items()))
            yield Static(Content("↑↓ choose   enter accept   esc cancel"), classes="hint")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """An answer was chosen."""
        event.stop()
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        """Leave it unanswered."""
        self.dismiss(None)


class AskLine(Dialog[str | None]):
    """A question that is answered by one line; None when it was left unanswered."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

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
        """`hidden` shows dots instead of what is typed; `optional` takes an empty line too."""
        super().__init__()
        self._question = question
        self._value = value
        self._detail = detail
        self._limit = limit
        self._hidden = hidden
        self._optional = optional

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Vertical(classes="dialog"):
            yield Static(plain(self._question, "bold"), classes="question")
            if self._detail:
                yield Static(plain(self._detail), classes="detail")
            yield Input(
                plain(self._value).plain,
                max_length=self._limit,
                select_on_focus=True,
                password=self._hidden,
            )
            yield Static(Content("enter accept   esc cancel"), classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line was given."""
        event.stop()
        typed = event.value.strip()
        self.dismiss(typed if typed or self._optional else None)

    def action_leave(self) -> None:
        """Leave it unanswered."""
        self.dismiss(None)
