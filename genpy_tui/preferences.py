"""What the terminal client keeps from run to run, in small JSON files beside the database.

They are the theme, the conversations for which a rating was offered (each is offered once), and the
texts that were not sent when the program ended.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from genpy_server.files import read_json, write_json

NAME, UNSENT = "terminal.json", "unsent.json"
OFFERS = 200
"""Conversations that are remembered as offered, the newest."""


def theme(folder: Path) -> str | None:
    """The theme that was chosen last."""
    name = _read(folder).get("theme")
    return name if isinstance(name, str) else None


def remember_theme(folder: Path, name: str) -> None:
    """Store the theme; raises `OSError`."""
    write_json(folder / NAME, _read(folder) | {"theme": name})


class Offers:
    """The conversations for which a rating was offered, in this run and in those before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offered: list[str] | None = None

    def take(self, session: str) -> bool:
        """Store that a rating is offered for a conversation; False where it was before."""
        if self._offered is None:
            stored = _read(self._folder).get("rating_offered")
            self._offered = [str(item) for item in stored] if isinstance(stored, list) else []
        if session in self._offered:
            return False
        self._offered = [*self._offered[1 - OFFERS :], session]
        value = _read(self._folder) | {"rating_offered": self._offered}
        with suppress(OSError):  # then it is offered again in another run
            write_json(self._folder / NAME, value)
        return True


def _read(folder: Path) -> dict[str, Any]:
    return read_json(folder / NAME, dict[str, Any]) or {}


def keep_unsent(folder: Path, texts: list[str]) -> None:
    """Add texts to those of an earlier run; raises `OSError`."""
    write_json(folder / UNSENT, [*(read_json(folder / UNSENT, list[str]) or []), *texts])


def take_unsent(folder: Path) -> list[str]:
    """Return and remove the stored texts."""
    texts = read_json(folder / UNSENT, list[str]) or []
    with suppress(OSError):  # then they are brought back another time too
        (folder / UNSENT).unlink()
    return texts
