"""The running memory of long sessions: what falls out of the window is noted, in the background.

A memory is extended and never rewritten, and remembers up to which message it reaches, so that
nothing is noted twice. When the model cannot, nothing is lost but the note: the window is trimmed.
"""

import logging
from collections.abc import Sequence
from contextlib import aclosing

from genpy_server.core.context import count_tokens, cut, turns
from genpy_server.core.models import ChatMessage, Memory, Message
from genpy_server.core.prompts import MEMORY_PROMPT, dialogue
from genpy_server.errors import LlmError, StoreError
from genpy_server.llm.base import ChatRequest, Llm, TextDelta
from genpy_server.stores.base import Store

ADDITION_TOKENS = 400
"""Tokens that one extension may add."""

log = logging.getLogger("genpy.memory")


def to_remember(
    history: Sequence[Message], memory: Memory | None, dropped_upto: int
) -> list[Message]:
    """What the next extension should cover, or nothing while all of it is in the window.

    Beyond what was dropped it takes the older half of what is left, so that the window has room
    for some turns before the next extension is due; the newest turn is never taken.
    """
    covered = memory.upto if memory else 0
    if dropped_upto <= covered:
        return []
    open_turns = [turn for turn in turns(history) if turn.messages[0].id > covered]
    dropped = sum(turn.messages[0].id <= dropped_upto for turn in open_turns)
    take = min(dropped + (len(open_turns) - dropped) // 2, len(open_turns) - 1)
    return [message for turn in open_turns[:take] for message in turn.messages if message.id]


class MemoryKeeper:
    """Extends memories with a model."""

    def __init__(self, store: Store, llm: Llm, budget: int) -> None:
        self._store = store
        self._llm = llm
        self._budget = budget

    async def extend(
        self,
        user_id: str,
        session_id: str,
        memory: Memory | None,
        messages: Sequence[Message],
    ) -> Memory | None:
        """The memory that also covers `messages`, stored; None when that failed."""
        if self._llm.kind == "offline" or not messages:
            return None
        try:
            addition = await self._note(memory, messages)
            if not addition:
                return None
            text = f"{memory.text}\n{addition}" if memory else addition
            extended = Memory(text, max(message.id for message in messages))
            previous = memory.upto if memory else 0
            moved = await self._store.extend_memory(
                user_id, session_id, extended, previous_upto=previous
            )
        except (LlmError, StoreError) as error:
            log.warning("memory not extended: %s", error.code)
            return None
        return extended if moved else await self._store.memory(user_id, session_id)

    async def _note(self, memory: Memory | None, messages: Sequence[Message]) -> str:
        room = self._budget - count_tokens(MEMORY_PROMPT) - ADDITION_TOKENS
        known = cut(memory.text, room // 4) if memory else "(nothing yet)"
        told = cut(dialogue(list(messages)), room - count_tokens(known) - 20)
        request = ChatRequest(
            messages=(
                ChatMessage("system", MEMORY_PROMPT),
                ChatMessage("user", f"Memory so far:\n===\n{known}\n===\n\nMessages:\n{told}"),
            ),
            max_tokens=ADDITION_TOKENS,
            temperature=0.2,
        )
        async with aclosing(self._llm.stream(request)) as events:
            parts = [event.text async for event in events if type(event) is TextDelta]
        return cut("".join(parts).strip(), ADDITION_TOKENS)
