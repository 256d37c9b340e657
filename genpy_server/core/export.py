"""Exports: corrected intents, and sessions in the format of earlier versions."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from genpy_server.core.models import Message, Metrics, Session


class Correction(msgspec.Struct, frozen=True):
    """A turn whose detected intent a person corrected."""

    text: str
    intent: str
    """The intent that the person chose."""
    detected: str


def corrections(messages: Sequence[Message]) -> Iterator[Correction]:
    """One for each corrected turn of a conversation; of several corrections the newest.

    A correction is in the metadata of the regenerated reply, or of the message sent with it.
    """
    found: dict[int | None, tuple[str, str]] = {}
    for message in messages:
        meta = message.meta
        turn = message.id if message.role == "user" else meta.reply_to
        if meta.intent is not None and meta.intent_corrected_from is not None:
            found[turn] = meta.intent, meta.intent_corrected_from
        elif turn in found and meta.intent not in {None, found[turn][0]}:
            del found[turn]  # a later reply has the detected intent again
    for message in messages:
        if message.role == "user" and message.id in found:
            yield Correction(message.text, *found[message.id])


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
