"""What the controllers of the chat screen share: its parts, requests to the server, and questions."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.commands import Mistyped
from genpy_tui.dialogs.base import Dialog

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords, SessionClient
    from genpy_tui.chat.screen import ChatScreen

T = TypeVar("T")

NOT_CONNECTED = "Not connected yet."


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
