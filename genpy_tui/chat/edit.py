"""Editing of the person's last message in the prompt, until it is sent or cancelled."""

from typing import NamedTuple

from textual.screen import Screen

from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.chat.status import StatusControl
from genpy_tui.commands import Keys
from genpy_tui.render.message import MessageBlock
from genpy_tui.widgets.prompt import Prompt


class Edit(NamedTuple):
    """The message that is edited, and the text of the prompt before."""

    message_id: int
    draft: str


class EditControl:
    """Puts the last message into the prompt, and the draft back afterwards."""

    def __init__(
        self,
        screen: Screen[None],
        conversation: OpenConversation,
        prompt: Prompt,
        status: StatusControl,
        keys: Keys,
    ) -> None:
        self.edit: Edit | None = None
        self._screen = screen
        self._conversation = conversation
        self._prompt = prompt
        self._status = status
        self._keys = keys

    def start_block(self, block: MessageBlock) -> None:
        """Edit the message of a block, if it is the person's last one."""
        if block.entry.role != "user":
            self._screen.notify("Only your own messages can be edited.")
        elif block.entry is not self._conversation.last_message:
            quote = self._keys.way("quote")
            self._screen.notify(f"Only your last message can be edited; {quote} quotes this one.")
        else:
            self.start()

    def start(self) -> None:
        """Put the person's last message into the prompt."""
        last = self._conversation.last_message
        if self._conversation.pending:
            self._screen.notify("Your last message is not sent yet. You can edit it once it is.")
        elif last is None or last.message_id is None:
            self._screen.notify("Nothing to edit: no message was sent.")
        else:
            draft = self._prompt.full_text if self.edit is None else self.edit.draft
            self._show(Edit(last.message_id, draft))
            self._prompt.write(last.text, whole=True)
            self._prompt.focus()

    def _show(self, edit: Edit | None) -> None:
        self.edit = edit
        self._status.update(editing=edit is not None)

    def cancel(self) -> bool:
        """Cancel the edit and restore the draft; False if nothing is edited.

        The edited text is kept in the history.
        """
        edit = self.edit
        if edit is None:
            return False
        self._show(None)
        self._prompt.keep(self._prompt.full_text)
        self._prompt.write(edit.draft)
        return True

    def finish(self) -> int | None:
        """End the edit and restore the draft; the id of the message that is replaced."""
        edit = self.edit
        if edit is None:
            return None
        self._show(None)
        self._prompt.restore(edit.draft)
        return edit.message_id

    def overtaken(self, message_id: int) -> None:
        """A message of the person arrived: end the edit if its message is not the last one any more."""
        edit = self.edit
        if edit is not None and edit.message_id < message_id:
            self._show(None)
            self._prompt.keep(edit.draft)
            self._screen.notify("Another message arrived: this will be sent as a new one.")
