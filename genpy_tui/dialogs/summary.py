"""F4: the summary of a conversation, its metrics and its rating."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
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
        body = VerticalScroll(Static(id="about"), Grid(id="facts"))
        hint = "1–5 rate   r summarise again   esc close"
        super().__init__("Summary", body, hint=hint, size="wide")
        self._records = records
        self._ref = ref

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
        self.query_one("#about", Static).update(about(session))
        cells = [
            Static(plain(text, "$genpy-muted" * is_name))
            for row in facts(session)
            for text, is_name in zip(row, (True, False), strict=True)
        ]
        table = self.query_one("#facts", Grid)
        table.query("*").remove()
        table.mount(*cells)


def about(session: Session) -> Content:
    """The summary of a session, or why it has none."""
    if session.summary:
        return plain(session.summary)
    if session.status == "active" and not session.note:
        return plain("This conversation has not ended. r ends it and writes its summary.")
    return plain(session.note or "", "$genpy-text-warning")


def facts(session: Session) -> list[tuple[str, str]]:
    """Topics, sentiment, outcomes, rating and metrics of a session: their names and values."""
    rated = f"{stars(session.rating)} {session.rating} of 5" if session.rating else "not rated yet"
    found = [
        ("Topics", " · ".join(session.topics)),
        ("Sentiment", FACES[session.sentiment] if session.sentiment else ""),
        ("Outcomes", "\n".join(f"• {outcome}" for outcome in session.outcomes)),
        ("Rating", rated),
    ]
    metrics = [] if session.metrics is None else statistics(session.metrics, None)
    return [row for row in (*found, *metrics) if row[1]]
