"""What the controllers of the chat screen share: the parts that they work on, and small questions."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from textual.screen import Screen

from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.chat.status import StatusControl
from genpy_tui.commands import Keys
from genpy_tui.widgets.prompt import Prompt
from genpy_tui.widgets.transcript import TranscriptView

if TYPE_CHECKING:
    from genpy_server.client.http_records import RemoteRecords
    from genpy_tui.dialogs.base import Dialog

T = TypeVar("T")

NOT_CONNECTED = "Not connected yet."


class Parts(NamedTuple):
    """The parts of the chat screen that several controllers work on."""

    screen: Screen[None]
    conversation: OpenConversation
    view: TranscriptView
    prompt: Prompt
    status: StatusControl
    keys: Keys


class Control:
    """One concern of the chat screen."""

    def __init__(self, parts: Parts) -> None:
        self._screen = parts.screen
        self._conversation = parts.conversation
        self._view = parts.view
        self._prompt = parts.prompt
        self._status = parts.status
        self._keys = parts.keys

    def _notify(self, text: str) -> None:
        """Show a notice for a moment."""
        self._screen.notify(text)

    def _fail(self, error: GenPyError | str) -> None:
        """Show an error for a moment."""
        text = error if isinstance(error, str) else error.message
        self._screen.notify(text, severity="error")

    def _missing(self, what: str) -> str:
        """That the conversation has no message yet, or that it is not known before it is opened."""
        known = self._conversation.transcript.epoch
        return f"{what}: no message was sent." if known else NOT_CONNECTED

    def _background(
        self, work: Callable[[], Coroutine[Any, Any, object]], group: str | None = None
    ) -> None:
        """See `background`."""
        background(self._screen, work, group)

    async def _request(
        self, request: Callable[["RemoteRecords"], Awaitable[T]], *, quiet: bool = False
    ) -> T | None:
        """What the server answers to a request; None without a connection, or after an error.

        The error is shown, unless `quiet`.
        """
        records = self._conversation.records
        if records is None:
            return None
        try:
            return await request(records)
        except GenPyError as error:
            if not quiet:
                self._fail(error)
            return None

    def _ask(self, dialog: "Dialog[str | None]", then: Callable[[str], object]) -> None:
        """Show a dialog, and pass on its answer unless it is cancelled."""

        def answered(answer: str | None) -> None:
            if answer is not None:
                then(answer)

        self._screen.app.push_screen(dialog, answered)

    def _choose(
        self,
        question: str,
        answers: dict[str, str],
        then: Callable[[str], object],
        detail: str = "",
    ) -> None:
        """Ask for one of a few answers, and pass on its key unless the question is cancelled."""
        from genpy_tui.dialogs.ask import Choose  # noqa: PLC0415 - when first needed

        self._ask(Choose(question, answers, detail), then)
