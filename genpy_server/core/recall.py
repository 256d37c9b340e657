"""Which of many found messages are worth a place in the context."""

from collections.abc import Sequence

from genpy_server.core.models import Hit

CANDIDATES = 60
"""Hits to ask a store for, of which the best few are kept."""
QUESTION_WEIGHT = 0.75
"""What is asked seldom holds an answer, though the message after it may."""


def best(hits: Sequence[Hit], limit: int, *, before: int | None = None) -> list[Hit]:
    """The `limit` hits most likely to answer, best first, from messages with an id below `before`.

    The same words said again and again count once: repetition fills a context and tells nothing.
    """
    ranked = sorted(hits, key=_weighed, reverse=True)
    kept: list[Hit] = []
    seen: set[str] = set()
    for hit in ranked:
        words = " ".join(hit.message.text.lower().split())
        if words in seen or (before is not None and hit.message.id >= before):
            continue
        seen.add(words)
        kept.append(hit)
        if len(kept) == limit:
            break
    return kept


def _weighed(hit: Hit) -> float:
    asks = hit.message.text.rstrip().endswith("?")
    return hit.score * (QUESTION_WEIGHT if asks else 1.0)
