"""What listed conversations are to be about: "chats on X", "X के बारे में", "关于X的对话".

A topic stands beside a word that says so, before or behind it by language, and reaches to the next
word of the request itself: who, where, show, which. `roles.json` knows those words.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from genpy_server.core.patterns import lazy_pattern, lowered
from genpy_server.core.phrases import PHRASES
from genpy_server.core.understanding.families import ROLES, family_of, folded
from genpy_server.core.understanding.keywords import AROUND, without_article
from genpy_server.core.understanding.linear import MARKS
from genpy_server.core.words import UNSPACED_CHARS

MOST_WORDS = 7
"""Words that a topic has at most."""
_LETTER = rf"(?:[^\W_{UNSPACED_CHARS}]|[{MARKS}])"
_WORD = lazy_pattern(
    rf"\b(?:qu|[cdjlmnst])['\u2019](?=\w)|{_LETTER}(?:{_LETTER}|['\u2019+#&./_-](?=[^\W_]))*[+#]*"
    rf"|[{UNSPACED_CHARS}]+|[^\w\s]"
)
_ABOUT = lazy_pattern(
    lambda: rf"(?<!\w)(?:{PHRASES.any_of('about a topic')})(?:(?!{_LETTER})|(?<=['\u2019]))"
)
_OF = lazy_pattern(
    lambda: rf"(?<!\w)(?:{PHRASES.any_of('of a topic')})(?:(?!{_LETTER})|(?<=['\u2019]))"
)
"""The same behind a word for conversations only: "chats on X"."""
_BEHIND = lazy_pattern(lambda: rf"(?<!\w)(?:{PHRASES.any_of('behind a topic')})(?!{_LETTER})")
_UNSPACED = lazy_pattern(lambda: PHRASES.any_of("unbounded topics"))
_NO_TOPIC = lazy_pattern(lambda: rf"(?:{PHRASES.any_of('no topics')})(?!{_LETTER})")
"""Where conversations are kept, and the order of the list."""
_ENDS = {
    "i", "we", "you", "third", "both", "chat", "show", "find", "recall", "say", "tell", "please", "where", "when", "what",
    "how", "ever", "here", "today", "since", "past", "all", "many", "that", "aux", "stats", "unsure", "word", "q",
}  # fmt: skip
"""Roles of the words that a topic does not reach over."""
_INSIDE = {"own", "of", "my", "about", "in", "not", "with", "often"}
"""Roles of words that a topic neither begins nor ends with."""
_BEFORE = {"chat", "say", "tell", "past", "aux", "we"}
"""Roles of the words behind which "of" or "on" begins a topic."""
_LINKS = {"el", "les", "aur", "\u0914\u0930", *"-&/+'\"\u2019"}
"""Articles, "and" and signs that a topic may have inside, some of which mean others elsewhere."""


class _Word(NamedTuple):
    start: int
    end: int
    roles: frozenset[str]

    @property
    def ends(self) -> bool:
        return not _ENDS.isdisjoint(self.roles)

    @property
    def inside(self) -> bool:
        return not _INSIDE.isdisjoint(self.roles)


def find_topic(line: str) -> str:
    """What the conversations asked for are to be about, in lower case; empty when that is open."""
    low = lowered(line)
    found = (topic for topic in _topics(low) if topic and not _NO_TOPIC.match(topic))
    return next(found, "")


def _topics(low: str) -> Iterator[str]:
    """What may be the topic, the likeliest first."""
    words = [*_words(low)]
    for found in _ABOUT.finditer(low):
        yield _run(low, (word for word in words if word.start >= found.end()))
    for found in _BEHIND.finditer(low):
        yield _run(low, (word for word in reversed(words) if word.end <= found.start()))
    for found in _UNSPACED.finditer(low):
        yield next(group for group in found.groups() if group).strip(AROUND)
    for found in _OF.finditer(low):
        before = [word for word in words if word.end <= found.start()]
        if before and not _BEFORE.isdisjoint(before[-1].roles):
            yield _run(low, (word for word in words if word.start >= found.end()))


def _words(low: str) -> Iterator[_Word]:
    for found in _WORD.finditer(low):
        text = folded(found[0])
        if text in _LINKS:
            role = "of"
        elif text[:1].isalnum():
            role = family_of(text.strip("'"), ROLES) or ""
        else:
            role = "q"
        yield _Word(*found.span(), frozenset(role.split()))


def _run(low: str, words: Iterable[_Word]) -> str:
    """The words from where a topic begins, or back from where it ends."""
    run = list[_Word]()
    for word in words:
        if word.ends or len(run) == MOST_WORDS:
            break
        run.append(word)
    run.sort()
    while run and run[0].inside:
        del run[0]
    while run and run[-1].inside:
        del run[-1]
    found = low[run[0].start : run[-1].end].strip(AROUND) if run else ""
    return without_article(found, english=False)
