"""Rows that other programs wrote, as values: what fits is kept, and no row spoils a list."""

from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from genpy_server.core.models import UNTITLED, Message, MessageMeta, Metrics, Session

S = TypeVar("S", bound=msgspec.Struct)

_MISSING: dict[type[msgspec.Struct], dict[str, Any]] = {
    Session: {
        "user_id": "",
        "title": UNTITLED,
        "status": "completed",
        "started_at": "1970-01-01T00:00:00.000000Z",
        "updated_at": "1970-01-01T00:00:00.000000Z",
        "last_message_id": 0,
    },
    Message: {"text": "", "at": "1970-01-01T00:00:00.000000Z", "role": "system"},
}
"""What stands for a required field that cannot be read."""

_texts = msgspec.json.Decoder(tuple[str, ...])


def read(kind: type[S], value: Any) -> S:
    """A struct with every field that fits, and a default for each that does not."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return _in_part(kind, value if isinstance(value, dict) else {})


def _in_part(kind: type[S], value: dict[str, Any]) -> S:
    fields: dict[str, Any] = {}
    missing = _MISSING.get(kind, {})
    for field in _fields(kind):
        try:
            fields[field.name] = msgspec.convert(value[field.encode_name], field.type)
        except (KeyError, msgspec.ValidationError):
            if field.name in missing:
                fields[field.name] = missing[field.name]
    return kind(**fields)


@lru_cache
def _fields(kind: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def read_json(kind: type[S], text: str | None) -> S:
    """The same of a JSON text; of no object the defaults."""
    try:
        return msgspec.json.decode(text or "{}", type=kind)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return read(kind, decoded(text))


def decoded(text: str | None) -> Any:
    """The value of a JSON text, None for what is not JSON."""
    try:
        return msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None


def meta_of(text: str | None) -> MessageMeta:
    """The metadata in a column of JSON."""
    return read_json(MessageMeta, text)


def metrics_of(value: Any) -> Metrics | None:
    """The metrics of a session; None without a count of messages, which GenPy always writes."""
    has_count = isinstance(value, dict) and "total_messages" in value
    return read(Metrics, value) if has_count else None


def texts_of(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text with a line for each, as GenPy's first version kept outcomes."""
    if isinstance(value, str):
        try:
            return _texts.decode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            inner = decoded(value)
            value = inner if isinstance(inner, list) else value.splitlines()
    if not isinstance(value, list):
        return ()
    return tuple(item.strip() for item in value if isinstance(item, str) and item.strip())
