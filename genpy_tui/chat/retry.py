"""Answering the last message again, and the kind of help for the next reply."""

from textual.screen import Screen

from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.chat.status import StatusControl
from genpy_tui.render.message import MessageBlock, spoken
from genpy_tui.widgets.transcript import TranscriptView

INTENTS = {
    "casual_chat": "Casual chat",
    "code_assistant": "Code assistant",
    "tutorial": "Tutorial",
    "technical_support": "Technical support",
}
AUTOMATIC = "Detect it automatically"


class RetryControl:
    """Asks the server for another reply to the last message."""

    def __init__(
        self,
        screen: Screen[None],
        conversation: OpenConversation,
        view: TranscriptView,
        status: StatusControl,
    ) -> None:
        self._screen = screen
        self._conversation = conversation
        self._view = view
        self._status = status

    def retry(self, name: str = "") -> None:
        """Answer the last message again, perhaps as another kind of help."""
        intent = self._intent_of(name) if name.strip() else None
        if not name.strip() or intent is not None:
            self._again(intent)

    def retry_block(self, block: MessageBlock) -> None:
        """Answer the message of a block again, if it is of the last turn."""
        if self._is_last(block):
            self._again(None)

    def _obstacle(self) -> str:
        """Why the last turn cannot be answered again now; empty when it can."""
        if self._conversation.running is not None:
            return "A reply is being written. Esc stops it."
        if self._conversation.pending:
            return "Your last message is not sent yet. It is answered once it is."
        return "" if self._conversation.last_turn else "There is nothing to answer again."

    def _again(self, intent: str | None) -> None:
        client, obstacle = self._conversation.client, self._obstacle()
        if obstacle or client is None:
            self._screen.notify(obstacle)
            return
        client.retry(intent)
        if not self._conversation.online:
            self._screen.notify("The retry is sent once the connection is back.")
        self._view.to_end()

    def _is_last(self, block: MessageBlock) -> bool:
        """Whether a block is of the last turn; notifies where it is not."""
        last = any(block.entry is entry for entry in self._conversation.last_turn)
        if not last:
            self._screen.notify("Only the last message can be answered again. q quotes this one.")
        return last

    # The kind of help

    def choose_for_block(self, block: MessageBlock) -> None:
        """Answer the message of a block again, as another kind of help."""
        if not self._is_last(block):
            return
        obstacle = self._obstacle()
        if obstacle:
            self._screen.notify(obstacle)
        else:
            self._ask()

    def choose(self, name: str = "") -> None:
        """Choose the kind of help for the next message, or answer the last one again as it."""
        if not name.strip():
            self._ask()
        elif (intent := self._intent_of(name)) is not None:
            self._status.update(intent=intent)

    def _intent_of(self, name: str) -> str | None:
        """The kind of help with this name; notifies which exist when there is none."""
        intent = "_".join(name.lower().split())
        if intent in INTENTS:
            return intent
        kinds = ", ".join(map(spoken, INTENTS))
        self._screen.notify(f"Unknown kind of help: {name.strip()}. Choose one of {kinds}.")
        return None

    def _ask(self) -> None:
        last = self._conversation.last_turn[-1] if not self._obstacle() else None
        answers = {f"next {key}": f"Next message: {text}" for key, text in INTENTS.items()}
        answers["next "] = f"Next message: {AUTOMATIC}"
        if last is not None:
            answers = {
                f"again {key}": f"Answer again as: {text}"
                for key, text in INTENTS.items()
                if last.role == "user" or key != last.meta.intent
            } | answers

        def chosen(answer: str | None) -> None:
            when, _, key = (answer or "").partition(" ")
            if when == "again":
                self._again(key)
            elif when == "next":
                self._status.update(intent=key or None)

        detail = ""
        if last is not None and last.role == "assistant" and last.meta.intent:
            reason = f" ({last.meta.intent_reason})" if last.meta.intent_reason else ""
            detail = f"The last reply was given as {spoken(last.meta.intent)}{reason}."
        from genpy_tui.dialogs.ask import Choose  # noqa: PLC0415 - when first needed

        self._screen.app.push_screen(Choose("Which kind of help?", answers, detail), chosen)
