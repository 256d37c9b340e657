"""Excerpts: the part of a text that has most to do with what is looked for."""

import re
from itertools import islice

from genpy_server.core.text import search_words, unspaced

SEARCHED_CHARS = 200_000
MOST_FOUND = 500
"""Places of the words that are looked at."""
LEAD = 0.25
"""The share of an excerpt that stands before the first word that was looked for."""
_ENDING = 2
"""Letters at the end of a long word in which its forms may differ."""
_LONG = 6


def excerpt(text: str, looked_for: str, limit: int) -> str:
    """At most `limit` characters of a text on one line, and a mark where it goes on.

    They hold as many different words of `looked_for` as any part of that length does.
    """
    line = " ".join(text[:SEARCHED_CHARS].split())
    if len(line) <= limit:
        return line
    start = max(0, min(_best_place(line, looked_for, limit), len(line) - limit))
    if start:
        start = line.find(" ", start, start + 20) + 1 or start
    end = start + limit
    return f"{'…' if start else ''}{line[start:end].rstrip()}{'…' if end < len(line) else ''}"


def holds_all(text: str, looked_for: str) -> bool:
    """Whether every word of `looked_for` is in a text, in whatever form."""
    beginning = text[:SEARCHED_CHARS]
    return all(re.search(form, beginning, re.IGNORECASE) for form in _forms(looked_for))


def _forms(looked_for: str) -> list[str]:
    """Patterns for the forms of each word: its stem, behind no other letter where words are spaced."""
    return [
        (r"(?<![^\W_])" if unspaced(word) is None else "")
        + re.escape(word[:-_ENDING] if len(word) >= _LONG else word)
        for word in search_words(looked_for)
    ]


def _best_place(line: str, looked_for: str, limit: int) -> int:
    forms = _forms(looked_for)
    if not forms:
        return 0
    pattern = "|".join(forms)
    found = islice(re.finditer(pattern, line, re.IGNORECASE), MOST_FOUND)
    places = [(match.start(), match[0].lower()) for match in found]
    room = int(limit * (1 - LEAD))
    best, most, last = 0, 0, 0
    for first, (start, _) in enumerate(places):
        while last < len(places) and places[last][0] < start + room:
            last += 1
        different = len({word for _, word in places[first:last]})
        if different > most:
            best, most = start, different
    return best - int(limit * LEAD) if most else 0
