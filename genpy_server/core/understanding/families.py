"""Families of words: what a word speaks for, also one that no training message held.

`families.json` lists them by script, written as `folded` writes words. A word with a hyphen behind
it stands for every word that begins so; words of scripts without spaces are found inside a run.
`roles.json` lists in the same way what words do in a sentence about what was said.
"""

import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

FAMILIES = "families.json"
ROLES = "roles.json"
SHORTEST_STEM = 3
LONGEST_PART = 8
"""Characters of the longest word of a script without spaces."""
_SCRIPTS = (
    ("latin", "\u0400"),
    ("cyrillic", "\u0530"),
    ("arabic", "\u0900"),
    ("devanagari", "\u0e00"),
    ("unspaced", "\U0010ffff"),
)
"""The scripts in the order of their characters, and the character behind the last of each."""
_FOLDED = dict.fromkeys(
    [*range(0x300, 0x370), *range(0x64B, 0x660), 0x640, 0x670, 0x93C], None
) | str.maketrans(
    "\u0649\u0629\u0901\u2019\u2018\u201c\u201d\u3001\u3002\u060c\u061f",
    "\u064a\u0647\u0902''\"\",.,?",
)


class Known(NamedTuple):
    """The families of the words of one script, and of those that stand for all that begin so."""

    words: dict[str, str]
    beginnings: dict[str, str]


def folded(text: str) -> str:
    """Lower case without accents, vowel points and width variants, as hurried writers leave them."""
    low = text.lower()
    if low.isascii():
        return low
    bare = unicodedata.normalize("NFKD", low).translate(_FOLDED)
    return unicodedata.normalize("NFC", bare)


def family_of(word: str, file: str = FAMILIES) -> str | None:
    """The family of a folded word or of its longest known beginning, else None."""
    known = words_of_script(next(name for name, end in _SCRIPTS if word[0] < end), file)
    if word in known.words:
        return known.words[word]
    for size in range(len(word), SHORTEST_STEM - 1, -1) if known.beginnings else ():
        if word[:size] in known.beginnings:
            return known.beginnings[word[:size]]
    return None


def parts_of(run: str, file: str = FAMILIES) -> list[str]:
    """A run of a script without spaces, cut around the words that are known; the longest count."""
    known = words_of_script("unspaced", file).words
    parts, rest, at = list[str](), 0, 0
    while at < len(run):
        for size in range(min(LONGEST_PART, len(run) - at), 0, -1):
            if run[at : at + size] in known:
                parts += [run[rest:at], run[at : at + size]]
                at = rest = at + size
                break
        else:
            at += 1
    return [part for part in (*parts, run[rest:]) if part]


@cache
def words_of_script(script: str, file: str = FAMILIES) -> Known:
    """The families of its words and beginnings, read on first use: most programs meet few scripts."""
    read = Path(__file__).with_name(file).read_bytes()
    raw = msgspec.json.decode(read, type=dict[str, msgspec.Raw])[script]
    families = msgspec.json.decode(raw, type=dict[str, str])
    listed = [(word, family) for family, words in families.items() for word in words.split()]
    whole = {word: family for word, family in listed if word[-1] != "-"}
    return Known(whole, {word[:-1]: family for word, family in listed if word[-1] == "-"})
