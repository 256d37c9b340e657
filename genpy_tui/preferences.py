"""What the client remembers of a person's taste, in a small file beside the database.

That is the theme, and for which conversations a rating was offered: for each it is offered once.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from genpy_server.files import write_private

NAME = "terminal.json"
OFFERS = 200
"""Conversations of which it is remembered that their rating was offered."""


def theme(folder: Path) -> str | None:
    """The theme that was chosen last."""
    name = _read(folder).get("theme")
    return name if isinstance(name, str) else None


def remember_theme(folder: Path, name: str) -> None:
    """Keep it; raises `OSError`."""
    _write(folder, _read(folder) | {"theme": name})


class Offers:
    """The conversations for which a rating was offered, in this run and in those before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: list[str] | None = None

    def take(self, session: str) -> bool:
        """Whether this is the first offer for a conversation; from now on it is not."""
        if self._taken is None:
            kept = _read(self._folder).get("rating_offered")
            self._taken = [str(item) for item in kept] if isinstance(kept, list) else []
        if session in self._taken:
            return False
        self._taken = [*self._taken[1 - OFFERS :], session]
        with suppress(OSError):  # then it is offered again in another run
            _write(self._folder, _read(self._folder) | {"rating_offered": self._taken})
        return True


def _read(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write(folder: Path, value: dict[str, Any]) -> None:
    write_private(folder / NAME, json.dumps(value) + "\n")
