"""What will be sent to the model with the text in the prompt: tokens by part, and all messages."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_server.client.http_records import RemoteRecords
    from genpy_server.core.models import RequestContext

BAR = 24
"""Cells of the bar of a whole budget."""


class ContextScreen(Dialog[None]):
    """The request of the next reply."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close"),
        Binding("f9", "leave", id="context"),
    ]

    def __init__(self, records: "RemoteRecords", session: str, text: str) -> None:
        body = VerticalScroll(Static(plain("Reading…"), id="about", classes="reading"))
        super().__init__("What will be sent", body, hint="↑↓ scroll   esc close", size="wide tall")
        self._request = partial(records.context, session, text)

    def on_mount(self) -> None:
        """Ask the server."""
        self.load(self._request, self._show)

    def _show(self, context: "RequestContext") -> None:
        self.query_one("#about", Static).update(page(context))


def page(context: "RequestContext") -> Content:
    """Tokens by part, then the messages in full."""
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
