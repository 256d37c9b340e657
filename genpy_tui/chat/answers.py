"""What is answered above the prompt: a tool's request for permission, and an offer to rate."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from genpy_server.core.display import stars
from genpy_server.core.models import Session
from genpy_tui.chat.control import Control
from genpy_tui.dialogs.questions import Choose
from genpy_tui.preferences import take_offer
from genpy_tui.widgets.answers import ApprovalRequest, RatingOffer

if TYPE_CHECKING:
    from genpy_tui.chat.screen import ChatScreen

ANSWER_SECONDS = 2.0
"""How long the server may take to answer whether a conversation is rated."""
RATINGS = {str(n): f"{stars(n)}  {n} of 5" for n in range(5, 0, -1)}


class RatingControl(Control):
    """Rates conversations, and offers once to rate one that was ended and left."""

    def __init__(self, chat: "ChatScreen") -> None:
        super().__init__(chat)
        self.offer = RatingOffer(chat.keys, "offer")
        self._folder = chat.genpy.settings.database.parent

    def rate(self, value: str = "") -> None:
        """Rate the open conversation; opens a dialog if no rating is given."""
        client, value = self._begun("Nothing to rate"), value.strip()
        if client is not None and value in RATINGS:
            client.rate(int(value))
            later = "The conversation is rated once the connection is back."
            self._notify(f"Rated {value} of 5." if self._conversation.online else later)
        elif client is not None:
            self._ask(Choose("How was this conversation?", RATINGS), self.rate)

    # The conversation that was left

    async def unrated(self, session: str) -> Session | None:
        """The session if it is not rated and was not offered before; marks it as offered."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._request(lambda records: records.session(session), quiet=True)
        except TimeoutError:
            return None  # the offer is optional
        wanted = found is not None and found.rating is None and take_offer(self._folder, found.id)
        return found if wanted else None

    def offer_later(self, session: str) -> None:
        """Offer to rate a session that was left, in the background, if it is not rated."""

        async def ask() -> None:
            found = await self.unrated(session)
            if found is not None:
                self.offer.session = found

        self._background(ask, "offer")

    def focus_offer(self) -> None:
        """Go to the offer, where a digit rates."""
        if self.offer.session is None:
            self._notify("No conversation that you left waits for a rating; use /rate.")
        else:
            self.offer.focus()

    def hide_offer(self) -> bool:
        """Hide the offer; False when none is shown."""
        if self.offer.session is None:
            return False
        if self.offer.has_focus:
            self._prompt.focus()
        self.offer.session = None
        return True

    def rate_left(self, rating: int) -> None:
        """Rate the conversation that was left."""
        session = self.offer.session
        self.hide_offer()
        if session is not None:
            self._background(partial(self._rate_left, session, rating))

    async def _rate_left(self, session: Session, rating: int) -> None:
        rated = await self._request(lambda records: records.rate(session.id, rating))
        if rated is not None:
            self._notify(f"Rated “{session.title}” {stars(rating)}")
            self._chat.list.update(rated)


class ApprovalControl(Control):
    """Shows the open request of the conversation, and passes the answer to the client."""

    def __init__(self, chat: "ChatScreen") -> None:
        super().__init__(chat)
        self.panel = ApprovalRequest(chat.keys, "approval")

    def follow(self) -> None:
        """Show the open request of the transcript, or hide the panel."""
        request = self._conversation.transcript.request
        if request == self.panel.request:
            return
        had_focus = self.panel.has_focus
        self.panel.request = request
        if request is not None:
            self._chat.app.bell()
            if self._prompt.has_focus and not self._prompt.text:
                self.panel.focus()
        elif had_focus:
            self._prompt.focus()

    def focus(self) -> None:
        """Go to the open request, where a digit answers."""
        if self.panel.request is None:
            self._notify("No tool waits for your permission.")
        else:
            self.panel.settle()
            self.panel.focus()

    def answer(self, answered: ApprovalRequest.Answered) -> None:
        """Send an answer; the request is hidden when the server has received it."""
        client = self._conversation.client
        if client is not None:
            client.approve(answered.request, answered.decision)
            self._prompt.focus()
