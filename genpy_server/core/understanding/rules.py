"""Rules of high precision about intents.

A rule that matches overrides the linear model. It stays only while it is right on at least 19 of
20 training messages that it matches (`benchmarks/understanding.py` prints the counts). Patterns
run in linear time: no nested repetition, bounded gaps.
"""

import re
from functools import cache
from typing import NamedTuple

from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.phrases import PHRASES


class Rule(NamedTuple):
    """A pattern that only messages of one intent match, in lower case."""

    intent: str
    why: str
    pattern: re.Pattern[str]


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of `phrases.txt`, in sections named `rule INTENT: WHY`."""
    found = []
    for section in PHRASES.sections:
        intent, colon, why = section.removeprefix("rule ").partition(": ")
        if colon:
            pattern = re.compile(PHRASES.any_of(section), re.MULTILINE)
            found.append(Rule(intent, why, pattern))
    return tuple(found)


def _answer() -> str:
    said = f"(?:{PHRASES.any_of('answers')})"
    more = rf"(?:\W{{1,3}}{said})?"
    return rf"\W*(?:(?:ok|okay|and|but|hm+|oh|ah|um) ?\W{{0,2}})?{said}{more}{more}\W*"


FOLLOW_UP = lazy_pattern(lambda: rf"\W*(?:{PHRASES.any_of('follow ups')})\W*", re.IGNORECASE)
ANSWER = lazy_pattern(_answer, re.IGNORECASE)
GOES_ON = lazy_pattern(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
REFERS = lazy_pattern(
    r"\b(?:it|its|that|this|them|those|these|ones?|instead|again|same|too|shorter|longer|above|the (?:last|first|second|other))\b",
    re.IGNORECASE,
)
"""Points at what was said before."""
WISHES = lazy_pattern(
    r"\W*(?:(?:hi+|hello|he+y+|hiya|dear|good (?:morning|afternoon|evening|day))\b(?: \w+){0,2}[\s,!.-]{1,4})?"
    r"(?:(?:and )?(?:i )?(?:do )?(?:hope|trust|wish)\b (?:that )?(?:you|u|ur|all|everyone|everything|i'?m not|i am not|this|your (?:day|week|weekend|year|morning|evening))\b[^.!?,:;\n]{0,60}"
    r"|(?:happy|merry) \w+|sorry (?:to|for|about) (?:bother|disturb|troubl|the)[^.!?,:;\n]{0,60})(?:[.!?,:;)]{1,4}|\n)\s*",
    re.IGNORECASE,
)
"""A greeting with good wishes, as stands before what a message is about."""
