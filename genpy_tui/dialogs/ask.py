"""Small questions over the conversation: choose one of a few answers, or type one line."""

from textual.app import ComposeResult
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices


class Choose(Dialog[str | None]):
    """A question with a few answers, by their keys; None when it was cancelled."""

    def __init__(self, question: str, answers: dict[str, str], detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._answers = answers

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        options = (Option(plain(text), id=key) for key, text in self._answers.items())
        hint = "↑↓ choose   enter accept   esc cancel"
        yield self.frame(self._question, Choices(*options), detail=self._detail, hint=hint)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """An answer was chosen."""
        event.stop()
        self.dismiss(event.option.id)


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
        super().__init__()
        self._question = question
        self._value = value
        self._detail = detail
        self._limit = limit
        self._hidden = hidden
        self._optional = optional

    def compose(self) -> ComposeResult:
        """The question and the line."""
        line = Input(
            plain(self._value).plain,
            max_length=self._limit,
            select_on_focus=True,
            password=self._hidden,
        )
        hint = "enter accept   esc cancel"
        yield self.frame(self._question, line, detail=self._detail, hint=hint)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line was entered."""
        event.stop()
        typed = event.value.strip()
        self.dismiss(typed if typed or self._optional else None)
