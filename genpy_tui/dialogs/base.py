"""The frame of every dialog: a question, a body and the keys, on a screen above the chat."""

from collections.abc import Awaitable, Callable
from time import time
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.text import plain

Result = TypeVar("Result")
Value = TypeVar("Value")


class Dialog(ModalScreen[Result], Generic[Result]):
    """A dialog; escape closes it with the result None.

    Dismissed twice, by two quick keys or clicks, a screen of Textual closes the one below it too.
    """

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Close")]

    def __init__(
        self, question: str, *body: Widget, hint: str, detail: str = "", size: str = ""
    ) -> None:
        """`size` is a class of dialog.tcss."""
        super().__init__()
        self.opened = time()
        """In seconds since 1970; the notices of before do not cover it."""
        head = [Static(plain(question, "bold"), classes="question")]
        if detail:
            head.append(Static(plain(detail), classes="detail"))
        foot = Static(plain(hint), classes="hint")
        self._frame = Vertical(*head, *body, foot, classes=f"dialog {size}")

    def compose(self) -> ComposeResult:
        """The question, the body and the keys."""
        yield self._frame

    def show_question(self, text: str, style: str = "bold") -> None:
        """Replace the question."""
        self.query_one(".question", Static).update(plain(text, style))

    def show_hint(self, text: str, style: str = "") -> None:
        """Replace the line of keys."""
        self.query_one(".hint", Static).update(plain(text, style))

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close with a result, unless it is closed."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def action_leave(self) -> None:
        """Close without a result."""
        self.dismiss(None)

    def load(self, work: Callable[[], Awaitable[Value]], show: Callable[[Value], None]) -> None:
        """Run `work` in the background and `show` its value, or show its error as the question."""

        async def run() -> None:
            try:
                value = await work()
            except GenPyError as error:
                self.show_question(f"✗ {error.message}", "$genpy-text-error")
                self.query(".reading").remove()
            else:
                show(value)

        background(self, run, "work")
