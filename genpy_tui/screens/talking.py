"""Actions that say something: send, stop, retry, choose the intent, rate, end."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from genpy_server.core.transcript import Entry
from genpy_tui.messages import Submitted
from genpy_tui.render.message import MessageBlock, spoken
from genpy_tui.screens.editing import Editing

if TYPE_CHECKING:
    from genpy_tui.screens.ask import Choose

INTENTS = {
    "casual_chat": "Casual chat",
    "code_assistant": "Code assistant",
    "tutorial": "Tutorial",
    "technical_support": "Technical support",
}
AUTOMATIC = "Find out by itself"
RATINGS = {str(n): f"{'★' * n}{'☆' * (5 - n)}  {n} of 5" for n in range(5, 0, -1)}


def choose(question: str, answers: dict[str, str], detail: str = "") -> "Choose":
    """A question with a few answers."""
    from genpy_tui.screens.ask import Choose  # noqa: PLC0415 - when first needed

    return Choose(question, answers, detail)


class Talking(Editing):
    """The part of the chat screen that speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.intent: str | None = None
        """The kind of help that was chosen for the next message."""
        self.stopping = False
        self.ending = False
        """The end of the conversation was asked for since the last message."""

    @property
    def was_ended(self) -> bool:
        """Whether the conversation was ended, or will be in a moment."""
        client = self.client
        return client is not None and (self.ending or client.transcript.status == "completed")

    def on_submitted(self, message: Submitted) -> None:
        """Send what was typed."""
        if self.client is None:
            self.prompt.text = message.text
            self.notify("Still starting. Press enter again in a moment.")
            return
        client_id = self.client.send(message.text, intent=self.intent, replaces=self.finish_edit())
        self.intent, self.ending = None, False
        self.view.sent(client_id, message.text)
        self.facts()

    def action_stop(self) -> None:
        """Leave what is edited; else stop the reply and keep what came; else go on writing."""
        client = self.client
        if self.cancel_edit():
            self.prompt.focus()
        elif client is not None and client.transcript.running is not None:
            self.stopping = True
            client.cancel()
            self.facts()
        else:
            self.prompt.focus()

    def facts(self) -> None:
        """Bring title and status up to date."""

    def action_retry(self) -> None:
        """Answer the last message again."""
        self._again(None)

    def _again(self, intent: str | None) -> None:
        client = self.client
        if client is None or not client.transcript.entries:
            self.notify("There is nothing to answer again.")
        elif client.transcript.running is not None:
            self.notify("A reply is being written. Esc stops it.")
        else:
            client.retry(intent)
            self.view.to_end()

    def retry(self, block: MessageBlock) -> None:
        """Answer the message of a block again: only the last one can be."""
        client = self.client
        entries = client.transcript.entries if client is not None else []
        if not any(block.entry is entry for entry in entries[-2:]):
            self.notify("Only the last message can be answered again.")
            return
        self._again(None)

    def action_intent(self, name: str = "") -> None:
        """Choose the kind of help for the next message, or answer the last one again as it."""
        name = name.strip().lower().replace(" ", "_")
        if name:
            if name not in INTENTS:
                self.notify(f"There is {', '.join(map(spoken, INTENTS))}.")
                return
            self._intend(name)
            return
        last = self._last_reply()
        answers = {f"next {key}": f"Next message: {text}" for key, text in INTENTS.items()}
        answers["next "] = f"Next message: {AUTOMATIC}"
        if last is not None:
            answers = {
                f"again {key}": f"Answer again as: {text}"
                for key, text in INTENTS.items()
                if key != last.intent
            } | answers

        def chosen(answer: str | None) -> None:
            when, _, key = (answer or "").partition(" ")
            if when == "again":
                self._again(key)
            elif when == "next":
                self._intend(key or None)

        detail = ""
        if last is not None and last.intent:
            reason = f" ({last.intent_reason})" if last.intent_reason else ""
            detail = f"The last reply was given as {spoken(last.intent)}{reason}."
        self.app.push_screen(choose("Which kind of help?", answers, detail), chosen)

    def _last_reply(self) -> Entry | None:
        """The reply that ended last, when nothing was said since."""
        client = self.client
        if client is None or not client.transcript.entries:
            return None
        last = client.transcript.entries[-1]
        return last if last.role == "assistant" and client.transcript.running is None else None

    def _intend(self, intent: str | None) -> None:
        self.intent = intent
        self.facts()

    def action_rate(self, value: str = "") -> None:
        """Rate this conversation."""
        client = self.client
        if client is None or not client.transcript.entries:
            self.notify("Say something first; then it can be rated.")
        elif value.strip() in RATINGS:
            client.rate(int(value))
            self.notify(f"Rated {value.strip()} of 5.")
        else:
            self.app.push_screen(
                choose("How was this conversation?", RATINGS),
                lambda answer: self.action_rate(answer) if answer else None,
            )

    def action_end(self) -> None:
        """End this conversation and write its summary."""
        if self.client is not None and self.client.transcript.entries:
            self.client.end()
            self.ending = True
            self.notify("Ending the conversation; its summary is being written.")

    async def action_leave(self) -> None:
        """Leave GenPy."""
        await self.app.action_quit()

    def action_editor(self) -> None:
        """Write the message in the person's editor."""
        command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "message.md"
            path.write_text(self.prompt.full_text, encoding="utf-8")
            try:
                with self.app.suspend():
                    subprocess.run([*shlex.split(command), str(path)], check=False)  # noqa: S603 - the person's own choice
            except (OSError, ValueError, SuspendNotSupported) as error:
                self.notify(f"Could not open {command}: {error}", severity="error", markup=False)
                return
            self.prompt.write(path.read_text(encoding="utf-8").rstrip("\n"))
