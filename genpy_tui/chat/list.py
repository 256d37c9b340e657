"""The list of conversations: updated by the events of the open one, and read at intervals."""

import asyncio
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace
from textual.containers import Vertical

from genpy_server.core.models import ListedSession, Session
from genpy_tui.chat.control import Control
from genpy_tui.widgets.sidebar import SessionFilter, Sidebar

if TYPE_CHECKING:
    from genpy_tui.chat.screen import ChatScreen

BUSY, QUIET = 3.0, 15.0
"""Seconds between reads of the list: while a reply is written in another conversation, and else."""
PAGE = 100
PAUSE = 0.15
"""Seconds after the last key in the filter until the list is read."""


class ListControl(Control):
    """Keeps the sidebar up to date while it is visible."""

    _read_at = -inf
    _more = False
    """Whether the server has conversations older than the last one read."""
    _query = ""

    def __init__(self, chat: "ChatScreen") -> None:
        super().__init__(chat)
        self.panel = Vertical(id="beside")
        self.filter = SessionFilter()
        self.sidebar = Sidebar()
        self.sessions: list[ListedSession] = []
        """The conversations, newest first, with the later changes of the open one."""

    async def mount(self) -> None:
        """Mount the list, after the first paint."""
        await self.panel.mount(self.filter, self.sidebar)

    @property
    def shown(self) -> bool:
        """Whether the list is visible."""
        return bool(self.panel.display)

    def show(self, *, shown: bool) -> None:
        """Show or hide the list."""
        if shown and not self.shown:
            self.read_later()
        self.panel.display = shown

    def toggle(self) -> None:
        """Show and focus the list, or hide it and focus the prompt."""
        self.show(shown=not self.shown)
        if self.shown:
            self.sidebar.focus()
        else:
            self._prompt.focus()

    def tick(self) -> None:
        """Read the list again if its rows of other conversations may be outdated."""
        if not self.shown or not self._conversation.online:
            return
        own = self._conversation.session
        wait = BUSY if any(s.running for s in self.sessions if s.id != own) else QUIET
        if monotonic() - self._read_at >= wait:
            self.read_later()

    async def read(self, before: int | None = None) -> None:
        """Read the newest conversations, or those older than a message; the others stay in the list."""
        if before is None:
            self._read_at = monotonic()
        query = self._query
        page = await self._request(
            lambda records: records.sessions(limit=PAGE, before=before, query=query or None),
            quiet=True,  # the status shows it
        )
        if query != self._query:
            return
        if page is None:
            self._more = self._more or before is not None
            return
        full, known = len(page) == PAGE, {session.id for session in page}
        others = [session for session in self.sessions if session.id not in known]
        if before is None:
            oldest = page[-1].last_message_id if full else 0
            others = [session for session in others if session.last_message_id < oldest]
            self.sessions, self._more = page + others, self._more if others else full
        else:
            self.sessions, self._more = others + page, full
        self.follow()

    def read_later(self) -> None:
        """Read the list in the background."""
        self._background(self.read, "list")

    def read_more(self) -> None:
        """Read the conversations that are older than those in the list, in the background."""
        if self._more:
            self._more = False  # until they are here
            last = self.sessions[-1].last_message_id
            self._background(partial(self.read, last), "more of the list")

    # The filter

    def change_filter(self, query: str) -> None:
        """Show the conversations that have this text in their title, summary or topics."""
        if query.strip() == self._query:
            return
        self._query = query.strip()

        async def work() -> None:
            await asyncio.sleep(PAUSE)
            self.sessions = []
            await self.read()
            self.sidebar.highlighted = 0

        self._background(work, "list")

    # The open conversation

    def follow(self) -> None:
        """Show the list, with the open conversation as the client has it."""
        own = self._conversation.session
        known = next((session for session in self.sessions if session.id == own), None)
        if known is None and not self._query:
            known = self._new()
        if known is not None:
            self._insert(self._current(known))
        self.sidebar.show(self.sessions, own)

    def update(self, session: Session) -> None:
        """Show a session as it is stored, unless it is not in a filtered list."""
        if not self._query or any(one.id == session.id for one in self.sessions):
            self._insert(ListedSession(**asdict(session)))
        self.follow()

    def _new(self) -> ListedSession | None:
        """A row for a conversation that began in this client; None for any other."""
        transcript = self._conversation.transcript
        first = next((entry for entry in transcript.entries if entry.message_id is not None), None)
        if first is None or transcript.before is not None or not self._conversation.rejoinable:
            return None
        return ListedSession(
            id=transcript.session,
            user_id="",
            title=transcript.title,
            status="active",
            started_at=first.at,
            updated_at=first.at,
            last_message_id=0,
        )

    def _current(self, known: ListedSession) -> ListedSession:
        """The row of the open conversation with the changes by its events."""
        transcript = self._conversation.transcript
        later = [e for e in transcript.entries if (e.message_id or 0) > known.last_message_id]
        summary = transcript.summary
        changes = {} if summary is None else {"summary": summary.summary, "note": summary.note}
        return replace(
            known,
            **changes,
            title=transcript.title or known.title,
            status="completed" if transcript.status == "completed" else "active",
            rating=known.rating if transcript.rating is None else transcript.rating,
            updated_at=max([known.updated_at, *(entry.at for entry in later)]),
            last_message_id=max([known.last_message_id, *(e.message_id or 0 for e in later)]),
            message_count=known.message_count + len(later),
            running=self._conversation.running is not None,
        )

    def _insert(self, listed: ListedSession) -> None:
        """Insert or replace a session; the list is ordered by last activity."""
        others = [other for other in self.sessions if other.id != listed.id]
        last = listed.last_message_id
        place = next((n for n, s in enumerate(others) if s.last_message_id <= last), len(others))
        self.sessions = [*others[:place], listed, *others[place:]]

    def remove(self, session: str) -> None:
        """A session was deleted."""
        self.sessions = [other for other in self.sessions if other.id != session]
        self.follow()
