"""Where a cursor may stop in a line: by pictures and accented letters, not by code points.

What a person sees as one picture (a family, a flag, a skin tone, a keycap) and a letter with its
accents are one stop. In scripts whose vowel signs are typed and corrected one by one, such as Thai
and Devanagari, each code point is one.
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
    """Where in a line a cluster of more than one code point starts and ends."""
    if line.isascii():
        return []
    return [m.span() for m in _CLUSTER.finditer(line) if m.end() - m.start() > 1]
