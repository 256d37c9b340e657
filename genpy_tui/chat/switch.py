"""Opening another conversation, a certain message, or an older page of the open one."""

import asyncio
from functools import partial
from uuid import uuid4

from genpy_server.wire import message_event
from genpy_tui.chat.control import Control

JUMP_SECONDS = 10.0
"""How long it may take to load the message that is jumped to."""
PAGE = 200
"""The number of messages that are loaded at once while scrolling up."""


class SwitchControl(Control):
    """Goes from one conversation to another."""

    def new(self) -> None:
        """Begin a new conversation."""
        self.open(str(uuid4()))

    def open(self, ref: str) -> None:
        """Open a conversation in the background."""
        self._background(partial(self.go, ref), "open")

    async def go(self, ref: str) -> None:
        """Open another conversation, and offer to rate the one that is left."""
        left, ended = self._conversation.session, self._status.was_ended
        if ref == left and self._conversation.rejoinable:
            return
        await self._chat.genpy.open_session(ref)
        if left and ended and left != ref:
            self._chat.rating.offer_later(left)

    def show_place(self, place: tuple[str, int] | None) -> None:
        """Jump in the background to a message of a session, which a prefix of its id names."""
        if place is not None:
            self._background(partial(self._jump, *place), "open")

    async def _jump(self, ref: str, message: int) -> None:
        """Open a session and show one of its messages, loading all messages up to it."""
        if ref != self._conversation.session:
            session = await self._request(lambda records: records.session(ref))
            if session is None:
                return
            await self.go(session.id)
        try:
            async with asyncio.timeout(JUMP_SECONDS):
                while not self._view.reveal(message):
                    if not await self.load_older():
                        self._conversation.arrived.clear()
                        await self._conversation.arrived.wait()
        except TimeoutError:
            self._notify("That message does not exist any more.")

    async def load_older(self) -> bool:
        """Load an older page of the transcript; False if there is none or it cannot be loaded."""
        client = self._conversation.client
        if client is None or client.transcript.before is None:
            return False
        session, before = client.transcript.session, client.transcript.before
        page = await self._request(
            lambda records: records.messages(session, limit=PAGE, before=before)
        )
        stale = client is not self._conversation.client or client.transcript.before != before
        if page is None or stale:
            return False
        oldest = page[0].id if len(page) == PAGE else None
        client.transcript.older([message_event(message) for message in page], oldest)
        self._view.reset(client.transcript)
        self._view.flush()
        return True
