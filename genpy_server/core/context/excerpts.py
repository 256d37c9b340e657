"""Excerpts: the part of a text that has most to do with what is looked for."""

from genpy_server.core.words import forms, query_words, word_places

SEARCHED_CHARS = 200_000
MOST_FOUND = 500
"""Places of the words that are looked at."""
LEAD = 0.25
"""The share of an excerpt that stands before the first word that was looked for."""


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
    """Whether every word of `looked_for` is in a text, in whatever form, as a search finds it."""
    held = forms(text[:SEARCHED_CHARS])
    return all(word.is_held(held) for word in query_words(looked_for))


def _best_place(line: str, looked_for: str, limit: int) -> int:
    places = word_places(line, looked_for, MOST_FOUND)
    room = int(limit * (1 - LEAD))
    best, most, last = 0, 0, 0
    for first, (start, _) in enumerate(places):
        while last < len(places) and places[last][0] < start + room:
            last += 1
        different = len({word for _, word in places[first:last]})
        if different > most:
            best, most = start, different
    return best - int(limit * LEAD) if most else 0
