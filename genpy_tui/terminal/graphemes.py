"""Clusters of code points that the cursor passes in one step.

Those are emoji sequences (a family, a flag, a skin tone, a keycap) and letters with accents. In
scripts whose vowel signs are typed one by one, such as Thai and Devanagari, each code point is one
step. Terminals disagree about the cells of all of them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_EMOJI = "[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]"
_MODIFIER = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
_ACCENT = (
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a"
    "\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
_CLUSTER = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"  # a flag
    "|[0-9#*]\ufe0f?\u20e3"  # a keycap
    f"|{_EMOJI}{_MODIFIER}*(?:\u200d{_EMOJI}{_MODIFIER}*)*"
    "|[\u1100-\u115f][\u1160-\u11a7]+[\u11a8-\u11ff]*"  # a Hangul syllable in its letters
    f"|[^{_ACCENT[1:]}{_ACCENT}+"
)


def stops(line: str) -> list[tuple[int, int]]:
    """Start and end of each cluster of more than one code point in a line."""
    if line.isascii():
        return []
    return [m.span() for m in _CLUSTER.finditer(line) if m.end() - m.start() > 1]


_PICTURE = (
    "(?:[\U0001f000-\U0001faff]|[^ ][\u200d\ufe0e\ufe0f\u20e3])"
    "[\U0001f000-\U0001faff\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]*"
)
"""Emoji, which have one cell to a dozen, by terminal."""
_SHIFTING = re.compile(
    "[\u00ad\u0900-\u109f\u1160-\u11ff\u1700-\u1cff\u200b-\u200f\u2060-\u206f\ua800-\uabff\ufeff"
    "\U00011000-\U000114df]"
)
"""Format characters, and scripts of whose signs some have no cell or one, by terminal."""
_PART = re.compile(f"(?P<gap>  +)|(?P<picture>{_PICTURE})|(?P<frame>[\u2500-\u259f]+)")
_DOUBTFUL = re.compile(f"{_PICTURE}|{_SHIFTING.pattern}")


class Part(NamedTuple):
    """A part of a row, without gaps."""

    number: int
    """Which text it is in."""
    start: int
    text: str
    placed: bool
    """Whether it is written where it belongs; otherwise behind the part before it."""


def doubtful(text: str) -> bool:
    """Whether terminals disagree about the cells of a text."""
    return not text.isascii() and _DOUBTFUL.search(text) is not None


def parts(texts: Iterable[str]) -> Iterator[Part]:
    """The parts of the texts of a row.

    What follows an emoji is placed. Letters that a terminal may shift stay together up to the next
    gap or frame: if each was placed, it would cover the one before.
    """
    shifted = False
    for number, text in enumerate(texts):
        at = 0
        for match in _PART.finditer(text):
            if at < match.start():
                letters = text[at : match.start()]
                yield Part(number, at, letters, not shifted)
                shifted = shifted or _SHIFTING.search(letters) is not None
            shifted = shifted and match.lastgroup == "picture"
            if match.lastgroup != "gap":
                yield Part(number, match.start(), match[0], not shifted)
            at = match.end()
        if at < len(text):
            yield Part(number, at, text[at:], not shifted)
            shifted = shifted or _SHIFTING.search(text[at:]) is not None
