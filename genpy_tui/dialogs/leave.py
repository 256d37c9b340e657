"""Leaving: a conversation is ended and summed up where that is due, may be rated, then we go."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from genpy_server.core.display import stars
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_server.core.models import Session
    from genpy_tui.chat.conversation import OpenConversation
    from genpy_tui.chat.rating import RatingControl

PATIENCE = 10.0
"""Seconds a summary may take."""
FAREWELL = 4
"""Seconds in which the conversation can be rated."""
RATINGS = "12345"


class LeaveScreen(Dialog[str | None]):
    """Any key leaves at once; 1 to 5 rate first. Without a `session` it is ended here.

    Its result is what went wrong, if anything did.
    """

    CSS_PATH = "dialog.tcss"

    def __init__(
        self,
        conversation: "OpenConversation",
        rating: "RatingControl",
        session: "Session | None" = None,
    ) -> None:
        super().__init__()
        self._conversation = conversation
        self._rating = rating
        self._session = session
        self._done = False
        self._question = Static(plain("◍ Ending the conversation", "bold"), classes="question")
        self._about = Static(plain("Its summary is being written…"), id="about")
        self._hint = Static(plain("any key leaves without waiting"), classes="hint")

    def compose(self) -> ComposeResult:
        """What happens, and what can be done."""
        with Vertical(classes="dialog"):
            yield self._question
            with VerticalScroll():
                yield self._about
            yield self._hint

    def on_mount(self) -> None:
        """Begin."""
        background(self, self._farewell, "farewell")

    async def _farewell(self) -> None:
        if self._session is not None or await self._end():
            await self._ask()
        self.leave()

    async def _end(self) -> bool:
        """Ask the server to end the conversation; False when there is nothing to rate."""
        client = self._conversation.client
        if client is None:
            return False
        self._conversation.ended.clear()
        client.end()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._conversation.ended.wait()
        except TimeoutError:
            return False
        if client.transcript.status != "completed":
            return False
        summary = client.transcript.summary
        about = (summary.summary or summary.note) if summary is not None else ""
        self._show(client.transcript.title, about or "Kept.")
        self._session = await self._rating.unrated(client.transcript.session)
        return self._session is not None

    def _show(self, title: str, about: str) -> None:
        self._question.update(plain(title, "bold"))
        self._about.update(plain(about))

    async def _ask(self) -> None:
        if self._session is not None:
            self._show(self._session.title, self._session.summary or self._session.note or "Kept.")
        for left in range(FAREWELL, 0, -1):
            self._hint.update(plain(f"How was it? 1-5 rates it · any other key leaves · {left} s"))
            await asyncio.sleep(1)

    def on_key(self, event: events.Key) -> None:
        """Rate, or leave."""
        event.stop()
        if self._done:
            return
        if event.character and event.character in RATINGS:
            self._done = True
            background(self, partial(self._rate, int(event.character)), "farewell")
        else:
            self.leave()

    def leave(self, wrong: str | None = None) -> None:
        """Close, once."""
        if self.is_current:
            self._done = True
            self.dismiss(wrong)

    async def _rate(self, rating: int) -> None:
        """Rate, and leave when it is kept."""
        self._hint.update(plain(stars(rating)))
        records, wrong = self._conversation.records, None
        try:
            if records is not None:
                await records.rate(self._conversation.session, rating)
        except GenPyError as error:
            wrong = f"Not rated: {error.message}"
        self.leave(wrong)
