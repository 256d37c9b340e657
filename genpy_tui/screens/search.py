"""Search over the messages of every conversation; choosing a hit jumps to it."""

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from genpy_server.core.models import Hit
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.text import age, one_line, plain

if TYPE_CHECKING:
    from genpy_server.records import Records

PAUSE = 0.15
"""Seconds after the last key until the search runs."""
LIMIT = 30
SNIPPET = 300
WHO = {"user": "› You", "assistant": "◆ GenPy", "system": "· Note"}


class Found(NamedTuple):
    """Where to jump."""

    session: str
    message: int


class SearchScreen(ModalScreen[Found | None]):
    """Type words; the best hits come first."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("down", "list", "Hits", show=False),
    ]

    def __init__(self, records: "Records", query: str = "") -> None:
        super().__init__()
        self._records = records
        self._query = query
        self._hits: list[Hit] = []

    def compose(self) -> ComposeResult:
        """The words and the hits."""
        with Vertical(classes="dialog wide"):
            yield Static(plain("Search every conversation", "bold"), classes="question")
            yield Input(self._query, placeholder="words to look for")
            yield OptionList()
            yield Static(plain("Type a few words."), classes="hint")

    def on_mount(self) -> None:
        """Words may have been given already."""
        if self._query:
            self._search()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search again, a moment after the last key."""
        event.stop()
        self._query = event.value.strip()
        self._search(PAUSE)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Jump to the best hit."""
        event.stop()
        if self._hits:
            self._choose(0)

    def _search(self, pause: float = 0) -> None:
        background(self, partial(self._run, self._query, pause), "work")

    async def _run(self, query: str, pause: float) -> None:
        await asyncio.sleep(pause)
        hint = self.query_one(".hint", Static)
        if not query:
            self._show([])
            hint.update(plain("Type a few words."))
            return
        try:
            hits = await self._records.search(query, limit=LIMIT)
        except GenPyError as error:
            hint.update(plain(f"✗ {error.message}", "$genpy-text-error"))
            return
        self._show(hits)
        many = f"{len(hits)} best hits" if len(hits) == LIMIT else f"{len(hits)} hits"
        nothing = "Nothing found. Try other words."
        hint.update(plain(f"{many}   ↑↓ choose   enter jump   esc close" if hits else nothing))

    def _show(self, hits: list[Hit]) -> None:
        self._hits = hits
        options = self.query_one(OptionList)
        options.clear_options()
        width = max(20, options.size.width - 4)
        words = re.findall(r"\w+", self._query.lower())
        options.add_options(Option(hit_row(hit, words, width)) for hit in hits)
        options.highlighted = 0 if hits else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Jump to a hit."""
        event.stop()
        self._choose(event.option_index)

    def _choose(self, place: int) -> None:
        message = self._hits[place].message
        self.dismiss(Found(message.session_id, message.id))

    def action_list(self) -> None:
        """Go to the hits."""
        self.query_one(OptionList).focus()

    def action_leave(self) -> None:
        """Close without a jump."""
        self.dismiss(None)


def hit_row(hit: Hit, words: list[str], width: int) -> Content:
    """A hit on three lines: where, and what stands around the words."""
    message = hit.message
    title = one_line(hit.session_title, width - 24, "bold")
    where = Content(f"   {WHO[message.role]} · {age(message.at)}").stylize("$genpy-muted")
    text = " ".join(message.text.split())
    lower = text.lower()
    at = min((lower.find(word) for word in words if word in lower), default=0)
    start = max(0, at - width // 3)
    snippet = one_line(("…" if start else "") + text[start : start + SNIPPET], width)
    for word in words:
        snippet = snippet.highlight_regex(
            re.compile(re.escape(word), re.IGNORECASE), style="bold $accent"
        )
    return Content("\n").join([title + where, snippet])
