"""Actions that leave a conversation: open another, and offer once to rate the one that was ended."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from genpy_server.core.display import stars
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.chat.talking import Talking
from genpy_tui.messages import Submitted
from genpy_tui.preferences import Offers
from genpy_tui.widgets.offer import RatingOffer

if TYPE_CHECKING:
    from genpy_server.core.models import Session
    from genpy_server.records import Records

STAYS = frozenset({"connecting", "open", "reconnecting"})
"""States of a connection in which opening its conversation again would add nothing."""
PATIENCE = 2.0
"""Seconds in which the server must say whether a conversation is rated."""


class Parting(Talking):
    """The part of the chat screen that goes from one conversation to another."""

    def __init__(
        self, open_session: Callable[[str], Coroutine[Any, Any, None]], offers: Offers
    ) -> None:
        super().__init__()
        self.open_session = open_session
        self.offers = offers
        self.offer = RatingOffer(id="offer")
        self.records: Records | None = None

    @property
    def session(self) -> str:
        """The id of the open conversation."""
        return self.client.transcript.session if self.client is not None else ""

    async def go(self, ref: str) -> None:
        """Open another conversation, and offer to rate the one that is left."""
        left, ended = self.session, self.was_ended
        if ref == left and self.client is not None and self.client.link.state in STAYS:
            return
        await self.open_session(ref)
        if left and ended and left != ref:
            background(self, partial(self._offer, left), "offer")

    async def _offer(self, left: str) -> None:
        session = await self.unrated(left)
        if session is not None:
            self.offer.session = session

    async def unrated(self, left: str) -> "Session | None":
        """A conversation, if its rating is still to be offered; from now on it was."""
        if self.records is None:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                session = await self.records.session(left)
        except (GenPyError, TimeoutError):
            return None  # an offer that nobody misses
        return session if session.rating is None and self.offers.take(session.id) else None

    def action_rate_left(self) -> None:
        """Go to the offer, where a digit rates."""
        if self.offer.session is None:
            self.notify("No conversation that you left waits for a rating; /rate rates this one.")
        else:
            self.offer.focus()

    def on_rating_offer_rated(self, event: RatingOffer.Rated) -> None:
        """Rate the conversation that was left."""
        session = self.offer.session
        self._hide_offer()
        if session is not None:
            background(self, partial(self._rate_left, session, event.rating))

    def _hide_offer(self) -> None:
        if self.offer.has_focus:
            self.prompt.focus()
        self.offer.session = None

    async def _rate_left(self, session: "Session", rating: int) -> None:
        if self.records is None:
            return
        try:
            await self.records.rate(session.id, rating)
        except GenPyError as error:
            self.notify(error.message, severity="error")
        else:
            self.notify(f"Rated “{session.title}” {stars(rating)}")
            await self.list_sessions()

    async def list_sessions(self) -> None:
        """Read the list again."""

    def on_submitted(self, message: Submitted) -> None:  # noqa: ARG002 - `Talking` sends it
        """What is said next answers the offer too; Textual calls the one of `Talking` as well."""
        self._hide_offer()

    def action_stop(self) -> None:
        """Hide the offer, unless there is something to leave or to stop first."""
        running = self.client is not None and self.client.transcript.running is not None
        if self.offer.session is not None and self.edited is None and not running:
            self._hide_offer()
        else:
            super().action_stop()
