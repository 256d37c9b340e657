"""The running memory of long sessions: turns that leave the window are noted in the background.

A memory is only extended, and has the id of the last message it covers, so that nothing is noted
twice. When the model fails, the turns leave the window without a note.
"""

import logging
from collections.abc import Sequence
from contextlib import aclosing

from genpy_server.core.context import notes
from genpy_server.core.context.fences import block, dialogue, framed
from genpy_server.core.context.prompts import NOTHING_NEW, prompt
from genpy_server.core.context.tokens import MESSAGE_TOKENS, count_tokens, cut
from genpy_server.core.context.turns import Turn, covered, turns
from genpy_server.core.models import ChatMessage, Memory, Message
from genpy_server.errors import LlmError, StoreError
from genpy_server.llm.base import ChatRequest, TextDelta
from genpy_server.llm.providers import ChosenModel
from genpy_server.runs.history import Conversation

ADDITION_TOKENS = 400
ROLE_TOKENS = 10
"""Tokens of a message's line beside its text, where messages are written as a dialogue."""
LONGEST_REST = 32
"""Longest pause, in turns, between two attempts while the model fails."""
FRAME = "Memory so far:\n{known}\n\nMessages:\n{messages}"

log = logging.getLogger("genpy.memory")


def to_remember(history: Sequence[Message], memory: Memory | None, dropped_upto: int) -> list[Turn]:
    """The turns to note next; none while all of them are in the window.

    Those are the dropped ones and the older half of the others, so that the next extension is due
    some turns later; the newest turn is never noted.
    """
    all_turns = turns(history)
    upto = covered(memory, history, all_turns[-1].place) if all_turns else 0
    if dropped_upto <= upto:
        return []
    open_turns = [turn for turn in all_turns if turn.place > upto]
    dropped = sum(turn.place <= dropped_upto for turn in open_turns)
    take = min(dropped + (len(open_turns) - dropped) // 2, len(open_turns) - 1)
    return open_turns[:take]


async def extended(
    conversation: Conversation, open_turns: Sequence[Turn], model: ChosenModel, budget: int
) -> Memory | None:
    """Note the first of these turns and store the memory; returns it, None on failure.

    As many turns are noted as fit one request of `budget` tokens, at least one, which is cut if it
    is too long.
    """
    store, user_id, session_id = conversation.store, conversation.user_id, conversation.session_id
    memory = conversation.memory
    if model.llm.kind == "offline" or not open_turns or (memory and notes.is_off(memory.text)):
        return None
    room = budget - count_tokens(prompt("memory")) - count_tokens(FRAME) - 2 * MESSAGE_TOKENS
    known = notes.fitting_notes(notes.shown_notes(memory.text), room // 4) if memory else ""
    room -= count_tokens(known)
    noted = _fitting(open_turns, room - MESSAGE_TOKENS)
    try:
        addition = await _note(known, noted, room, model)
        if not addition:
            return None
        # A note may have been forgotten meanwhile, which does not change `upto`.
        newest = await store.memory(user_id, session_id)
        before, upto = (newest.text, newest.upto) if newest else ("", 0)
        if notes.is_off(before) or upto != (memory.upto if memory else 0):
            return newest
        after = "" if addition == NOTHING_NEW else _noted(addition, noted, before)
        found = Memory("\n".join(filter(None, (before, after))), noted[-1].place)
        moved = await store.extend_memory(user_id, session_id, found, previous=newest)
    except (LlmError, StoreError) as error:
        log.warning("memory not extended: %s", error.code)
        return None
    return found if moved else await store.memory(user_id, session_id)


async def _note(known: str, noted: Sequence[Turn], room: int, model: ChosenModel) -> str:
    messages = [message for turn in noted for message in turn.messages]
    shown = dialogue(messages, room, numbered=True)
    asked = FRAME.format(known=framed([block(known or "(nothing yet)")]), messages=shown)
    request = ChatRequest(
        (ChatMessage("system", prompt("memory")), ChatMessage("user", asked)),
        max_tokens=ADDITION_TOKENS,
        temperature=0.2,
    )
    async with aclosing(model.stream(request)) as events:
        parts = [event.text async for event in events if type(event) is TextDelta]
    return cut("".join(parts).strip(), ADDITION_TOKENS)


def _noted(addition: str, noted: Sequence[Turn], before: str) -> str:
    """The notes that a model wrote, in stored form, without forgotten ones."""
    ids = {message.id for turn in noted for message in turn.messages}
    written = notes.written_notes(addition, ids, noted[-1].place)
    return notes.stored_notes(notes.without_forgotten(written, notes.read_notes(before)))


def _fitting(open_turns: Sequence[Turn], room: int) -> list[Turn]:
    """The first turns that fit, or a part of the first one."""
    fitting: list[Turn] = []
    for turn in open_turns:
        cost = turn.tokens + ROLE_TOKENS * len(turn.messages)
        if cost > room:
            break
        fitting.append(turn)
        room -= cost
    return fitting or [open_turns[0].shortened(room - ROLE_TOKENS * len(open_turns[0].messages))]


class MemorySchedule:
    """Decides after each turn whether the memory is extended; one extension runs at a time.

    A failed extension is retried after 1, 2, 4 … turns.
    """

    def __init__(self, conversation: Conversation, budget: int) -> None:
        self._conversation = conversation
        self._budget = budget
        self._busy = False
        self._rest = 0
        self._next_rest = 1

    def due(self, dropped_upto: int) -> bool:
        """Whether turns that left the window are not noted, and `extend` may run now."""
        memory = self._conversation.memory
        if self._busy or dropped_upto <= self._upto():
            return False
        if memory is not None and notes.is_off(memory.text):
            return False
        self._rest -= 1
        self._busy = self._rest < 0
        return self._busy

    def _upto(self) -> int:
        conversation = self._conversation
        if conversation.memory is None or conversation.question is None:
            return 0
        return covered(conversation.memory, conversation.messages, conversation.question.id)

    async def extend(self, dropped_upto: int, model: ChosenModel) -> None:
        """Extend the memory; call it once after each true `due`."""
        conversation = self._conversation
        try:
            messages = await conversation.after(self._upto())
            open_turns = to_remember(messages, conversation.memory, dropped_upto)
            if not open_turns:
                return
            memory = await extended(conversation, open_turns, model, self._budget)
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
