"""What the terminal client keeps from run to run, in small JSON files beside the database.

They are the theme, the conversations for which a rating was offered (each is offered once), and the
texts that were not sent when the program ended.
"""

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from genpy_server.files import read_json, write_json

NAME, UNSENT = "terminal.json", "unsent.json"
OFFERS = 200
"""Conversations that are remembered as offered, the newest."""


class _Preferences(msgspec.Struct, omit_defaults=True):
    theme: str | None = None
    rating_offered: list[str] = []


def theme(folder: Path) -> str | None:
    """The theme that was chosen last."""
    return _read(folder).theme


def remember_theme(folder: Path, name: str) -> None:
    """Store the theme; raises `OSError`."""
    write_json(folder / NAME, replace(_read(folder), theme=name))


def take_offer(folder: Path, session: str) -> bool:
    """Store that a rating is offered for a conversation; False where it was before."""
    kept = _read(folder)
    if session in kept.rating_offered:
        return False
    offered = [*kept.rating_offered[1 - OFFERS :], session]
    with suppress(OSError):  # then it is offered again
        write_json(folder / NAME, replace(kept, rating_offered=offered))
    return True


def _read(folder: Path) -> _Preferences:
    return read_json(folder / NAME, _Preferences) or _Preferences()


def keep_unsent(folder: Path, texts: list[str]) -> None:
    """Add texts to those of an earlier run; raises `OSError`."""
    write_json(folder / UNSENT, [*(read_json(folder / UNSENT, list[str]) or []), *texts])


def take_unsent(folder: Path) -> list[str]:
    """Return and remove the stored texts."""
    texts = read_json(folder / UNSENT, list[str]) or []
    with suppress(OSError):  # then they are brought back another time too
        (folder / UNSENT).unlink()
    return texts
