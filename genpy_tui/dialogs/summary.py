"""F4: the summary of a conversation, its metrics and its rating."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genpy_server.core.display import stars
from genpy_server.core.metrics import statistics
from genpy_server.core.models import Session
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from genpy_server.records import Records

FACES = {"positive": "☺ positive", "neutral": "○ neutral", "negative": "☹ negative"}


class SummaryScreen(Dialog[None]):
    """The summary; 1 to 5 rate, r writes it again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close"),
        Binding("f4", "leave", id="summary"),
        Binding("r", "regenerate", "Again"),
        *(Binding(str(n), f"rate({n})", f"Rate {n}", show=False) for n in range(1, 6)),
    ]

    def __init__(self, records: "Records", ref: str) -> None:
        super().__init__()
        self._records = records
        self._ref = ref

    def compose(self) -> ComposeResult:
        """The page."""
        body = VerticalScroll(Static(plain("Reading…"), id="about", classes="reading"))
        hint = "1–5 rate   r summarise again   esc close"
        yield self.frame("Summary", body, hint=hint, size="wide")

    def on_mount(self) -> None:
        """Read the stored summary."""
        self._do(partial(self._records.session, self._ref), "Reading…")

    def action_regenerate(self) -> None:
        """Write the summary again."""
        self._do(partial(self._records.regenerate, self._ref), "Writing the summary…")

    def action_rate(self, rating: int) -> None:
        """Rate the conversation."""
        self._do(partial(self._records.rate, self._ref, rating), "Rating…")

    def _do(self, work: "Callable[[], Awaitable[Session]]", meanwhile: str) -> None:
        self.show_question(f"Summary   {meanwhile}")
        self.load(work, self._show)

    def _show(self, session: Session) -> None:
        self.show_question(session.title)
        page = self.query_one("#about", Static)
        page.remove_class("reading")
        page.update(about(session))


def about(session: Session) -> Content:
    """Summary, topics, outcomes, metrics and rating of a session."""
    parts: list[Content] = []
    if session.summary:
        parts.append(plain(session.summary))
    elif session.note:
        parts.append(plain(session.note, "$genpy-text-warning"))
    elif session.status == "active":
        parts.append(plain("This conversation has not ended. r ends it and writes its summary."))
    if session.topics:
        parts.append(_field("Topics", " · ".join(session.topics)))
    if session.sentiment:
        parts.append(_field("Sentiment", FACES[session.sentiment]))
    if session.outcomes:
        parts.append(_field("Outcomes", ""))
        parts += [plain(f"  • {outcome}") for outcome in session.outcomes]
    if session.metrics is not None:
        rows = [_field(name, value) for name, value in statistics(session.metrics, None)]
        parts.append(Content("\n").join(rows))
    rating = f"{stars(session.rating)} {session.rating} of 5" if session.rating else "not rated yet"
    parts.append(_field("Rating", rating))
    return Content("\n\n").join(parts)


def _field(name: str, value: str) -> Content:
    return Content.styled(f"{name:<15}", "$genpy-muted") + plain(value)
