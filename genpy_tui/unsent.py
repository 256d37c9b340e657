"""Texts that were not sent when the program ended, stored for the next run."""

from contextlib import suppress
from pathlib import Path

from genpy_server.files import read_json, write_json

NAME = "unsent.json"


def keep(folder: Path, texts: list[str]) -> None:
    """Add texts to those of an earlier run; raises `OSError`."""
    write_json(folder / NAME, [*_read(folder), *texts])


def take(folder: Path) -> list[str]:
    """Return and remove the stored texts."""
    texts = _read(folder)
    with suppress(OSError):  # then they are brought back another time too
        (folder / NAME).unlink()
    return texts


def _read(folder: Path) -> list[str]:
    return read_json(folder / NAME, list[str]) or []
