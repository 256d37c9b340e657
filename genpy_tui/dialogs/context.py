"""What will be sent to the model with the text in the prompt: tokens by part, and every word."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_server.client.http_records import RemoteRecords, RequestContext

BAR = 24
"""Cells of the bar of a whole budget."""


class ContextScreen(Dialog[None]):
    """The request of the next reply."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close"),
        Binding("f9", "leave", id="context"),
    ]

    def __init__(self, records: "RemoteRecords", session: str, text: str) -> None:
        super().__init__()
        self._records = records
        self._session = session
        self._text = text

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical(classes="dialog wide"):
            yield Static(plain("What will be sent", "bold"), classes="question")
            with VerticalScroll():
                yield Static(plain("Reading…"), id="about")
            yield Static(plain("↑↓ scroll   esc close"), classes="hint")

    def on_mount(self) -> None:
        """Ask the server."""
        background(self, self._show, "work")

    async def _show(self) -> None:
        about = self.query_one("#about", Static)
        try:
            context = await self._records.context(self._session, self._text)
        except GenPyError as error:
            about.update(plain(f"✗ {error.message}", "$genpy-text-error"))
            return
        about.update(page(context))

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def page(context: "RequestContext") -> Content:
    """Tokens by part, then the messages word for word."""
    whole = f"{context.total:,} of {context.budget:,} tokens"
    if context.window is not None:
        whole += f"; the model takes {context.window:,}"
    parts = [plain(whole), Content("")]
    for name, tokens in context.tokens.items():
        bar = "█" * round(BAR * tokens / max(context.budget, 1)) or ("▏" if tokens else "")
        parts.append(
            Content.styled(f"{name:<15}", "$genpy-muted")
            + plain(f"{tokens:>9,}  ")
            + Content.styled(bar, "$primary")
        )
    if context.recalled:
        parts.append(plain(f"Earlier messages among it: {context.recalled}", "$genpy-muted"))
    for message in context.messages:
        parts += [Content(""), Content.styled(message.role, "bold"), plain(message.content)]
    return Content("\n").join(parts)
