"""Actions that have the last turn answered again, and that choose the kind of help."""

from typing import TYPE_CHECKING

from genpy_server.client.transcript import Entry
from genpy_tui.chat.editing import Editing
from genpy_tui.render.message import MessageBlock, spoken

if TYPE_CHECKING:
    from genpy_tui.dialogs.ask import Choose

INTENTS = {
    "casual_chat": "Casual chat",
    "code_assistant": "Code assistant",
    "tutorial": "Tutorial",
    "technical_support": "Technical support",
}
AUTOMATIC = "Find out by itself"


def choose(question: str, answers: dict[str, str], detail: str = "") -> "Choose":
    """A question with a few answers."""
    from genpy_tui.dialogs.ask import Choose  # noqa: PLC0415 - when first needed

    return Choose(question, answers, detail)


class Answering(Editing):
    """The part of the chat screen that asks for other answers."""

    def __init__(self) -> None:
        super().__init__()
        self.intent: str | None = None
        """The kind of help that was chosen for the next message."""

    def facts(self) -> None:
        """Bring title and status up to date."""

    # The last turn

    def _last_turn(self) -> list[Entry]:
        """What the person said last, and what was replied to it."""
        entries = self.client.transcript.entries if self.client is not None else []
        said = self._last_said()
        return entries[entries.index(said) :] if said is not None else []

    def _cannot(self) -> str:
        """Why the last turn cannot be answered again just now; empty when it can."""
        client = self.client
        if client is not None and client.transcript.running is not None:
            return "A reply is being written. Esc stops it."
        if client is not None and client.pending:
            return "Your last message is not sent yet. It is answered when it is."
        return "" if self._last_turn() else "There is nothing to answer again."

    def action_retry(self, name: str = "") -> None:
        """Answer the last message again, perhaps as another kind of help."""
        intent = self._intent_of(name) if name.strip() else None
        if not name.strip() or intent is not None:
            self._again(intent)

    def _again(self, intent: str | None) -> None:
        reason = self._cannot()
        if reason or self.client is None:
            self.notify(reason)
            return
        self.client.retry(intent)
        if self.client.link.state != "open":
            self.notify("It is asked for once the connection is back.")
        self.view.to_end()

    def retry(self, block: MessageBlock) -> None:
        """Answer the message of a block again: only the last one can be."""
        if self._is_last(block):
            self._again(None)

    def _is_last(self, block: MessageBlock) -> bool:
        """Whether a block is of the last turn; says so where it is not."""
        last = any(block.entry is entry for entry in self._last_turn())
        if not last:
            self.notify("Only the last message can be answered again. q quotes this one.")
        return last

    # The kind of help

    def action_intent_block(self) -> None:
        """Answer the message under the cursor again, as another kind of help."""
        block = self.view.marked
        if block is None or not self._is_last(block):
            return
        reason = self._cannot()
        if reason:
            self.notify(reason)
        else:
            self._choose_intent()

    def action_intent(self, name: str = "") -> None:
        """Choose the kind of help for the next message, or answer the last one again as it."""
        if name.strip():
            intent = self._intent_of(name)
            if intent is not None:
                self._intend(intent)
        else:
            self._choose_intent()

    def _intent_of(self, name: str) -> str | None:
        """The kind of help of this name; says which there are when it is none."""
        intent = "_".join(name.lower().split())
        if intent in INTENTS:
            return intent
        kinds = ", ".join(map(spoken, INTENTS))
        self.notify(f"There is no kind of help {name.strip()}, but {kinds}.")
        return None

    def _choose_intent(self) -> None:
        last = self._last_turn()[-1] if not self._cannot() else None
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
                self._intend(key or None)

        detail = ""
        if last is not None and last.role == "assistant" and last.meta.intent:
            reason = f" ({last.meta.intent_reason})" if last.meta.intent_reason else ""
            detail = f"The last reply was given as {spoken(last.meta.intent)}{reason}."
        self.app.push_screen(choose("Which kind of help?", answers, detail), chosen)

    def _intend(self, intent: str | None) -> None:
        self.intent = intent
        self.facts()
