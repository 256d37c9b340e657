"""The part of a message that a search was about."""

import re
from typing import NamedTuple

from genpy_cli.grid import ELLIPSIS, cut
from genpy_server.core.display import one_line

BEFORE = 30
"""Characters shown in front of the first word that was looked for."""


class Piece(NamedTuple):
    """A piece of an excerpt; `found` where it is a word that was looked for."""

    text: str
    found: bool


def excerpt(text: str, words: list[str], width: int) -> list[Piece]:
    """One line of at most so many cells around the first of the words."""
    line = one_line(text)
    pattern = re.compile("|".join(map(re.escape, words)) or "(?!)", re.IGNORECASE)
    first = pattern.search(line)
    start = 0 if first is None else max(0, first.start() - BEFORE)
    if start:
        start = line.find(" ", start, first.start() if first else None) + 1 or start
        line = ELLIPSIS + line[start:]
    line = cut(line, width)
    pieces: list[Piece] = []
    end = 0
    for match in pattern.finditer(line):
        pieces += [Piece(line[end : match.start()], found=False), Piece(match[0], found=True)]
        end = match.end()
    return [piece for piece in (*pieces, Piece(line[end:], found=False)) if piece.text]
