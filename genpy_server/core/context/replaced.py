"""What no longer counts in a conversation: a message that its person replaced, and its replies.

Nothing is deleted by that. The later message says which one it replaces (`meta.replaces`), and
whoever builds something of a conversation leaves out what is not standing.
"""

from collections.abc import Iterable, Sequence

from genpy_server.core.models import Message


def standing(messages: Sequence[Message]) -> list[Message]:
    """The messages that count."""
    gone = _replaced(messages)
    if not gone:
        return list(messages)
    return [m for m in messages if m.id not in gone and m.meta.reply_to not in gone]


def replaced_ids(messages: Sequence[Message]) -> set[int]:
    """The ids of what does not count, as far as these messages tell."""
    gone = _replaced(messages)
    return gone and gone | {m.id for m in messages if m.id and m.meta.reply_to in gone}


def _replaced(messages: Iterable[Message]) -> set[int]:
    return {m.meta.replaces for m in messages if m.meta.replaces is not None}
