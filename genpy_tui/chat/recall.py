"""Adds the person's messages in other conversations to the history of the prompt."""

from genpy_server.errors import GenPyError
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.widgets.prompt import Prompt

SESSIONS = 30
MESSAGES = 100
"""How many of the newest conversations are read, and of the newest messages of each."""


class RecallControl:
    """Reads the next conversation at each `load`."""

    def __init__(self, conversation: OpenConversation, prompt: Prompt) -> None:
        self._conversation = conversation
        self._prompt = prompt
        self._sessions: list[str] | None = None

    async def load(self) -> None:
        """Add the messages of the next conversation with any new ones to the prompt's history."""
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
            self._sessions = None  # the next load tries again
