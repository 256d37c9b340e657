"""Text at the door of a database: what can be stored."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def storable(text: str) -> str:
    """`text` without what no database takes: NUL and lone surrogates become U+FFFD."""
    text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two surrogates that belong together become the character they stand for.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


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
    """The same for an argument of a store: a text, a struct, or a value of JSON's kinds."""
    if isinstance(value, msgspec.Struct):
        try:
            if b"\\u0000" not in msgspec.json.encode(value):
                return value
        except UnicodeEncodeError:
            pass
        return msgspec.convert(storable_tree(msgspec.to_builtins(value)), type(value))
    clean: T = storable_tree(value) if isinstance(value, str | dict | list) else value
    return clean
