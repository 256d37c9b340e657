"""What is told beside the transcript: the title, the state in words, and the facts."""

from collections.abc import Callable, Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from genpy_server.client.transcript import Entry
from genpy_tui.activity import STARTING, Doing, Moment, doing
from genpy_tui.chat.browsing import Browsing
from genpy_tui.preferences import Offers
from genpy_tui.render.message import spoken
from genpy_tui.render.notes import notice
from genpy_tui.text import one_line
from genpy_tui.widgets.status import StatusLine

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link
    from genpy_server.client.session_client import SessionClient


class Telling(Browsing):
    """The part of the chat screen that says how things are."""

    def __init__(
        self, open_session: Callable[[str], Coroutine[Any, Any, None]], offers: Offers
    ) -> None:
        super().__init__(open_session, offers)
        self.heading = Static(id="title")
        self.status = StatusLine()
        self.link: Link | None = None
        self.replay_until = 0
        """The number of the last event that a connection which came back has to bring."""
        self.failure = ""
        """Why the message or retry that was asked for last came to nothing so far."""
        self.streamed: Entry | None = None
        """The reply that is being written, as far as it has come."""
        self.lost: Entry | None = None
        """What was being written when the server began anew: it is looked for in what is stored."""
        self._link_since = 0.0
        self._limited_until = 0.0
        self._said: Doing | None = None

    def begin(self) -> None:
        """Another conversation: nothing is known of it."""
        self.link, self.replay_until, self.failure = None, 0, ""
        self.streamed = self.lost = None
        self.stopping = self.ending = False
        self.limited(0)
        self.cancel_edit()

    def tell_lost(self) -> None:
        """Keep what the person saw of a reply that the server did not store before it died."""
        lost, client = self.lost, self.client
        if lost is None or client is None:
            return
        entries = client.transcript.entries
        if all(entry.message_id != lost.meta.reply_to for entry in entries):
            return
        self.lost = None
        if all(entry.meta.reply_to != lost.meta.reply_to for entry in entries):
            told = (
                "The server was gone before it stored its reply; ctrl+r asks again. This had come:"
            )
            self.view.note(notice(f"{told}\n\n{lost.text}"))

    def linked(self, link: "Link") -> None:
        """The connection changed just now."""
        self.link, self._link_since = link, monotonic()

    def limited(self, seconds: float | None) -> None:
        """A limit asks to wait, for so long from now."""
        self._limited_until = monotonic() + (seconds or 0)

    @property
    def behind(self) -> int:
        """Events that were missed and are still to come."""
        seq = self.client.transcript.seq if self.client is not None else 0
        return max(0, self.replay_until - seq)

    def say(self, what: Doing) -> None:
        """Show this state, whatever happens."""
        self._said = what
        self.facts()

    def facts(self) -> None:
        """Bring title and status up to date."""
        client, status = self.client, self.status
        if self._said is not None:
            status.doing = self._said
            return
        if client is None:
            status.doing = STARTING
            return
        transcript = client.transcript
        width = max(20, self.heading.size.width)
        self.heading.update(one_line(transcript.title or "New conversation", width))
        now = monotonic()
        moment = Moment(
            self.link,
            now - self._link_since,
            len(client.pending),
            self.stopping,
            self._limited_until - now,
            self.behind,
            self.failure,
        )
        status.doing = doing(moment, transcript)
        status.facts = self._status_facts(client)

    def _status_facts(self, client: "SessionClient") -> tuple[str, ...]:
        transcript = client.transcript
        last: Entry | None = transcript.entries[-1] if transcript.entries else None
        intent = spoken(last.meta.intent) if last is not None and last.meta.intent else ""
        if self.intent is not None:
            intent = f"next: {spoken(self.intent)}"
        told = (e.meta.usage.total for e in reversed(transcript.entries) if e.meta.usage)
        used = next(told, 0)
        left = transcript.quota.get("tokens_left")
        delay = client.latency_ms
        return (
            intent,
            transcript.model,
            transcript.store,
            f"{used:,} tokens" if used else "",
            f"{left:,} left" if left is not None else "",
            f"{delay:.0f} ms" if delay is not None else "",
        )
