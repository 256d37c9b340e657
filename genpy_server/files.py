"""Files that are written for their owner only: what a person says, and what they configured."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path


def private(path: str, flags: int) -> int:
    """An `opener` for `open`: a file that it makes has the mode 0600."""
    return os.open(path, flags, 0o600)


@contextmanager
def replacing(path: Path) -> Iterator[TextIOWrapper]:
    """A text file of mode 0600 that takes its place when it is complete, and not on an error.

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
    """Write a whole file by `replacing`, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text)
