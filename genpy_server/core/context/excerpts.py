"""Excerpts: the part of a text that matches a query best."""

from genpy_server.core.words import forms, query_words, word_places

SEARCHED_CHARS = 200_000
MAX_MATCHES = 500
"""The most matches that are considered."""
LEAD = 0.25
"""The share of an excerpt before the first match."""


def excerpt(text: str, looked_for: str, limit: int) -> str:
    """At most `limit` characters of a text as one line, with "…" where it is cut.

    It is the part with the most different words of `looked_for`.
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
    """Whether every word of `looked_for` is in a text, in any form that a search finds."""
    held = forms(text[:SEARCHED_CHARS])
    return all(word.is_held(held) for word in query_words(looked_for))


def _best_place(line: str, looked_for: str, limit: int) -> int:
    places = word_places(line, looked_for, MAX_MATCHES)
    room = int(limit * (1 - LEAD))
    best, most, last = 0, 0, 0
    for first, (start, _) in enumerate(places):
        while last < len(places) and places[last][0] < start + room:
            last += 1
        different = len({word for _, word in places[first:last]})
        if different > most:
            best, most = start, different
    return best - int(limit * LEAD) if most else 0
