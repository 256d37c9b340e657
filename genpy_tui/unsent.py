"""What was written and not sent when the program ended by a signal or a bug, kept for the next run."""

import json
from contextlib import suppress
from pathlib import Path

from genpy_server.files import write_private

NAME = "unsent.json"


def keep(folder: Path, texts: list[str]) -> None:
    """Write texts beside those of an earlier run, for their owner only; raises `OSError`."""
    write_private(folder / NAME, json.dumps([*_read(folder), *texts]))


def take(folder: Path) -> list[str]:
    """The texts that were kept, which are then kept no longer."""
    texts = _read(folder)
    with suppress(OSError):  # then they are brought back another time too
        (folder / NAME).unlink()
    return texts


def _read(folder: Path) -> list[str]:
    try:
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
