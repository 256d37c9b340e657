"""Cleaning of text before it is stored, and of titles."""

from typing import Any, TypeVar

import msgspec

from genpy_server.core.patterns import lazy_pattern

T = TypeVar("T")

_SPACES = lazy_pattern(r"[\s\x00-\x1f\x7f-\x9f]+")
_FORMATS = lazy_pattern(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0001]"
)
"""Invisible characters that reorder or hide others; without joiners and emoji tags."""
_UNSEEN = lazy_pattern(
    "[ \u034f\u115f\u1160\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0020-\U000e007f\U000e0100-\U000e01ef]*"
)
"""Characters that are visible only beside others, or not at all."""


def decoded(data: str | bytes | None, kind: Any = Any) -> Any:
    """The value of a JSON text; None if it is not JSON of the type `kind`."""
    try:
        return msgspec.json.decode(data or "null", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def storable(text: str) -> str:
    """`text` with U+FFFD for NUL and lone surrogates, which databases do not accept."""
    text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two surrogates that belong together become the character they stand for.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def seen_line(text: str) -> str:
    """`text` as one line without control and format characters; empty if it is invisible."""
    line = _SPACES.sub(" ", _FORMATS.sub("", text)).strip()
    return "" if _UNSEEN.fullmatch(line) else line


def storable_tree(value: Any) -> Any:
    """`storable` for every string in a value made of JSON types."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_tree(key): storable_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_tree(item) for item in value]
    return value


def storable_value(value: T) -> T:
    """`storable` for an argument of a store: a text, a struct, or a value made of JSON types."""
    if isinstance(value, msgspec.Struct):
        try:
            if b"\\u0000" not in msgspec.json.encode(value):
                return value
        except UnicodeEncodeError:
            pass
        return msgspec.convert(storable_tree(msgspec.to_builtins(value)), type(value))
    clean: T = storable_tree(value) if isinstance(value, str | dict | list) else value
    return clean
