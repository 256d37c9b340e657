"""The list of conversations: it follows the events of the open one, and is read now and then."""

from time import monotonic

from textual.containers import Vertical
from textual.screen import Screen

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.widgets.prompt import Prompt
from genpy_tui.widgets.sidebar import Sidebar

BUSY, QUIET = 3.0, 15.0
"""Seconds until the list is read again: while a reply is written elsewhere, and while none is."""


class ListControl:
    """Keeps the sidebar up to date while it is seen."""

    def __init__(
        self, screen: Screen[None], conversation: OpenConversation, prompt: Prompt
    ) -> None:
        self.sidebar = Sidebar()
        self.panel = Vertical(id="beside")
        self._screen = screen
        self._conversation = conversation
        self._prompt = prompt
        self._read_at = 0.0
        self._replying: set[str] = set()
        """Sessions in which a reply was being written when the list was read."""

    async def read(self) -> None:
        """Read the list from the server."""
        conversation = self._conversation
        if conversation.records is None:
            return
        self._read_at = monotonic()
        try:
            sessions = await conversation.records.sessions(limit=100)
        except GenPyError:
            return  # the status line shows a server that does not answer
        self._replying = {session.id for session in sessions if session.running}
        self.sidebar.show(sessions, conversation.session, self.running)

    def refresh(self) -> None:
        """Read the list in the background."""
        background(self._screen, self.read, "list")

    def tick(self) -> None:
        """Read the list again when what it says of other conversations may be outdated."""
        if not self.panel.display or not self._conversation.online:
            return
        wait = BUSY if self._replying - {self._conversation.session} else QUIET
        if monotonic() - self._read_at >= wait:
            self.refresh()

    @property
    def running(self) -> set[str]:
        """Sessions in which a reply is being written; the client knows best of the open one."""
        own = {self._conversation.session}
        return self._replying - own | (own if self._conversation.running is not None else set())

    def toggle(self) -> None:
        """Show or hide the list."""
        self.panel.display = not self.panel.display
        if self.panel.display:
            self.refresh()
            self.sidebar.focus()
        else:
            self._prompt.focus()
