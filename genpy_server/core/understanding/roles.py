"""What the words of a line do in a sentence about what was said, whatever it was about.

A line is read as the roles of its words: who, said or asked, about, where, when. All other words in
a row are one star, so that the same question about anything, and in another language, reads alike.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.understanding.families import ROLES, family_of, folded, parts_of
from genpy_server.core.understanding.linear import CACHED_WORDS, WORD
from genpy_server.core.words import UNSPACED

ANYTHING = "*"
OWN = "own"
"""The role of a word that means other things in other languages, and stands for itself."""
MOST = 32
"""Words that are read of a line."""
WHOLE = 10
"""Roles up to which a line also counts as a whole."""
_APART = lazy_pattern(r"\b(?:qu|[cdjlmnst])'(?=\w)|-")
_RUN = lazy_pattern(UNSPACED)
_QUOTES = frozenset("\"'`\u00ab\u00bb\u201e\u300c\u300d\u300e\u300f\u300a\u300b")
_SIGNS = frozenset(",.:;")
_LINKS = frozenset("of de du des d da do von vom del".split())  # noqa: SIM905 - shorter
"""What joins the words of one name, when it stands between them."""
_BELONGS = frozenset("the my mi a an o os as la le les die das der en un una".split())  # noqa: SIM905
"""What belongs to a name behind it."""


def read(line: str) -> tuple[list[str], list[str]]:
    """The words of a line that have a role, and the roles of all, between its edges.

    A name is one star in both.
    """
    plain = folded(line)
    if not plain.isascii():
        plain = _RUN.sub(lambda run: f" {' '.join(parts_of(run[0], ROLES))} ", plain)
    plain = _APART.sub(lambda found: found[0][:-1] + " ", plain)
    found = WORD.findall(plain)[:MOST]
    roles = [*map(_roles, found)]
    end = "$?" if plain.rstrip().endswith("?") else "$"
    words = (
        word if role != (ANYTHING,) else ANYTHING
        for word, role in zip(found, roles, strict=True)
        if role
    )
    flat = [one for role in roles for one in role]
    return ["^", *_once(words), end], ["^", *_gathered(flat), end]


def role_features(line: str) -> list[str]:
    """Runs of words that have a role and of the roles, also without the stars; short lines as a whole."""
    words, roles = read(line)
    said = [role for role in roles if role != ANYTHING]
    twos = [f"={one} {two}" for one, two in pairwise(roles)]
    threes = [f"{one} {two}" for one, two in zip(twos, roles[2:], strict=False)]
    found = [
        *twos,
        *threes,
        *(f"{one} {two}" for one, two in zip(threes, roles[3:], strict=False)),
        *(pairs := [f"=_ {one} {two}" for one, two in pairwise(said)]),
        *(f"{one} {two}" for one, two in zip(pairs, said[2:], strict=False)),
        *(pairs := [f"=- {one} {two}" for one, two in pairwise(words)]),
        *(f"{one} {two}" for one, two in zip(pairs, words[2:], strict=False)),
    ]
    if len(roles) <= WHOLE:
        found += f"=! {' '.join(roles)}", f"=!_ {' '.join(said)}"
    return [*dict.fromkeys(found)]


@lru_cache(CACHED_WORDS)
def _roles(word: str) -> tuple[str, ...]:
    """None for a sign that says nothing."""
    if not word[0].isalpha():
        if word[0].isdigit():
            return (ANYTHING,)
        return ("quote",) if word[0] in _QUOTES else (word[0],) if word[0] in _SIGNS else ()
    role = family_of(word, ROLES)
    if role == OWN:
        return (word,)
    return tuple(role.split()) if role else (ANYTHING,)


def _once(words: Iterable[str]) -> Iterator[str]:
    """The words with stars in a row as one."""
    last = ""
    for word in words:
        if word != ANYTHING or last != ANYTHING:
            yield word
        last = word


def _gathered(roles: list[str]) -> Iterator[str]:
    """The roles with each name, and what belongs to it, as one star."""
    last = ""
    for role, after in zip(roles, [*roles[1:], ""], strict=False):
        if role in _BELONGS and after == ANYTHING:
            continue
        if last == ANYTHING and (
            role == ANYTHING or (role in _LINKS and (after == ANYTHING or after in _BELONGS))
        ):
            continue
        last = role
        yield role
