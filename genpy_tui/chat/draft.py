"""The next message: what is put into the prompt, sent, and edited; stopping and ending replies."""

import shlex
from collections.abc import Mapping
from types import MappingProxyType

from genpy_server.core.models import ListedPrompt
from genpy_server.errors import GenPyError
from genpy_tui.chat.control import Control
from genpy_tui.chat.status import Edit
from genpy_tui.commands import Command, Mistyped
from genpy_tui.render.message import MessageBlock
from genpy_tui.terminal.programs import written_in_editor

NAME = "prompt:"
"""The prefix of the names of the commands that fill in a prompt of an MCP server."""
SESSIONS = 30
MESSAGES = 100
"""How many of the newest conversations are read for the history, and of the messages of each."""


class DraftControl(Control):
    """Writes into the prompt, and sends messages and requests through the client."""

    _early = ""
    """The text to send once there is a conversation."""
    _offered: Mapping[str, ListedPrompt] = MappingProxyType({})
    """The prompts of MCP servers by the names of their commands."""
    offers_read = False
    _older: list[str] | None = None
    """Conversations whose messages are not in the history; None before they are read."""

    def started(self) -> None:
        """Send the text that was submitted while GenPy was starting, unless it was changed since."""
        early, self._early = self._early, ""
        if early and self._prompt.full_text == early:
            self._prompt.text = ""
            self.send(early.removesuffix("\n"))

    def send(self, text: str) -> None:
        """Send a message; if that is not possible, restore it in the prompt."""
        client = self._conversation.client
        if client is None or not self._conversation.rejoinable:
            self._prompt.restore(text)
            reason = self._status.activity.refusal
            if client is not None:
                way = self._keys.way("new")
                reason = f"{client.link.reason} Your message is not sent; {way} begins a new conversation."
            if client is None and not reason:
                self._prompt.write(f"{text}\n")  # what is typed meanwhile is a line of its own
                self._early = self._prompt.full_text
            self._notify(reason or "Still starting: this is sent in a moment.")
            return
        edit = self.edit
        if edit is not None:
            self._status.update(edit=None)
            self._prompt.restore(edit.draft)
        replaced = None if edit is None else edit.message_id
        intent = self._status.activity.mode
        client_id = client.send(text, intent=intent, replaces=replaced)
        self._view.stack.sent(client_id, text)
        self._view.to_end()
        self._status.update(ending=False)

    def stop(self) -> bool:
        """Cancel an edit, else stop the reply; False if there was neither."""
        client = self._conversation.client
        if self.cancel_edit():
            return True
        if client is None or self._conversation.running is None:
            return False
        client.cancel()
        self._status.update(stopping=True)
        return True

    def end(self) -> None:
        """End the conversation; the server then writes its summary."""
        client = self._begun("Nothing to end")
        if client is None:
            return
        client.end()
        self._status.update(ending=True)
        now = "Ending the conversation; its summary is being written."
        later = "The conversation is ended once the connection is back."
        self._notify(now if self._conversation.online else later)

    # Editing of the person's last message, until it is sent or cancelled

    def edit_block(self, block: MessageBlock) -> None:
        """Edit the message of a block, if it is the person's last one."""
        if block.entry.role != "user":
            self._notify("Only your own messages can be edited.")
        elif block.entry is not self._conversation.last_message:
            quote = self._keys.way("quote")
            self._notify(f"Only your last message can be edited; {quote} quotes this one.")
        else:
            self.edit_last()

    def edit_last(self) -> None:
        """Put the person's last message into the prompt."""
        last = self._conversation.last_message
        if self._conversation.pending:
            self._notify("Your last message is not sent yet. You can edit it once it is.")
        elif last is None or last.message_id is None:
            self._notify(self._missing("Nothing to edit"))
        else:
            draft = self._prompt.full_text if self.edit is None else self.edit.draft
            self._status.update(edit=Edit(last.message_id, draft))
            self._prompt.write(last.text, whole=True)
            self._prompt.focus()

    @property
    def edit(self) -> Edit | None:
        """The edit that goes on."""
        return self._status.activity.edit

    def cancel_edit(self) -> bool:
        """Cancel the edit and restore the draft; False if nothing is edited.

        The edited text is kept in the history.
        """
        edit = self.edit
        if edit is not None:
            self._status.update(edit=None)
            self._prompt.keep(self._prompt.full_text)
            self._prompt.write(edit.draft)
        return edit is not None

    def overtaken(self, message_id: int) -> None:
        """A message of the person arrived: end the edit if its message is not the last one any more."""
        edit = self.edit
        if edit is not None and edit.message_id < message_id:
            self._status.update(edit=None)
            self._prompt.keep(edit.draft)
            self._notify("Another message arrived: this will be sent as a new one.")

    async def open_editor(self) -> None:
        """Write the message in the person's editor."""
        written = await written_in_editor(self._chat.app, self._prompt.full_text)
        if written is not None:
            self._prompt.write(written)

    # The history

    async def load_older(self) -> None:
        """Add the person's messages in the next conversation with any new ones to the history."""
        records = self._conversation.records
        if records is None:
            return
        try:
            if self._older is None:
                self._older = [session.id for session in await records.sessions(limit=SESSIONS)]
            while self._older:
                messages = await records.messages(self._older.pop(0), limit=MESSAGES)
                texts = [message.text for message in messages if message.role == "user"]
                if self._prompt.texts.add_older(texts) and self._prompt.recall(-1):
                    return
        except GenPyError:
            self._older = None  # the next load tries again

    # Prompts of MCP servers, as slash commands

    def offer_once(self) -> None:
        """Read the server's prompts, when a slash command is begun for the first time."""
        if not self.offers_read and self._conversation.records is not None:
            self.offers_read = True
            self._background(self._offer, "prompts")

    async def _offer(self) -> None:
        # An older server has none.
        found = await self._request(lambda records: records.prompts(), quiet=True)
        if found is None:
            return
        self._offered = {NAME + prompt.name: prompt for prompt in found}
        commands = []
        for name, prompt in self._offered.items():
            argument = " ".join(one.name.upper() for one in prompt.arguments)
            about = prompt.description
            commands.append(Command(name, prompt.name, about, slash=prompt.name, argument=argument))
        self._prompt.menu.offer(commands)
        self._prompt.menu.look(self._prompt.text)

    async def fill_in(self, name: str, text: str) -> None:
        """Write a prompt with its arguments into the input; several are split as in a shell."""
        prompt = self._offered[name]
        names = [one.name for one in prompt.arguments]
        try:
            given = [text] if len(names) <= 1 and text else shlex.split(text)
        except ValueError:
            raise Mistyped("A quotation mark is not closed.") from None
        needed = [one.name for one in prompt.arguments if one.required]
        if len(given) < len(needed) or len(given) > len(names):
            raise Mistyped(f"Usage: /{prompt.name} {' '.join(names).upper()}.")
        values = dict(zip(names, given, strict=False))
        filled = await self._request(lambda records: records.prompt(prompt.name, values))
        if filled is not None:
            self._prompt.write(filled, whole=True)
