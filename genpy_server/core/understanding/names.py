"""How far the name of a thing reaches in a line: to the next word of the request itself.

`roles.json` knows the words of requests: who, said, where, show. All others belong to a name, and
words such as "of" and "the" do between two of them.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.understanding.families import ROLES, family_of, folded
from genpy_server.core.understanding.linear import MARKS
from genpy_server.core.words import UNSPACED_CHARS

MOST_WORDS = 7
"""Words that a name has at most."""
LETTER = rf"(?:[^\W_{UNSPACED_CHARS}]|[{MARKS}])"
"""A letter, digit or vowel sign of a script with spaces."""
_WORD = lazy_pattern(
    rf"\b(?:qu|[cdjlmnst])['\u2019](?=\w)|{LETTER}(?:{LETTER}|['\u2019+#&./_-](?=[^\W_]))*[+#]*"
    rf"|[{UNSPACED_CHARS}]+|[^\w\s]"
)
_ENDS = {
    "i", "we", "you", "third", "both", "chat", "show", "find", "recall", "say", "tell", "please", "where", "when", "what",
    "how", "ever", "here", "today", "since", "past", "all", "many", "that", "aux", "stats", "unsure", "word", "q", "sign",
}  # fmt: skip
"""Roles of the words that a name does not reach over."""
_INSIDE = {"own", "of", "my", "about", "in", "not", "with", "often"}
"""Roles of words that a name neither begins nor ends with."""
_NAMED = {"chat", "long", "msg", "own", "stats", "word"}
"""Roles of words that a name may begin with before "of": "history of Rome", "mot de passe"."""
_LINKS = {"el", "les", "aur", "\u0914\u0930", *"-&/+'\"\u2019"}
"""Articles, "and" and signs that a name may have inside, some of which mean others elsewhere."""


class RoleWord(NamedTuple):
    """A word or sign of a line, where it begins and ends, and what it does in a request."""

    start: int
    end: int
    roles: frozenset[str]


def parts(low: str) -> list[RoleWord]:
    """The words and signs of a line in lower case; of a script without spaces each run is one."""
    return [
        RoleWord(*found.span(), frozenset(_role(found[0]).split())) for found in _WORD.finditer(low)
    ]


def _role(word: str) -> str:
    plain = folded(word)
    if plain in _LINKS:
        return "of"
    if not plain[:1].isalnum():
        return "sign"
    return family_of(plain.strip("'"), ROLES) or ""


def reach(along: Iterable[RoleWord]) -> tuple[int, int] | None:
    """Where a name begins and ends whose first part, or last when it is read backwards, is the first here."""
    name = list[RoleWord]()
    words = deque(along)
    while words and len(name) < MOST_WORDS:
        word = words.popleft()
        begins = all(not _INSIDE.isdisjoint(one.roles) for one in name)
        if not _ENDS.isdisjoint(word.roles) and not (begins and _has_part(word, words)):
            break
        name.append(word)
    name.sort()
    while name and not _INSIDE.isdisjoint(name[0].roles) and not _has_part(name[0], name[1:]):
        del name[0]
    while name and not _INSIDE.isdisjoint(name[-1].roles) and not _is_part(name[-1], name[:-1]):
        del name[-1]
    return (name[0].start, name[-1].end) if name else None


def _has_part(word: RoleWord, behind: Sequence[RoleWord]) -> bool:
    """Whether "of" behind a word makes it the beginning of a name."""
    return bool(behind) and "of" in behind[0].roles and not _NAMED.isdisjoint(word.roles)


def _is_part(word: RoleWord, before: Sequence[RoleWord]) -> bool:
    """Whether "of" before a word makes it the end of a name."""
    return bool(before) and "of" in before[-1].roles and "own" in word.roles
