"""Exports: corrections to learn from, and sessions as earlier versions wrote them."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from genpy_server.core.models import Message, Session


class Correction(msgspec.Struct, frozen=True):
    """A turn whose detected intent a person corrected."""

    text: str
    intent: str
    """What the person chose."""
    detected: str


def corrections(messages: Iterable[Message]) -> Iterator[Correction]:
    """One for each corrected turn of a conversation; of several the newest counts.

    The correction stands on the regenerated reply, or on the message that was sent with it.
    """
    texts: dict[int, str] = {}
    found: dict[int, Correction] = {}
    for message in messages:
        meta = message.meta
        if message.role == "user":
            texts[message.id] = message.text
        turn = message.id if message.role == "user" else meta.reply_to
        if turn in texts and meta.intent is not None and meta.intent_corrected_from is not None:
            found[turn] = Correction(texts[turn], meta.intent, meta.intent_corrected_from)
        elif turn in found and meta.intent not in {None, found[turn].intent}:
            del found[turn]  # what was detected at first is right after all
    yield from found.values()


_FORMER = {
    "id": "session_id",
    "started_at": "start_time",
    "ended_at": "end_time",
    "outcomes": "key_outcomes",
    "rating": "user_rating",
}
_FORMER_METRICS = {"messages": "total_messages", "assistant_messages": "ai_messages"}
"""Names that exports had before they took those of GenPy's first version."""


def exported_session(value: dict[str, Any]) -> Session:
    """The session of an export, also of one with former names; `ValidationError` for another."""
    present = {_FORMER.get(name, name): item for name, item in value.items()}
    if isinstance(metrics := present.get("metrics"), dict):
        present["metrics"] = {_FORMER_METRICS.get(n, n): item for n, item in metrics.items()}
    return msgspec.convert(present, Session)
