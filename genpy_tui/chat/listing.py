"""The list of conversations beside the open one, kept up to date while it is seen."""

from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any

from textual.containers import Vertical

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.chat.parting import Parting
from genpy_tui.preferences import Offers
from genpy_tui.widgets.sidebar import Sidebar

BUSY, QUIET = 3.0, 15.0
"""Seconds until the list is read again: while a reply is written elsewhere, and while none is."""


class Listing(Parting):
    """The part of the chat screen that lists conversations."""

    def __init__(
        self, open_session: Callable[[str], Coroutine[Any, Any, None]], offers: Offers
    ) -> None:
        super().__init__(open_session, offers)
        self.sidebar = Sidebar()
        self.beside = Vertical(id="beside")
        self._listed = 0.0
        self._replying: set[str] = set()
        """Sessions in which a reply was being written when the list was read."""

    async def list_sessions(self) -> None:
        """Read the list again."""
        if self.records is None:
            return
        self._listed = monotonic()
        try:
            sessions = await self.records.sessions(limit=100)
        except GenPyError:
            return  # the status line tells of a server that does not answer
        self._replying = {session.id for session in sessions if session.running}
        self.sidebar.show(sessions, self.session, self.running_sessions())

    def watch_list(self) -> None:
        """Read the list again when what it tells of other conversations may be over."""
        client = self.client
        if not self.beside.display or client is None or client.link.state != "open":
            return
        wait = BUSY if self._replying - {self.session} else QUIET
        if monotonic() - self._listed >= wait:
            background(self, self.list_sessions, "list")

    def running_sessions(self) -> set[str]:
        """Sessions in which a reply is being written; of the open one this client knows best."""
        running = self.client is not None and self.client.transcript.running is not None
        return self._replying - {self.session} | ({self.session} if running else set())

    def action_sessions(self) -> None:
        """Show or hide the list."""
        shown = not self.beside.display
        self.beside.display = shown
        if shown:
            background(self, self.list_sessions, "list")
            self.sidebar.focus()
        else:
            self.prompt.focus()

    def on_sidebar_chosen(self, event: Sidebar.Chosen) -> None:
        """Open what was chosen in the list."""
        background(self, partial(self.go, event.session), "open")
        self.prompt.focus()
