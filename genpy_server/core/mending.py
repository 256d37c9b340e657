"""Mends slips of the keyboard in the few words that requests are made of."""

from collections.abc import Iterable

SHORTEST = 4
"""A word with fewer letters is one slip away from too many others."""


class Mender:
    """Knows a small lexicon; finds the word that is one slip away.

    A slip is a letter too many, too few, wrong, or two swapped: whatever becomes the same by
    leaving out one letter on either side. `spared` are real words that only look like slips.
    """

    def __init__(self, lexicon: Iterable[str], spared: Iterable[str]) -> None:
        self._known = {*lexicon, *spared}
        self._near: dict[str, str] = {}
        for word in lexicon:
            self._near.setdefault(word, word)
            for shorter in _without_one(word):
                self._near.setdefault(shorter, word)

    def mend(self, word: str) -> str:
        """The word of the lexicon that was meant, or the word itself."""
        if len(word) < SHORTEST or word in self._known:
            return word
        for candidate in (word, *_without_one(word)):
            meant = self._near.get(candidate)
            if meant is not None and meant[0] == word[0] and _one_slip(word, meant):
                return meant
        return word


def _without_one(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def _one_slip(word: str, meant: str) -> bool:
    """Whether words of one length differ by one letter or one swap; other lengths always pass."""
    if len(word) != len(meant):
        return True
    apart = [at for at, (one, other) in enumerate(zip(word, meant, strict=True)) if one != other]
    first, last = apart[0], apart[-1]
    return first == last or (
        last == first + 1 and word[first : last + 1] == meant[last] + meant[first]
    )
