"""What every dialog is: a screen above the chat that goes away once, however often it is asked to."""

from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """Dismissed twice, by two quick keys or clicks, it would take the screen below with it."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Go away with a result, unless that has happened."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()
