"""Which of many found messages are worth a place in the context."""

from collections.abc import Sequence
from typing import Final

from genpy_server.core.models import Hit
from genpy_server.core.text import search_words

CANDIDATES: Final = 400
"""Distinct hits to ask a store for, of which the best few are kept."""
QUESTION_WEIGHT: Final = 0.75
"""What is asked seldom holds an answer, though the message after it may."""
LIKENESS_WEIGHT: Final = 0.7
"""How much of its score a message loses that says no more than one that is kept already."""
COMPARED_CHARS: Final = 500


def best(hits: Sequence[Hit], question: str, limit: int) -> list[Hit]:
    """The `limit` hits most likely to answer, in the order of their worth.

    Each is chosen for what it adds to those before it (maximal marginal relevance): ten wordings
    of one remark fill a context and tell nothing. What the question itself says makes none alike.
    """
    asked = _words(question)
    left = [_Candidate(hit, _words(hit.message.text) - asked) for hit in hits]
    kept: list[Hit] = []
    while left and len(kept) < limit:
        chosen = max(left, key=_Candidate.worth)
        kept.append(chosen.hit)
        left.remove(chosen)
        for other in left:
            other.compare(chosen)
    return kept


class _Candidate:
    def __init__(self, hit: Hit, words: frozenset[str]) -> None:
        asks = hit.message.text.rstrip().endswith("?")
        self.hit = hit
        self.words = words
        self._score = hit.score * (QUESTION_WEIGHT if asks else 1.0)
        self._likeness = 0.0

    def worth(self) -> float:
        return self._score * (1 - LIKENESS_WEIGHT * self._likeness)

    def compare(self, kept: "_Candidate") -> None:
        together = len(self.words | kept.words)
        shared = len(self.words & kept.words) / together if together else 1.0
        self._likeness = max(self._likeness, shared)


def _words(text: str) -> frozenset[str]:
    return frozenset(search_words(text[:COMPARED_CHARS]))
