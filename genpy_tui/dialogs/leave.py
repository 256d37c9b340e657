"""Leaving: ends and summarises the conversation if needed, offers to rate it, then closes."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.containers import VerticalScroll
from textual.widgets import Static

from genpy_server.core.display import stars
from genpy_server.core.models import Session
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_tui.chat.screen import ChatScreen

SUMMARY_SECONDS = 10.0
RATING_SECONDS = 4
"""How long the conversation can be rated."""
RATINGS = "12345"


class LeaveScreen(Dialog[str | None]):
    """Any key leaves at once; 1 to 5 rate first. Without a `session` the conversation is ended here.

    Its result is the error message, if something failed.
    """

    def __init__(self, chat: "ChatScreen", session: Session | None = None) -> None:
        self._about = Static(plain("Its summary is being written…"), id="about")
        body, hint = VerticalScroll(self._about), "any key leaves without waiting"
        super().__init__("◍ Ending the conversation", body, hint=hint)
        self._conversation = chat.conversation
        self._rating = chat.rating
        self._session = session
        self._done = False

    def on_mount(self) -> None:
        """End the conversation, or offer to rate it."""
        background(self, self._end_and_rate, "leave")

    async def _end_and_rate(self) -> None:
        session = await self._end() if self._session is None else self._session
        if session is not None:
            self._show(session.title, session.summary or session.note)
            for left in range(RATING_SECONDS, 0, -1):
                self.show_hint(f"How was it? 1-5 rates it · any other key leaves · {left} s")
                await asyncio.sleep(1)
        self.action_leave()

    async def _end(self) -> Session | None:
        """Ask the server to end the conversation; returns it if there is something to rate."""
        client = self._conversation.client
        if client is None:
            return None
        self._conversation.ended.clear()
        client.end()
        try:
            async with asyncio.timeout(SUMMARY_SECONDS):
                await self._conversation.ended.wait()
        except TimeoutError:
            return None
        if client.transcript.status != "completed":
            return None
        summary = client.transcript.summary
        about = None if summary is None else summary.summary or summary.note
        self._show(client.transcript.title, about)
        return await self._rating.unrated(client.transcript.session)

    def _show(self, title: str, about: str | None) -> None:
        self.show_question(title)
        self._about.update(plain(about or "Kept."))

    def on_key(self, event: events.Key) -> None:
        """Rate, or leave."""
        event.stop()
        if self._done:
            return
        if event.character and event.character in RATINGS:
            self._done = True
            background(self, partial(self._rate, int(event.character)), "leave")
        else:
            self.action_leave()

    async def _rate(self, rating: int) -> None:
        """Rate, and leave when the rating is stored."""
        self.show_hint(stars(rating))
        records, error_message = self._conversation.records, None
        try:
            if records is not None:
                await records.rate(self._conversation.session, rating)
        except GenPyError as error:
            error_message = f"Not rated: {error.message}"
        self.dismiss(error_message)
