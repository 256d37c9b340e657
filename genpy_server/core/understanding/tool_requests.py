"""Whether a message asks GenPy for its own records: precise, since the model can ask as well.

A small linear model tells requests from the same words said about anything else, and must be quite
sure: a wrong trigger costs more than a miss.
"""

from collections.abc import Iterator
from functools import cache, lru_cache

import msgspec

from genpy_server.core.models import OFFLINE, Message
from genpy_server.core.patterns import PHRASES, lazy_pattern, lowered
from genpy_server.core.understanding import families, keywords, linear, periods, roles
from genpy_server.core.understanding.names import LETTER, parts, reach
from genpy_server.core.words import APART, ENDS

MODEL = "tool_model.json"
NO_TOOL = "none"
STATISTICS = "get_session_stats"
SEARCH = "search_chat_history"
SESSIONS = "get_all_sessions"
SURE = 0.88
"""The probability of being any request from which a message counts as the likeliest one."""
LIKELY = 0.78
"""The same for one that begins as such a request does, or names the conversation as the place."""
CERTAIN = 0.9
"""The probability of being none by its words alone from which a message is not read by their roles."""
NO_DOUBT = 0.01
"""The same up to which it is a request, whatever their roles."""
CACHED_REQUESTS = 1_024
"""Messages whose request is cached: as many as may wait for their replies at once."""
LONGEST = 200
"""Characters of a message that can be a request."""

_MARKED = lazy_pattern(r"(?<![\w`])(\*\*|\*|~~)(?=[^\s`])([^`]+?)(?<=\S)\1|\[([^\]]+)\]\([^)\s]+\)")
"""Markdown's emphasis and links."""
_QUOTE_MARKS = lazy_pattern(r"[`\"\u201c-\u201f\u00ab\u00bb\u300c-\u300f]")
_IN_SO_MANY_WORDS = lazy_pattern(lambda: PHRASES.any_of("in so many words"))
_PLAINLY = lazy_pattern(
    lambda: (
        rf"(?:{PHRASES.any_of('plainly')})"
        r"(?: here| before| earlier| yet| so far| in this chat| yesterday| (?:in|on|last|this) \w+)?"
        r"\s*[?\uff1f\u061f]*"
    ),
)
_NAMES_A_PLACE = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('places')})|{PHRASES.any_of('unbounded places')}"
)
_EVERYWHERE = lazy_pattern(lambda: f"{APART}(?:{PHRASES.any_of('all chats')}){ENDS}")
"""Names every conversation of the person, not only the current one."""
_ELSEWHERE = lazy_pattern(
    lambda: (
        rf"{APART}(?:{PHRASES.any_of('all chats')}|yesterday"
        rf"|(?:this|last|past) (?:week|month|year)){ENDS}"
    ),
)
"""What the statistics of the current conversation do not say."""
_EARLIER = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('earlier')})\b|{PHRASES.any_of('unbounded earlier')}"
)
"""Says that the conversation looked in is not this one."""
_SAYS_THAT = lazy_pattern(lambda: PHRASES.any_of("says that"))
_GIVES_A_ROLE = lazy_pattern(
    lambda: rf"\b(?:{PHRASES.any_of('gives a role')})\b|{PHRASES.any_of('unbounded roles')}"
)
"""Begins a game, in which nothing is meant as it is said."""
_WANTS_TO_LEARN = lazy_pattern(lambda: PHRASES.any_of("wants to learn"))
_SUPPOSES = lazy_pattern(lambda: PHRASES.any_of("supposes"))
_ABOUT = lazy_pattern(
    lambda: rf"(?<!\w)(?:{PHRASES.any_of('about a topic')})(?:(?!{LETTER})|(?<=['\u2019]))"
)
_OF = lazy_pattern(
    lambda: rf"(?<!\w)(?:{PHRASES.any_of('of a topic')})(?:(?!{LETTER})|(?<=['\u2019]))"
)
"""The same behind a word for conversations only: "chats on X"."""
_BEHIND = lazy_pattern(lambda: rf"(?<!\w)(?:{PHRASES.any_of('behind a topic')})(?!{LETTER})")
_UNSPACED = lazy_pattern(lambda: PHRASES.any_of("unbounded topics"))
_NO_TOPIC = lazy_pattern(lambda: PHRASES.any_of("no topics"))
"""Where conversations are kept, and the order of the list."""
_SUBJECTS = {"framework", "genre", "language", "leisure", "science"}
"""Families of words that are a topic directly before one for conversations: "my gardening chats"."""
_BEFORE = {"chat", "say", "tell", "past", "aux", "we"}
"""Roles of the words behind which "of" or "on" begins a topic."""


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
    if _SUPPOSES.match(low) or _SAYS_THAT.search(low) or _GIVES_A_ROLE.search(low):
        return None
    if _WANTS_TO_LEARN.match(low):
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


def _scored(line: str, low: str) -> linear.Scored | None:
    """The tool that a line asks for and how sure that is; None when that is not enough."""
    plainly = _PLAINLY.fullmatch(low) or _PLAINLY.fullmatch(_QUOTE_MARKS.sub("", low))
    scored = request_model().score(linear.features(line))
    none = scored.probabilities[NO_TOOL]
    if not plainly and none > CERTAIN:
        return None
    if none > NO_DOUBT:
        scored = request_model().score(linear.Features([], [], roles.role_features(line)), scored)
    if plainly:
        return scored._replace(label=SEARCH)
    return scored if scored.label != NO_TOOL and _is_sure(scored, low) else None


def _is_sure(scored: linear.Scored, low: str) -> bool:
    """Whether it is probable enough that a line asks for a tool, whichever."""
    asked = 1 - scored.probabilities[NO_TOOL]
    return asked >= SURE or (
        asked >= LIKELY and (_IN_SO_MANY_WORDS.match(low) or _NAMES_A_PLACE.search(low)) is not None
    )


def _without(line: str, start: int, end: int) -> str:
    return f"{line[:start].rstrip()} {line[end:].lstrip()}".strip()


def _arguments(tool: str, line: str) -> dict[str, str] | None:
    """What a request asks a tool for; None when a search names nothing to look for."""
    if tool == STATISTICS:
        return {}
    args: dict[str, str] = {}
    named = periods.find_period(line)
    time = (named.start, named.end) if named is not None else periods.find_other_time(line)
    if named is not None:
        args[named.use] = named.period
    elif time is not None:
        args["unused_time"] = line[slice(*time)].strip()
    if tool == SESSIONS:
        topic = find_topic(f"{line[: time[0]]},{line[time[1] :]}" if time else line)
        if topic:
            args["topic"] = topic
        return args
    rest = _without(line, *time) if time else line
    everywhere = _EVERYWHERE.search(lowered(rest))
    if everywhere is not None:
        rest = _without(rest, *everywhere.span())
    keyword = keywords.find_keyword(rest) or (keywords.find_keyword(line) if rest != line else "")
    if not keyword or (time and keyword == lowered(line[slice(*time)])):
        return None
    if everywhere is not None or named is not None or _EARLIER.search(lowered(line)):
        args["scope"] = "all_sessions"
    return {"keyword": keyword, **args}


def find_topic(line: str) -> str:
    """What the conversations asked for are to be about, in lower case; empty when that is open."""
    if quoted := keywords.find_quoted(line):
        return quoted
    low = lowered(line)
    found = (topic for topic in _topics(low) if topic and not _NO_TOPIC.fullmatch(topic))
    return next(found, "")


def _topics(low: str) -> Iterator[str]:
    """What may be the topic, the likeliest first."""
    words = parts(low)
    for found in _ABOUT.finditer(low):
        yield _named(low, reach(word for word in words if word.start >= found.end()))
    for found in _BEHIND.finditer(low):
        yield _named(low, reach(word for word in reversed(words) if word.end <= found.start()))
    for found in _UNSPACED.finditer(low):
        yield next(group for group in found.groups() if group).strip(keywords.AROUND)
    for found in _OF.finditer(low):
        before = [word for word in words if word.end <= found.start()]
        if before and not _BEFORE.isdisjoint(before[-1].roles):
            yield _named(low, reach(word for word in words if word.start >= found.end()))
    for at, word in enumerate(words[1:], 1):
        subject = low[slice(*words[at - 1][:2])]
        if "chat" in word.roles and subject.isascii() and families.family_of(subject) in _SUBJECTS:
            yield _named(low, reach(reversed(words[:at])))


def _named(low: str, name: tuple[int, int] | None) -> str:
    if name is None:
        return ""
    return keywords.without_tags(
        keywords.without_article(low[slice(*name)].strip(keywords.AROUND), english=False)
    )


@cache
def request_model() -> linear.LinearModel:
    """The shipped model, read when first asked for."""
    return linear.LinearModel(linear.shipped(MODEL, linear.LinearWeights))
