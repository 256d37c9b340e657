"""Sending a message, stopping the reply, and ending the conversation."""

from genpy_tui.chat.control import Control, Parts
from genpy_tui.chat.draft import DraftControl


class SendControl(Control):
    """Sends messages and requests through the client."""

    def __init__(self, parts: Parts, draft: DraftControl) -> None:
        super().__init__(parts)
        self._draft = draft
        self._early = ""
        """The text to send once there is a conversation."""

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
        intent = self._status.activity.mode
        client_id = client.send(text, intent=intent, replaces=self._draft.finish_edit())
        self._view.sent(client_id, text)
        self._status.update(ending=False)

    def stop(self) -> bool:
        """Cancel an edit, else stop the reply; False if there was neither."""
        client = self._conversation.client
        if self._draft.cancel_edit():
            return True
        if client is None or self._conversation.running is None:
            return False
        client.cancel()
        self._status.update(stopping=True)
        return True

    def end(self) -> None:
        """End the conversation; the server then writes its summary."""
        client = self._conversation.client
        if client is None or not self._conversation.begun:
            self._notify(self._missing("Nothing to end"))
            return
        client.end()
        self._status.update(ending=True)
        self._notify(
            "Ending the conversation; its summary is being written."
            if self._conversation.online
            else "The conversation is ended once the connection is back."
        )
