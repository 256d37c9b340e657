"""Excerpts: the part of a text that matches a query best."""

import re
from functools import cached_property

from genpy_server.core.words import WordPlaces

SEARCHED_CHARS = 200_000
MAX_MATCHES = 500
"""The most matches that are considered."""
LEAD = 0.25
"""The share of an excerpt before the first match."""

_MARKUP = re.compile(r"([\\`*_~\[\]<>|#])")


class Excerpts:
    """Excerpts of texts that a query found, each of at most `limit` characters."""

    def __init__(self, looked_for: str, limit: int) -> None:
        self._looked_for = looked_for
        self._limit = limit

    @cached_property
    def _places(self) -> WordPlaces:
        return WordPlaces(self._looked_for, MAX_MATCHES)

    def of(self, text: str) -> str:
        """A part of a text as one line, with "…" where it is cut: that with the most words looked for."""
        line = _one_line(text)
        limit = self._limit
        if len(line) <= limit:
            return line
        start = max(0, min(self._best_place(line), len(line) - limit))
        if start:
            start = line.find(" ", start, start + 20) + 1 or start
        end = start + limit
        return f"{'…' if start else ''}{line[start:end].rstrip()}{'…' if end < len(line) else ''}"

    def shortest(self, text: str) -> str:
        """A text that is no longer than the excerpt, in characters and in bytes."""
        return "x" * min(len(_one_line(text)), self._limit)

    def _best_place(self, line: str) -> int:
        places = self._places.find(line)
        room = int(self._limit * (1 - LEAD))
        best, most, last = 0, 0, 0
        for first, (start, _) in enumerate(places):
            while last < len(places) and places[last][0] < start + room:
                last += 1
            different = len({word for _, word in places[first:last]})
            if different > most:
                best, most = start, different
        return best - int(self._limit * LEAD) if most else 0


def excerpt(text: str, looked_for: str, limit: int) -> str:
    """An excerpt of one text."""
    return Excerpts(looked_for, limit).of(text)


def safe_excerpt(text: str, looked_for: str = "", limit: int = 160) -> str:
    """An excerpt of one text, escaped for a Markdown list or table."""
    return _MARKUP.sub(r"\\\1", excerpt(text, looked_for, limit))


def _one_line(text: str) -> str:
    """The beginning of a text, as far as excerpts are made of it, as one line."""
    return " ".join(text[:SEARCHED_CHARS].split())
