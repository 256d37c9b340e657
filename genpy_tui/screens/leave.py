"""Leaving our own server: the conversation is ended and summed up, and may be rated, then we go."""

import asyncio
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from genpy_server.wire import SummaryEvent
from genpy_tui.background import background
from genpy_tui.text import plain, stars

if TYPE_CHECKING:
    from genpy_server.client import SessionClient

PATIENCE = 60.0
"""Seconds a summary may take."""
FAREWELL = 4
"""Seconds in which the conversation can be rated."""
RATINGS = "12345"


class LeaveScreen(ModalScreen[None]):
    """Any key leaves at once; 1 to 5 rate first."""

    CSS_PATH = "dialog.tcss"

    def __init__(self, client: "SessionClient", ended: "asyncio.Event") -> None:
        super().__init__()
        self._client = client
        self._ended = ended

    def compose(self) -> ComposeResult:
        """What happens, and what can be done."""
        with Vertical(classes="dialog"):
            yield Static(plain("◍ Ending the conversation", "bold"), classes="question")
            yield Static(plain("Its summary is being written…"), id="about")
            yield Static(plain("any key leaves without waiting"), classes="hint")

    def on_mount(self) -> None:
        """Ask the server to end the conversation."""
        self._client.end()
        background(self, self._farewell)

    async def _farewell(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ended.wait()
        except TimeoutError:
            self.dismiss(None)
            return
        transcript = self._client.transcript
        summary = transcript.summary or SummaryEvent(0)
        self.query_one(".question", Static).update(plain(transcript.title, "bold"))
        self.query_one("#about", Static).update(plain(summary.summary or summary.note or "Kept."))
        if transcript.rating is None:
            hint = self.query_one(".hint", Static)
            for left in range(FAREWELL, 0, -1):
                hint.update(plain(f"How was it? 1-5 rates it · any other key leaves · {left} s"))
                await asyncio.sleep(1)
        self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        """Rate, or leave."""
        event.stop()
        if event.character and event.character in RATINGS:
            self._client.rate(int(event.character))
            self.query_one(".hint", Static).update(plain(stars(int(event.character))))
        self.dismiss(None)
