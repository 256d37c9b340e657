"""Files that only their owner can read: conversations, settings, keys; and small JSON files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from genpy_server.core.text import decoded

T = TypeVar("T")


def read_json(path: Path, kind: type[T]) -> T | None:
    """The value in a JSON file; None for a file that cannot be read or has another value."""
    with suppress(OSError):
        value: T | None = decoded(path.read_bytes(), kind)
        return value
    return None


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for its owner only; raises `OSError`."""
    write_private(path, msgspec.json.encode(value).decode() + "\n")


def private(path: str, flags: int) -> int:
    """An `opener` for `open`: a new file has the mode 0600."""
    return os.open(path, flags, 0o600)


@contextmanager
def replacing(path: Path) -> Iterator[TextIOWrapper]:
    """A text file of mode 0600 that replaces `path` when it is complete; after an error it does not.

    Raises `OSError`.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with open(part, "x", encoding="utf-8", newline="", opener=private) as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a whole file by `replacing`; creates its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)
