"""Leaving: a conversation is ended and summed up where that is due, may be rated, then we go."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from genpy_server.core.display import stars
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_server.core.models import Session
    from genpy_tui.chat.screen import ChatScreen

PATIENCE = 10.0
"""Seconds a summary may take."""
FAREWELL = 4
"""Seconds in which the conversation can be rated."""
RATINGS = "12345"


class LeaveScreen(ModalScreen[str | None]):
    """Any key leaves at once; 1 to 5 rate first. Without a `session` it is ended here.

    Its result is what went wrong, if anything did.
    """

    CSS_PATH = "dialog.tcss"

    def __init__(self, chat: "ChatScreen", session: "Session | None" = None) -> None:
        super().__init__()
        self._chat = chat
        self._session = session
        self._rating = False

    def compose(self) -> ComposeResult:
        """What happens, and what can be done."""
        with Vertical(classes="dialog"):
            yield Static(plain("◍ Ending the conversation", "bold"), classes="question")
            with VerticalScroll():
                yield Static(plain("Its summary is being written…"), id="about")
            yield Static(plain("any key leaves without waiting"), classes="hint")

    def on_mount(self) -> None:
        """Begin."""
        background(self, self._farewell, "farewell")

    async def _farewell(self) -> None:
        if self._session is not None or await self._end():
            await self._ask()
        self.leave()

    async def _end(self) -> bool:
        """Ask the server to end the conversation; False when there is nothing to rate."""
        client = self._chat.client
        if client is None:
            return False
        self._chat.ended.clear()
        client.end()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._chat.ended.wait()
        except TimeoutError:
            return False
        if client.transcript.status != "completed":
            return False
        summary = client.transcript.summary
        told = (summary.summary or summary.note) if summary is not None else ""
        self._tell(client.transcript.title, told or "Kept.")
        self._session = await self._chat.unrated(client.transcript.session)
        return self._session is not None

    def _tell(self, title: str, about: str) -> None:
        self.query_one(".question", Static).update(plain(title, "bold"))
        self.query_one("#about", Static).update(plain(about))

    async def _ask(self) -> None:
        if self._session is not None:
            self._tell(self._session.title, self._session.summary or self._session.note or "Kept.")
        for left in range(FAREWELL, 0, -1):
            self._hint(f"How was it? 1-5 rates it · any other key leaves · {left} s")
            await asyncio.sleep(1)

    def _hint(self, text: str) -> None:
        self.query_one(".hint", Static).update(plain(text))

    def on_key(self, event: events.Key) -> None:
        """Rate, or leave."""
        event.stop()
        if self._rating:
            return
        if event.character and event.character in RATINGS:
            self._rating = True
            background(self, partial(self._rate, int(event.character)), "farewell")
        else:
            self.leave()

    def leave(self, wrong: str | None = None) -> None:
        """Close, once."""
        if self.is_current:
            self._rating = True
            self.dismiss(wrong)

    async def _rate(self, rating: int) -> None:
        """Rate, and leave when it is kept."""
        self._hint(stars(rating))
        records, wrong = self._chat.records, None
        try:
            if records is not None:
                await records.rate(self._chat.session, rating)
        except GenPyError as error:
            wrong = f"Not rated: {error.message}"
        self.leave(wrong)
