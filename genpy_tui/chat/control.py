"""What the controllers of the chat screen share: the open conversation, requests, and questions."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from genpy_server.client.transcript import Entry, Transcript
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.commands import Mistyped
from genpy_tui.dialogs.base import Dialog

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords, SessionClient
    from genpy_tui.chat.screen import ChatScreen

T = TypeVar("T")

NOT_CONNECTED = "Not connected yet."
REJOINABLE = frozenset({"connecting", "open", "reconnecting"})
"""States of a connection that is open, or reconnects by itself."""


class OpenConversation:
    """The open conversation for all controllers of the chat screen; only the screen changes it."""

    def __init__(self) -> None:
        self.client: SessionClient | None = None
        self.records: RemoteRecords | None = None
        self.address = ""
        """Host and port of the server."""
        self.arrived = asyncio.Event()
        """Set when a frame was received."""
        self.ended = asyncio.Event()
        """Set when a requested end was carried out or refused."""
        self._nothing = Transcript()

    @property
    def transcript(self) -> Transcript:
        """The transcript of the client; an empty one without a client."""
        return self._nothing if self.client is None else self.client.transcript

    @property
    def session(self) -> str:
        """The id of the session; empty without a client."""
        return self.transcript.session

    @property
    def begun(self) -> bool:
        """Whether it has a message, and so is stored."""
        return bool(self.transcript.entries)

    @property
    def running(self) -> Entry | None:
        """The reply that is being written."""
        return self.transcript.running

    @property
    def pending(self) -> int:
        """The number of messages that are not acknowledged."""
        return 0 if self.client is None else len(self.client.pending)

    @property
    def online(self) -> bool:
        """Whether the connection is open."""
        return self.client is not None and self.client.link.state == "open"

    @property
    def rejoinable(self) -> bool:
        """Whether the connection is open or reconnects by itself."""
        return self.client is not None and self.client.link.state in REJOINABLE

    @property
    def last_message(self) -> Entry | None:
        """The person's last message."""
        entries = self.transcript.entries
        return next((entry for entry in reversed(entries) if entry.role == "user"), None)

    @property
    def last_turn(self) -> list[Entry]:
        """The person's last message and the replies to it."""
        last, entries = self.last_message, self.transcript.entries
        return [] if last is None else entries[entries.index(last) :]


class Control:
    """One concern of the chat screen, which it reaches the others through."""

    def __init__(self, chat: "ChatScreen") -> None:
        self._chat = chat
        self._conversation = chat.conversation
        self._view = chat.view
        self._prompt = chat.prompt
        self._status = chat.status
        self._keys = chat.keys
        self._notify = chat.notify

    def _fail(self, error: GenPyError | str) -> None:
        text = error if isinstance(error, str) else error.message
        self._notify(text, severity="error")

    def _missing(self, what: str) -> str:
        """That the conversation has no message yet, or that it is not known before it is opened."""
        known = self._conversation.transcript.epoch
        return f"{what}: no message was sent." if known else NOT_CONNECTED

    def _begun(self, missing: str) -> "SessionClient | None":
        """The client, if its conversation has a message; else a notice says what is missing."""
        client = self._conversation.client
        if client is None or not self._conversation.begun:
            self._notify(self._missing(missing))
            return None
        return client

    def _background(
        self, work: Callable[[], Coroutine[Any, Any, object]], group: str | None = None
    ) -> None:
        background(self._chat, work, group)

    async def _request(
        self, request: Callable[["RemoteRecords"], Awaitable[T]], *, quiet: bool = False
    ) -> T | None:
        """What the server answers to a request; None without a connection, or after an error.

        The error is shown, unless `quiet`.
        """
        if self._conversation.records is None:
            return None
        try:
            return await request(self._conversation.records)
        except GenPyError as error:
            if not quiet:
                self._fail(error)
            return None

    def _ask(self, dialog: Dialog[str | None], then: Callable[[str], object]) -> None:
        """Show a dialog, and pass on its answer unless it is cancelled."""

        def answered(answer: str | None) -> None:
            try:
                if answer is not None:
                    then(answer)
            except Mistyped as error:
                self._fail(str(error))

        self._chat.app.push_screen(dialog, answered)
