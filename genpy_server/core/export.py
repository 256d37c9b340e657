"""Exports: corrected intents, and sessions in the format of earlier versions."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from genpy_server.core.models import Message, Metrics, Session


class Correction(msgspec.Struct, frozen=True):
    """A turn whose detected intent a person corrected."""

    text: str
    intent: str
    """The intent that the person chose."""
    detected: str


def corrections(messages: Iterable[Message]) -> Iterator[Correction]:
    """One for each corrected turn of a conversation; of several corrections the newest.

    A correction is in the metadata of the regenerated reply, or of the message sent with it.
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
            del found[turn]  # a later reply has the detected intent again
    yield from found.values()


def exported_session(value: dict[str, Any]) -> Session:
    """Decode the session of an export, also of earlier versions; raises `ValidationError`.

    Those had the names of the fields, not those of the JSON.
    """
    present = _renamed(value, Session)
    if isinstance(metrics := present.get("metrics"), dict):
        present["metrics"] = _renamed(metrics, Metrics)
    return msgspec.convert(present, Session)


def _renamed(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return {names.get(name, name): item for name, item in value.items()}
