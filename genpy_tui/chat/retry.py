"""Answering the last message again, and the mode of the next replies."""

from genpy_tui.chat.control import Control
from genpy_tui.chat.status import AUTOMATIC
from genpy_tui.commands import Mistyped
from genpy_tui.render.message import MessageBlock, spoken
from genpy_tui.render.notes import notice


class RetryControl(Control):
    """Asks the server for another reply to the last message."""

    def retry(self, name: str = "") -> None:
        """Answer the last message again, perhaps in another mode."""
        self.again((self._named(name) if name.strip() else "") or None)

    def retry_block(self, block: MessageBlock) -> None:
        """Answer the message of a block again, if it is of the last turn."""
        if self.is_last(block):
            self.again()

    def _obstacle(self) -> str:
        """Why the last turn cannot be answered again now; empty if it can."""
        if self._conversation.running is not None:
            return f"A reply is being written; {self._keys.way('stop')} stops it."
        if self._conversation.pending:
            return "Your last message is not sent yet. It is answered once it is."
        return "" if self._conversation.last_turn else self._missing("Nothing to answer again")

    def refused(self) -> bool:
        """Whether the last turn cannot be answered again now; notifies why."""
        obstacle = self._obstacle()
        if obstacle:
            self._notify(obstacle)
        return bool(obstacle)

    def again(self, mode: str | None = None, *, model: str | None = None) -> None:
        """Answer the last message again, perhaps in another mode or with another model."""
        client = self._conversation.client
        if client is None or self.refused():
            return
        client.retry(mode, model=model)
        if not self._conversation.online:
            self._notify("The retry is sent once the connection is back.")
        self._view.to_end()

    def is_last(self, block: MessageBlock) -> bool:
        """Whether a block is of the last turn; notifies if it is not."""
        last = any(block.entry is entry for entry in self._conversation.last_turn)
        if not last:
            quote = self._keys.way("quote")
            self._notify(f"Only the last message can be answered again; {quote} quotes this one.")
        return last

    # The mode

    def choose_for_block(self, block: MessageBlock) -> None:
        """Answer the message of a block again, in another mode."""
        if self.is_last(block) and not self.refused():
            self._ask_for_mode()

    def choose(self, name: str = "") -> None:
        """Choose the mode of the next messages, or answer the last one again in it."""
        if name.strip():
            self._status.update(mode=self._named(name) or None)
        else:
            self._ask_for_mode()

    def check_mode(self) -> None:
        """Note that the server does not have the mode that was chosen before connecting."""
        mode = self._status.activity.mode
        try:
            self._status.update(mode=self._named(mode or AUTOMATIC) or None)
        except Mistyped as error:
            self._view.note(notice(str(error), "error", "✗"))
            self._status.update(mode=None)

    def _named(self, name: str) -> str:
        """The mode with this name or label, "" for the automatic choice."""
        wanted = " ".join(name.lower().split())
        if wanted == AUTOMATIC:
            return ""
        modes = self._conversation.transcript.modes
        for mode in modes:
            if wanted in {mode.name, mode.label.lower()}:
                return mode.name
        begun = [one.name for one in modes if one.name.startswith(wanted.replace(" ", "_"))]
        if len(begun) == 1:
            return begun[0]
        labels = ", ".join([*(mode.label for mode in modes), AUTOMATIC])
        raise Mistyped(f"Unknown mode: {name.strip()}. Choose one of {labels}.")

    def _ask_for_mode(self) -> None:
        modes = self._conversation.transcript.modes
        last = self._conversation.last_turn[-1] if not self._obstacle() else None
        answers = {f"next {mode.name}": f"From now on: {mode.label}" for mode in modes}
        answers["next "] = f"From now on: {AUTOMATIC}, by what is asked"
        if last is not None:
            answers = {
                f"again {mode.name}": f"Answer again as: {mode.label}"
                for mode in modes
                if last.role == "user" or mode.name != last.meta.intent
            } | answers

        def chosen(answer: str) -> None:
            when, _, key = answer.partition(" ")
            if when == "again":
                self.again(key)
            else:
                self._status.update(mode=key or None)

        detail = ""
        if last is not None and last.role == "assistant" and last.meta.intent:
            reason = f" ({last.meta.intent_reason})" if last.meta.intent_reason else ""
            detail = f"The last reply was given as {spoken(last.meta.intent)}{reason}."
        self._choose("Which mode?", answers, chosen, detail)
