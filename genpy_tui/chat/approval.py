"""Requests for permission by tools, shown and answered above the prompt."""

from typing import TYPE_CHECKING

from genpy_tui.chat.control import Control
from genpy_tui.widgets.answers import ApprovalRequest

if TYPE_CHECKING:
    from genpy_tui.chat.screen import ChatScreen


class ApprovalControl(Control):
    """Shows the open request of the conversation, and passes the answer to the client."""

    def __init__(self, chat: "ChatScreen") -> None:
        super().__init__(chat)
        self.panel = ApprovalRequest(chat.keys, "approval")

    def follow(self) -> None:
        """Show the open request of the transcript, or hide the panel."""
        request = self._conversation.transcript.request
        if request == self.panel.request:
            return
        had_focus = self.panel.has_focus
        self.panel.request = request
        if request is not None:
            self._chat.app.bell()
            if self._prompt.has_focus and not self._prompt.text:
                self.panel.focus()
        elif had_focus:
            self._prompt.focus()

    def focus(self) -> None:
        """Go to the open request, where a digit answers."""
        if self.panel.request is None:
            self._notify("No tool waits for your permission.")
        else:
            self.panel.settle()
            self.panel.focus()

    def answer(self, answered: ApprovalRequest.Answered) -> None:
        """Send an answer; the request is hidden when the server has received it."""
        client = self._conversation.client
        if client is not None:
            client.approve(answered.request, answered.decision)
            self._prompt.focus()
