"""The notes of a running memory: which of them are shown when not all find room."""

from genpy_server.core.context.tokens import count_tokens, cut
from genpy_server.core.words import search_words

LEFT_OUT = "[… {count} notes left out here to fit …]"


def fitting_notes(text: str, looked_for: str, tokens: int) -> str:
    """Whole notes in at most `tokens`, in their order.

    Those that hold words of `looked_for` come before the others, and newer ones before older ones;
    a note that is larger than all of the room is cut.
    """
    if count_tokens(text) <= tokens:
        return text
    notes = [line for line in text.splitlines() if line.strip()]
    asked = frozenset(search_words(looked_for))
    worth = [
        (len(asked.intersection(search_words(note))), place) for place, note in enumerate(notes)
    ]
    left = tokens - count_tokens(LEFT_OUT.format(count=len(notes))) - 1
    kept: set[int] = set()
    for _, place in sorted(worth, reverse=True):
        cost = count_tokens(notes[place]) + 1
        if cost <= left:
            kept.add(place)
            left -= cost
    if not kept:
        return cut(notes[-1], tokens) if notes else ""
    missing = LEFT_OUT.format(count=len(notes) - len(kept))
    return "\n".join([missing, *(notes[place] for place in sorted(kept))])
