"""What listed conversations are to be about: "chats on X", "X के बारे में", "关于X的对话".

A topic stands beside a word that says so, before or behind it by language.
"""

from collections.abc import Iterator

from genpy_server.core.patterns import lazy_pattern, lowered
from genpy_server.core.phrases import PHRASES
from genpy_server.core.understanding.families import family_of
from genpy_server.core.understanding.keywords import (
    AROUND,
    find_quoted,
    without_article,
    without_tags,
)
from genpy_server.core.understanding.names import LETTER, parts, reach

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


def find_topic(line: str) -> str:
    """What the conversations asked for are to be about, in lower case; empty when that is open."""
    if quoted := find_quoted(line):
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
        yield next(group for group in found.groups() if group).strip(AROUND)
    for found in _OF.finditer(low):
        before = [word for word in words if word.end <= found.start()]
        if before and not _BEFORE.isdisjoint(before[-1].roles):
            yield _named(low, reach(word for word in words if word.start >= found.end()))
    for at, word in enumerate(words[1:], 1):
        subject = low[slice(*words[at - 1][:2])]
        if "chat" in word.roles and subject.isascii() and family_of(subject) in _SUBJECTS:
            yield _named(low, reach(reversed(words[:at])))


def _named(low: str, name: tuple[int, int] | None) -> str:
    if name is None:
        return ""
    return without_tags(without_article(low[slice(*name)].strip(AROUND), english=False))
