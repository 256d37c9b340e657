"""Replaced messages of a conversation: those that the person edited, and the replies to them.

They are not deleted. The edit has the id of the message it replaces (`meta.replaces`), and contexts,
summaries and exports leave replaced messages out.
"""

from collections.abc import Iterable, Sequence

from genpy_server.core.models import Message


def without_replaced(messages: Sequence[Message]) -> list[Message]:
    """The messages without replaced ones."""
    edited = _edited(messages)
    if not edited:
        return list(messages)
    return [m for m in messages if m.id not in edited and m.meta.reply_to not in edited]


def replaced_ids(messages: Sequence[Message]) -> set[int]:
    """The ids of replaced messages, as far as these messages show."""
    edited = _edited(messages)
    return edited and edited | {m.id for m in messages if m.id and m.meta.reply_to in edited}


def _edited(messages: Iterable[Message]) -> set[int]:
    return {m.meta.replaces for m in messages if m.meta.replaces is not None}
