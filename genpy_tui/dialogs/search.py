"""Search over every conversation: titles and summaries first, then messages; enter opens a hit."""

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from genpy_server.core.display import age, count
from genpy_server.core.models import Hit
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import one_line
from genpy_tui.widgets.choices import Choices

if TYPE_CHECKING:
    from genpy_server.records import Records

PAUSE = 0.15
"""Seconds after the last key until the search runs."""
PAGE, MOST = 50, 200
"""Hits that are requested at once, and in all: the maximum of a server."""
SNIPPET = 300
FOUND_IN = {"title": "title", "summary": "summary"}
WHO = {"user": "› You", "assistant": "◆ GenPy", "system": "· Note"}


class SearchScreen(Dialog[tuple[str, int] | None]):
    """The words, and the hits as they are typed, best first; returns a session and a message of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "list", "Hits", show=False)]

    _shown = ""
    """The words whose hits are shown."""
    _requested = 0
    _requesting = False
    _jump = False
    """Whether enter was pressed before the hits came."""

    def __init__(self, records: "Records", query: str = "") -> None:
        words = Input(query, placeholder="words to look for")
        body, hint = (words, Choices()), "Type a few words."
        super().__init__("Search every conversation", *body, hint=hint, size="wide tall")
        self._records = records
        self._query = query
        self._hits: list[Hit] = []

    def on_mount(self) -> None:
        """Search for the words that the command gave, if any."""
        if self._query:
            self._search()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search again, `PAUSE` seconds after the last key."""
        event.stop()
        self._query, self._jump = event.value.strip(), False
        self._search(PAUSE)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Open the best hit."""
        event.stop()
        if self._shown != self._query:
            self._jump = True
            self._search()
        elif self._hits:
            self._choose(0)

    def _search(self, pause: float = 0) -> None:
        background(self, partial(self._load, self._query, PAGE, pause), "work")

    async def _load(self, query: str, requested: int, pause: float = 0) -> None:
        """Show the first page of the best hits, or add a page: the same search with a higher limit."""
        await asyncio.sleep(pause)
        try:
            hits = await self._records.search(query, limit=requested) if query else []
        except GenPyError as error:
            self.show_hint(f"✗ {error.message}", "$genpy-text-error")
            return
        finally:
            self._requesting = False
        options, first = self.query_one(Choices), requested == PAGE
        if first:
            self._hits, self._shown = [], query
            options.clear_options()
        elif query != self._shown:
            return
        self._requested = requested
        known = {hit.message.id for hit in self._hits}
        new = [hit for hit in hits if hit.message.id not in known]
        self._hits += new
        words, width = re.findall(r"\w+", query.lower()), max(20, options.size.width - 4)
        options.add_options(Option(hit_row(hit, words, width)) for hit in new)
        self._show_count()
        if first:
            options.highlighted = 0 if hits else None
            if hits and self._jump:
                self._choose(0)

    @property
    def _may_be_more(self) -> bool:
        return self._requested < MOST and len(self._hits) >= self._requested

    def on_choices_near_end(self) -> None:
        """Request the next page."""
        if self._may_be_more and not self._requesting:
            self._requesting = True
            page = min(self._requested + PAGE, MOST)
            background(self, partial(self._load, self._shown, page), "more")

    def _show_count(self) -> None:
        many = count(len(self._hits), "hit")
        if self._may_be_more:
            many = f"{len(self._hits)} best hits, more below"
        elif len(self._hits) >= MOST:
            many = f"{len(self._hits)} best hits; more words find others"
        if not self._shown:
            self.show_hint("Type a few words.")
        elif not self._hits:
            self.show_hint("Nothing found. Try other words.")
        else:
            self.show_hint(f"{many}   ↑↓ choose   enter jump   esc close")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open a hit."""
        event.stop()
        self._choose(event.option_index)

    def _choose(self, place: int) -> None:
        message = self._hits[place].message
        self.dismiss((message.session_id, message.id))

    def action_list(self) -> None:
        """Go to the hits."""
        self.query_one(Choices).focus()


def hit_row(hit: Hit, words: list[str], width: int) -> Content:
    """A hit: title, place and age, and below them the text around the words."""
    message = hit.message
    what = WHO[message.role] if hit.found_in == "message" else FOUND_IN[hit.found_in]
    where = Content(f"   {what} · {age(message.at)}").stylize("$genpy-muted")
    title = one_line(hit.session_title, max(width - where.cell_length, width // 2), "bold")
    text = " ".join(message.text.split())
    lower = text.lower()
    at = min((lower.find(word) for word in words if word in lower), default=0)
    start = max(0, at - width // 3)
    snippet = one_line(("…" if start else "") + text[start : start + SNIPPET], width)
    return Content("\n").join([_marked(title, words) + where, _marked(snippet, words)])


def _marked(text: Content, words: list[str]) -> Content:
    for word in words:
        pattern = re.compile(re.escape(word), re.IGNORECASE)
        text = text.highlight_regex(pattern, style="bold $accent")
    return text
