"""Turns: a message of the person with its newest reply; and which messages were replaced.

A message that the person edited is not deleted, nor are the replies to it. The edit has its id
(`meta.replaces`), and contexts, summaries and exports leave the replaced messages out.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from genpy_server.core.context.tokens import MESSAGE_TOKENS, count_tokens, cut_evenly
from genpy_server.core.models import Memory, Message


class Turn(NamedTuple):
    """A message of the person with its newest reply, or a single other message."""

    messages: tuple[Message, ...]
    place: int
    """The id of the person's message, which orders turns."""

    @property
    def tokens(self) -> int:
        """Tokens of the turn."""
        return sum([count_tokens(message.text) + MESSAGE_TOKENS for message in self.messages])

    def shortened(self, tokens: int) -> "Turn":
        """The turn in at most `tokens`; long texts are cut with a note."""
        texts = [message.text for message in self.messages]
        fitted = cut_evenly(texts, tokens - MESSAGE_TOKENS * len(texts))
        return Turn(
            tuple(
                msgspec.structs.replace(message, text=text)
                for message, text in zip(self.messages, fitted, strict=True)
            ),
            self.place,
        )


def turns(messages: Sequence[Message]) -> list[Turn]:
    """Messages as turns, in the order of the person's messages, without replaced ones.

    A reply that was stored late (its id is greater than the next message's) is in the turn of the
    message that it answers.
    """
    messages = without_replaced(messages)
    replies = {m.meta.reply_to: m for m in messages if m.meta.reply_to is not None}
    asked = {m.id for m in messages if m.role == "user"}
    result = []
    for message in messages:
        answered = message.meta.reply_to
        place = message.id if answered is None else answered
        if message.role == "user":
            reply = replies.get(message.id)
            both = (message, reply) if reply and reply.text else (message,)
            result.append(Turn(both, place))
        elif answered not in asked:
            result.append(Turn((message,), place))
    return sorted(result, key=attrgetter("place"))


def covered(memory: Memory | None, messages: Sequence[Message], newest: int) -> int:
    """The id up to which a memory covers `messages`, of which the turn at `newest` is never noted.

    0 for an id that cannot be that of an earlier message, which another program wrote.
    """
    if memory is None or not 0 < memory.upto < newest:
        return 0
    first = next((message.id for message in messages if message.id), newest)
    if memory.upto < first or memory.upto in map(attrgetter("id"), messages):
        return memory.upto
    return 0


def without_replaced(messages: Sequence[Message]) -> list[Message]:
    """The messages without replaced ones."""
    edited = _edited(messages)
    return [m for m in messages if m.id not in edited and m.meta.reply_to not in edited]


def replaced_ids(messages: Sequence[Message]) -> set[int]:
    """The ids of replaced messages, as far as these messages show."""
    edited = _edited(messages)
    return edited and edited | {m.id for m in messages if m.id and m.meta.reply_to in edited}


def _edited(messages: Iterable[Message]) -> set[int]:
    return {m.meta.replaces for m in messages if m.meta.replaces is not None}
