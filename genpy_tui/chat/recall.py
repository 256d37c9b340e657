"""Recalling what the person wrote in other conversations, once up has passed the open one."""

from genpy_server.errors import GenPyError
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.widgets.prompt import Prompt

SESSIONS = 30
MESSAGES = 100
"""Newest conversations, and newest messages of each, that are looked through."""


class RecallControl:
    """Reads one conversation more each time it is asked."""

    def __init__(self, conversation: OpenConversation, prompt: Prompt) -> None:
        self._conversation = conversation
        self._prompt = prompt
        self._sessions: list[str] | None = None

    async def load(self) -> None:
        """Give the prompt the messages of the next conversation that has any for it."""
        records = self._conversation.records
        if records is None:
            return
        try:
            if self._sessions is None:
                newest = await records.sessions(limit=SESSIONS)
                self._sessions = [session.id for session in newest]
            while self._sessions:
                messages = await records.messages(self._sessions.pop(0), limit=MESSAGES)
                texts = [message.text for message in messages if message.role == "user"]
                if self._prompt.recall_older(texts):
                    return
        except GenPyError:
            self._sessions = None  # asked again, it may be available
