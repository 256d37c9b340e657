"""When the memory of one session is extended: behind its turns, one extension at a time."""

from genpy_server.errors import StoreError
from genpy_server.runs.history import Conversation
from genpy_server.runs.memory import MemoryKeeper, to_remember

LONGEST_REST = 32
"""Turns without another attempt, at most, while the model fails again and again."""


class Remembering:
    """The memory of a live session; a failed extension is tried again after 1, 2, 4 … turns."""

    def __init__(self, keeper: MemoryKeeper, conversation: Conversation) -> None:
        self._keeper = keeper
        self._conversation = conversation
        self._busy = False
        self._rest = 0
        self._next_rest = 1

    def due(self, dropped_upto: int) -> bool:
        """Whether turns up to this place have left the window unnoted, and `extend` may run now."""
        memory = self._conversation.memory
        if self._busy or dropped_upto <= (memory.upto if memory else 0):
            return False
        self._rest -= 1
        self._busy = self._rest < 0
        return self._busy

    async def extend(self, user_id: str, session_id: str, dropped_upto: int) -> None:
        """Note what is to be noted next, once `due` has said so."""
        conversation = self._conversation
        try:
            messages = await conversation.after(
                conversation.memory.upto if conversation.memory else 0
            )
            open_turns = to_remember(messages, conversation.memory, dropped_upto)
            if not open_turns:
                return
            memory = await self._keeper.extend(user_id, session_id, conversation.memory, open_turns)
        except StoreError:
            memory = None
        finally:
            self._busy = False
        if memory is None:
            self._rest = self._next_rest
            self._next_rest = min(2 * self._next_rest, LONGEST_REST)
        else:
            conversation.memory = memory
            self._rest, self._next_rest = 0, 1
