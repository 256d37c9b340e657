"""What was written and not sent when the program ended by a signal or a bug, kept for the next run."""

import json
from pathlib import Path

from genpy_server.files import write_private

NAME = "unsent.json"


def keep(folder: Path, texts: list[str]) -> Path | None:
    """Write texts beside those of an earlier run, for their owner only; the file, if that worked."""
    texts = [*_read(folder), *(text for text in texts if text.strip())]
    if not texts:
        return None
    path = folder / NAME
    try:
        write_private(path, json.dumps(texts))
    except OSError:
        return None
    return path


def take(folder: Path) -> list[str]:
    """The texts that were kept, which are then kept no longer."""
    texts = _read(folder)
    (folder / NAME).unlink(missing_ok=True)
    return texts


def _read(folder: Path) -> list[str]:
    try:
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
