"""Editing of the person's last message: it stands in the prompt until it is sent anew or left."""

from typing import TYPE_CHECKING, NamedTuple

from textual.widgets import Static

from genpy_server.client.transcript import Entry
from genpy_tui.chat.reading import Reading
from genpy_tui.render.message import MessageBlock
from genpy_tui.text import plain

if TYPE_CHECKING:
    from genpy_server.client.session_client import SessionClient

MARK = "✎ editing your last message · enter sends it instead · esc cancels"


class Edit(NamedTuple):
    """What is edited, and what stood in the prompt before."""

    message_id: int
    draft: str


class Editing(Reading):
    """The part of the chat screen that edits."""

    def __init__(self) -> None:
        super().__init__()
        self.client: SessionClient | None = None
        self.edited: Edit | None = None
        self.edit_mark = Static(plain(MARK, "$genpy-text-warning"), id="editing")

    def edit(self, block: MessageBlock) -> None:
        """Put the message of a block back into the prompt: only the last one can be."""
        if block.entry.role != "user":
            self.notify("Only your own messages can be edited.")
        elif block.entry is not self._last_said():
            self.notify("Only your last message can be edited. q quotes this one.")
        else:
            self.action_edit_last()

    def action_edit_last(self) -> None:
        """Put the last message of the person back into the prompt."""
        last = self._last_said()
        if self.client is not None and self.client.pending:
            self.notify("Your last message is not sent yet. It can be edited when it is.")
        elif last is None or last.message_id is None:
            self.notify("There is nothing to edit yet.")
        else:
            draft = self.prompt.full_text if self.edited is None else self.edited.draft
            self._show_edit(Edit(last.message_id, draft))
            self.prompt.write(last.text, whole=True)
            self.prompt.focus()

    def _last_said(self) -> Entry | None:
        entries = self.client.transcript.entries if self.client else []
        return next((entry for entry in reversed(entries) if entry.role == "user"), None)

    def _show_edit(self, edit: Edit | None) -> None:
        self.edited = edit
        self.edit_mark.display = edit is not None

    def cancel_edit(self) -> bool:
        """Leave the message as it is, and go on with what was being written; False without one.

        Up brings back how far the edit had come.
        """
        edit = self.edited
        if edit is None:
            return False
        self._show_edit(None)
        self.prompt.keep(self.prompt.full_text)
        self.prompt.write(edit.draft)
        return True

    def finish_edit(self) -> int | None:
        """The message that what is sent now stands for; the draft of before is there again."""
        edit = self.edited
        if edit is None:
            return None
        self._show_edit(None)
        if self.prompt.text:
            self.prompt.keep(edit.draft)
        else:
            self.prompt.write(edit.draft)
        return edit.message_id

    def overtaken(self, message_id: int) -> None:
        """A message of the person came: what is edited may not be the last one any more."""
        edit = self.edited
        if edit is not None and edit.message_id < message_id:
            self._show_edit(None)
            self.prompt.keep(edit.draft)
            self.notify("Another message came meanwhile: this will be sent as a new one.")
