"""Whether a message asks GenPy for its own records: precise, since the model can ask as well.

A small linear model tells requests from the same words said about anything else, and must be quite
sure: a wrong trigger costs more than a miss.
"""

import re
from functools import cache

import msgspec

from genpy_server.core.understanding.keywords import MODEL, find_keyword
from genpy_server.core.understanding.linear import (
    Features,
    LinearModel,
    features,
    shipped,
    tokens_of,
)
from genpy_server.core.understanding.periods import period_in

NO_TOOL = "none"
SURE = 0.8
"""The probability from which a message counts as a request."""
LIKELY = 0.5
"""The same for a message that begins as such a request does, in so many words."""
LONGEST = 200
"""Characters of a message that can be a request."""

_IN_SO_MANY_WORDS = re.compile(
    r"(?:when |where |how often )?(?:did|have|had) (?:i|we|you) (?:ever |already )?"
    r"(?:mention|bring up|brought up|talk(?:ed)? about|discuss|sa(?:y|id) anything about)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:(?:all|every|other) (?:of )?(?:(?:my|our|the|your) )?(?:chat|conversation|session)s?|"
    r"yesterday|(?:this|last|past) (?:week|month|year))\b",
    re.IGNORECASE,
)
"""What the statistics of the current conversation do not tell."""


class ToolRequest(msgspec.Struct, frozen=True):
    """A tool and its arguments, and why."""

    name: str
    args: dict[str, str]
    reason: str


def find_tool_request(text: str) -> ToolRequest | None:
    """The tool that a message asks for, or None."""
    line = text.strip()
    if not line or len(line) > LONGEST or "\n" in line:
        return None
    scored = request_model().score(request_features(line))
    enough = LIKELY if _IN_SO_MANY_WORDS.match(line) else SURE
    if scored.label == NO_TOOL or scored.probability < enough:
        return None
    if scored.label == "get_session_stats" and _ELSEWHERE.search(line):
        return None
    args = {}
    if scored.label == "search_chat_history":
        keyword = find_keyword(line)
        if not keyword:
            return None
        args = {"keyword": keyword}
    elif scored.label == "get_all_sessions":
        period = period_in(line)
        args = {} if period is None else {"period": period}
    because = ", ".join(f'"{word}"' for word in scored.because)
    return ToolRequest(scored.label, args, f"asks for GenPy's own records: {because}")


def request_features(line: str) -> Features:
    """What requests are told by: also words in threes, and with a gap between them."""
    found = features(line)
    edged = ["^", *tokens_of(line), "$"]
    threes = map(" ".join, zip(edged, edged[1:], edged[2:], strict=False))
    gaps = (f"{one} _ {other}" for one, other in zip(edged, edged[2:], strict=False))
    return Features([*dict.fromkeys([*found.words, *threes, *gaps])], found.letters)


@cache
def request_model() -> LinearModel:
    """The shipped model, read when first asked for."""
    return LinearModel(shipped(MODEL)["requests"])
