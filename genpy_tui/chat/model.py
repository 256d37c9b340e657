"""The settings of the conversation: how long its model thinks."""

from typing import get_args

from textual.screen import Screen

from genpy_server.core.models import Effort
from genpy_server.wire import ParamsChange, Set
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.widgets.transcript import TranscriptView

DEFAULT = "default"
EFFORTS: dict[str, Effort | None] = {effort: effort for effort in get_args(Effort)} | {
    DEFAULT: None
}
LABELS = {
    "off": "Off: answer at once",
    "low": "Low",
    "medium": "Medium",
    "high": "High: think longest",
    DEFAULT: "Default: as configured, or as the model likes",
}


class ModelControl:
    """Passes what is set for the conversation to the client."""

    def __init__(
        self, screen: Screen[None], conversation: OpenConversation, view: TranscriptView
    ) -> None:
        self._screen = screen
        self._conversation = conversation
        self._view = view

    def show_thinking(self) -> None:
        """Show or hide what the model thought."""
        if not self._view.toggle_thinking():
            self._screen.notify("No reply here has any thinking to show.")

    def think(self, effort: str = "") -> None:
        """Set how long the model thinks; asks where it is not given."""
        effort = effort.strip().lower()
        if effort in EFFORTS:
            self._set(Set(params=ParamsChange(reasoning_effort=EFFORTS[effort])))
            self._screen.notify(f"Thinking: {effort}, from the next reply on.")
            return
        from genpy_tui.dialogs.ask import Choose  # noqa: PLC0415 - when first needed

        now = self._conversation.transcript.settings.params.reasoning_effort or DEFAULT
        answers = {key: f"{text} (now)" if key == now else text for key, text in LABELS.items()}
        self._screen.app.push_screen(
            Choose("How long may the model think?", answers),
            lambda answer: self.think(answer) if answer else None,
        )

    def _set(self, change: Set) -> None:
        client = self._conversation.client
        if client is None:
            self._screen.notify("Not connected yet.")
            return
        client.set(change)
