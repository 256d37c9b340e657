"""Small questions over the conversation: choose one of a few answers, or type one line."""

from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices


class Choose(Dialog[str | None]):
    """A question with a few answers, by their keys; None when it was cancelled."""

    def __init__(self, question: str, answers: dict[str, str], detail: str = "") -> None:
        options = (Option(plain(text), id=key) for key, text in answers.items())
        hint = "↑↓ choose   enter accept   esc cancel"
        super().__init__(question, Choices(*options), detail=detail, hint=hint)

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
        line = Input(plain(value).plain, max_length=limit, select_on_focus=True, password=hidden)
        super().__init__(question, line, detail=detail, hint="enter accept   esc cancel")
        self._optional = optional

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line was entered."""
        event.stop()
        typed = event.value.strip()
        self.dismiss(typed if typed or self._optional else None)
