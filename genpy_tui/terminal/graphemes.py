"""Clusters of code points that the cursor passes in one step.

Those are emoji sequences (a family, a flag, a skin tone, a keycap) and letters with accents. In
scripts whose vowel signs are typed one by one, such as Thai and Devanagari, each code point is one
step.
"""

import re

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
