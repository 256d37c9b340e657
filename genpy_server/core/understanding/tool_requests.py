"""Whether a message asks GenPy for its own records: precise, since the model can ask as well.

A small linear model tells requests from the same words said about anything else, and must be quite
sure: a wrong trigger costs more than a miss.
"""

from collections.abc import Iterator
from functools import cache, lru_cache

import msgspec

from genpy_server.core.models import OFFLINE, Message
from genpy_server.core.patterns import lazy_pattern, lowered
from genpy_server.core.phrases import PHRASES
from genpy_server.core.understanding.keywords import find_keyword
from genpy_server.core.understanding.linear import (
    Features,
    LinearModel,
    LinearWeights,
    Scored,
    features,
    shipped,
    tokens_of,
)
from genpy_server.core.understanding.periods import find_other_time, find_period
from genpy_server.core.words import APART, ENDS

MODEL = "tool_model.json"
NO_TOOL = "none"
STATISTICS = "get_session_stats"
SEARCH = "search_chat_history"
SESSIONS = "get_all_sessions"
SURE = 0.87
"""The probability of being any request from which a message counts as the likeliest one."""
LIKELY = 0.7
"""The same for one that begins as such a request does, or names the conversation as the place."""
SPOKEN = 0.81
"""The same for one about what "I" or "you" said, by the families of its words."""
PERSONS = frozenset(("<me>", "<you>"))
"""The families of those two words."""
CERTAIN = 0.95
"""The probability from which a message is left alone without a second look."""
CACHED_REQUESTS = 64
"""Messages whose request is cached."""
LONGEST = 200
"""Characters of a message that can be a request."""

_MARKED = lazy_pattern(r"(?<![\w`])(\*\*|\*|~~)(?=[^\s`])([^`]+?)(?<=\S)\1|\[([^\]]+)\]\([^)\s]+\)")
"""Markdown's emphasis and links."""
_QUOTE_MARKS = lazy_pattern(r"[`\"\u201c-\u201f\u00ab\u00bb\u300c-\u300f]")
_IN_SO_MANY_WORDS = lazy_pattern(lambda: PHRASES.any_of("in so many words"))
_PLAINLY = lazy_pattern(
    lambda: (
        rf"(?:{PHRASES.any_of('plainly')})"
        r"(?: here| before| earlier| yet| so far| in this chat)?\s*[?\uff1f\u061f]*"
    ),
)
_NAMES_A_PLACE = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('places')})|{PHRASES.any_of('unbounded places')}"
)
_EVERYWHERE = lazy_pattern(
    lambda: (
        f"{APART}(?:{'|'.join(f'({names})' for names in PHRASES.pairs('all chats').values())}){ENDS}"
    ),
)
"""Names every conversation of the person, not only the current one; one group a language."""
_LISTED = lazy_pattern(
    r"(?:(?:please|can you|could you) )?(?:list|show|display|open|give|name|print)\b(?: me)?(?! (?:where|when|what|which|any))",
)
"""Asks to be shown conversations, and not what was said in them."""
_ELSEWHERE = lazy_pattern(
    lambda: (
        rf"{APART}(?:{'|'.join(PHRASES.pairs('all chats').values())}|yesterday"
        rf"|(?:this|last|past) (?:week|month|year)){ENDS}"
    ),
)
"""What the statistics of the current conversation do not say."""
_EARLIER = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('earlier')})\b|{PHRASES.any_of('unbounded earlier')}"
)
"""Says that the conversation looked in is not this one."""
_TOPIC = lazy_pattern(
    lambda: (
        rf"\b(?:{PHRASES.any_of('about a topic')})\s+(?:(?:{PHRASES.any_of('before a topic')})\s+)?"
        r"(?!(?:it|that|this|us)\b)([^\s?.!,;]+(?: [^\s?.!,;]+){0,5}?)"
        rf"(?: (?:{PHRASES.any_of('please')}))?[\s?.!]*$|{PHRASES.any_of('unbounded topics')}"
    ),
)
"""What the listed conversations are to be about."""
_ASIDE = lazy_pattern(lambda: rf" (?:{PHRASES.any_of('behind a topic')})[\s?.!]*$")
"""What stands behind the topic and is none of it."""
_QUESTIONED = ("?", "\uff1f", "\u061f")
"""Ends of a question; other text that begins with a time is a statement about that time."""
_SAYS_THAT = lazy_pattern(lambda: PHRASES.any_of("says that"))
_GIVES_A_ROLE = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('gives a role')})\b|{PHRASES.any_of('unbounded roles')}"
)
"""Begins a game, in which nothing is meant as it is said."""


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
    return _request_in(_MARKED.sub(lambda found: found[2] or found[3], line))


def is_about_records(message: Message) -> bool:
    """Whether a message asks for what was said before, or repeats it: it answers nothing else."""
    if message.role == "assistant":
        searched = any(tool.name == SEARCH for tool in message.meta.tools)
        return searched or message.meta.model == OFFLINE
    return find_tool_request(message.text) is not None


@lru_cache(CACHED_REQUESTS)
def _request_in(line: str) -> ToolRequest | None:
    """The tool that a line asks for: asked when a message is indexed, and again by its reply."""
    low = lowered(line)
    if _SAYS_THAT.search(low) or _GIVES_A_ROLE.search(low):
        return None
    scored = _scored(line, low)
    if scored is None:
        return None
    if scored.label == STATISTICS and _ELSEWHERE.search(low):
        return None
    args = _arguments(scored.label, line)
    if args is None:
        return None
    evidence = ", ".join(f'"{word}"' for word in request_model().evidence(scored))
    return ToolRequest(scored.label, args, f"asks for GenPy's own records: {evidence}")


def _scored(line: str, low: str) -> Scored | None:
    """The tool that a line asks for and how sure that is; None when that is not enough.

    A request is also looked at as it reads without the time, the conversations and the topic that
    it names: most that are known name none.
    """
    scored = request_model().score(request_features(line))
    if _PLAINLY.fullmatch(low) or _PLAINLY.fullmatch(_QUOTE_MARKS.sub("", low)):
        return scored._replace(label=SEARCH)
    if scored.label != NO_TOOL and _is_sure(scored, low):
        return scored
    if scored.label == STATISTICS or (scored.label == NO_TOOL and scored.probability > CERTAIN):
        return None
    for plainer, tool in _plainer(low):
        again = request_model().score(request_features(plainer))
        if again.label == tool and _is_sure(again, low):
            return again
    return None


def _is_sure(scored: Scored, low: str) -> bool:
    """Whether it is probable enough that a line asks for a tool, whichever."""
    asked = 1 - scored.probabilities[NO_TOOL]
    if asked >= SPOKEN and "<say>" in scored.words and not PERSONS.isdisjoint(scored.words):
        return True
    return asked >= SURE or (
        asked >= LIKELY and (_IN_SO_MANY_WORDS.match(low) or _NAMES_A_PLACE.search(low)) is not None
    )


def _plainer(line: str) -> Iterator[tuple[str, str]]:
    """The line in words that are better known, with the tool that it may then ask for."""
    topic = _TOPIC.search(line)
    if topic is not None:
        yield _without(line, *topic.span()), SESSIONS
    rest = line
    everywhere = _EVERYWHERE.search(rest)
    if everywhere is not None and not _LISTED.match(rest):
        here = [*PHRASES.pairs("all chats")][(everywhere.lastindex or 1) - 1]
        rest = f"{rest[: everywhere.start()]}{here}{rest[everywhere.end() :]}"
    named = find_period(rest)
    place = (named.start, named.end) if named else find_other_time(rest)
    if place is not None:
        start, end = place
        if not start and not line.endswith(_QUESTIONED):
            return
        rest = _without(rest, start, end)
    if rest != line:
        yield rest, SEARCH


def _without(line: str, start: int, end: int) -> str:
    return f"{line[:start].rstrip()} {line[end:].lstrip()}".strip()


def _arguments(tool: str, line: str) -> dict[str, str] | None:
    """What a request asks a tool for; None when a search names nothing to look for."""
    if tool == STATISTICS:
        return {}
    args: dict[str, str] = {}
    rest = line
    named = find_period(line)
    if named is not None:
        args[named.use] = named.period
        rest = _without(line, named.start, named.end)
    elif other := find_other_time(line):
        args["unused_time"] = line[slice(*other)].strip()
        rest = _without(line, *other)
    if tool == SESSIONS:
        topic = _TOPIC.search(_ASIDE.sub("", lowered(rest)))
        if topic is not None:
            args["topic"] = next(group for group in topic.groups() if group).strip()
        return args
    everywhere = _EVERYWHERE.search(lowered(rest))
    if everywhere is not None:
        rest = _without(rest, *everywhere.span())
    keyword = find_keyword(rest) or find_keyword(line)
    if not keyword:
        return None
    if everywhere is not None or named is not None or _EARLIER.search(lowered(line)):
        args["scope"] = "all_sessions"
    return {"keyword": keyword, **args}


def request_features(line: str) -> Features:
    """What requests are told by: also words in threes, and with a gap between them."""
    found = features(line)
    edged = ["^", *tokens_of(line), "$"]
    threes = map(" ".join, zip(edged, edged[1:], edged[2:], strict=False))
    gaps = (f"{one} _ {other}" for one, other in zip(edged, edged[2:], strict=False))
    return Features([*dict.fromkeys([*found.words, *threes, *gaps])], found.letters)


class _RequestWeights(msgspec.Struct, frozen=True):
    """The part of the file that tells requests."""

    requests: LinearWeights


@cache
def request_model() -> LinearModel:
    """The shipped model, read when first asked for."""
    return LinearModel(shipped(MODEL, _RequestWeights).requests)
