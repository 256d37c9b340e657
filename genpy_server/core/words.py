"""How text is cut into words, the same when it is stored and when it is looked for.

A *word* is folded: compatibility forms are resolved, case is folded as Unicode does it, accents are
dropped, other marks stay part of the word. A *term* is what an index holds: the stem of an English
word, another word as it is, and each overlapping pair of characters in a script that puts no spaces
between words.
"""

import re
import unicodedata
from functools import lru_cache

QUERY_TERMS = 48
"""Distinct terms of a query that are looked for; a whole message may be the query."""
TERM_CHARS = 64
"""Longer terms are cut: nobody types them, and an index keeps each."""
_CACHED = 1 << 16

STOP_WORDS = frozenset(
    """
    a about am an and any are aren as at be been being but by can could couldn d did didn do does
    doesn doing don for from get give got had hadn has hasn have haven having he her hers him his
    how i if in into is isn it its just let like ll m me mine more most my no nor not of on or our
    ours out over please re s said say shall she should shouldn so some such t tell than that the
    their theirs them then there these they this those to too us ve very was wasn we were weren what
    when where which while who whom whose why will with won would wouldn you your yours
    """.split()  # noqa: SIM905 - a list of so many is harder to read
)
"""English words that say nothing about what is looked for, and the pieces of "don't" and "I'll"."""

# Patterns are compiled when first needed: every command imports this module.
UNSPACED_CHARS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff"  # kana, Han, Hangul
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
UNSPACED = f"[{UNSPACED_CHARS}]+"
_JOINERS = dict.fromkeys([0xAD, 0x200C, 0x200D, 0x2060, 0xFEFF])
"""Characters that stand inside words and change nothing about them."""
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))
_MARK_BLOCKS = ((0x0300, 0x2000), (0x20D0, 0x2100), (0x2C00, 0x3100), (0xA000, 0xAC00),
                (0xFB00, 0xFE30), (0x10000, 0x12000), (0x16000, 0x17000), (0x1D100, 0x1F000))  # fmt: skip


@lru_cache(maxsize=1)
def _word_chars() -> str:
    """A character class of letters, digits and the marks that belong to them."""
    marks = "".join(
        chr(point)
        for first, end in _MARK_BLOCKS
        for point in range(first, end)
        if unicodedata.category(chr(point))[0] == "M"
    )
    return rf"(?:[^\W_]|[{marks}])"


def folded(text: str) -> str:
    """A text in the one form in which words are compared; its length may change."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKC", text.translate(_JOINERS)).casefold()
    bare = unicodedata.normalize("NFD", plain).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", bare).casefold()


def words(text: str) -> list[str]:
    """The folded words of a text in order; a run of a script without spaces is one word."""
    text = folded(text)
    if text.isascii():
        return re.findall("[a-z0-9]+", text)
    pieces = re.findall(rf"{_word_chars()}+", text)
    return [
        run
        for piece in pieces
        for run in re.findall(f"[{UNSPACED_CHARS}]+|[^{UNSPACED_CHARS}]+", piece)
    ]


def terms(text: str) -> list[str]:
    """The terms of a text in order, as often as they occur."""
    return [term for word in words(text) for term in _terms(word)]


def query_terms(query: str) -> list[str]:
    """The distinct terms to look for, in order; a single character stands for what begins with it.

    English stop words are left out where other words remain.
    """
    telling = search_words(query)
    found = dict.fromkeys(term for word in telling for term in _terms(word, query=True))
    return list(found)[:QUERY_TERMS]


def search_words(query: str) -> list[str]:
    """The distinct words of a query; English stop words are left out where other words remain."""
    distinct = list(dict.fromkeys(words(query)))
    telling = [word for word in distinct if word not in STOP_WORDS]
    return (telling or distinct)[:QUERY_TERMS]


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that puts no spaces between words."""
    return not word.isascii() and re.match(f"[{UNSPACED_CHARS}]", word) is not None


def word_places(text: str, looked_for: str, most: int) -> list[tuple[int, str]]:
    """Where words of a query begin in a text, and which terms they are, up to so many places."""
    wanted = frozenset(query_terms(looked_for))
    found: list[tuple[int, str]] = []
    if not wanted:
        return found
    for match in re.finditer(rf"{_word_chars()}+", text):
        place = match.start()
        held = _word_terms(match[0])
        for number, term in enumerate(held):
            beginning = next((w for w in (term, term[0]) if w in wanted), None)
            if beginning is not None:
                # In a script without spaces each term begins at a character of its own.
                found.append((place + number * (len(held) == len(match[0])), beginning))
        if len(found) >= most:
            break
    return found


@lru_cache(maxsize=_CACHED)
def _word_terms(word: str) -> tuple[str, ...]:
    return tuple(terms(word))


def unspaced(text: str) -> str | None:
    """The characters of scripts without spaces between words, with spaces; None without any."""
    runs = [] if text.isascii() else re.findall(f"[{UNSPACED_CHARS}]+", text)
    return "  ".join(" ".join(run) for run in runs) or None


def may_be_mistyped(term: str) -> bool:
    """Whether it is long enough, and of letters alone; numbers are never mistyped."""
    return len(term) >= 4 and term.isalpha() and not is_unspaced(term)  # noqa: PLR2004


def is_near(typed: str, word: str) -> bool:
    """Whether a letter too many, missing, wrong or swapped with the next makes the difference."""
    if abs(len(typed) - len(word)) > 1:
        return False
    first = 0
    while first < min(len(typed), len(word)) and typed[first] == word[first]:
        first += 1
    typed, word = typed[first:], word[first:]
    while typed and word and typed[-1] == word[-1]:
        typed, word = typed[:-1], word[:-1]
    return len(typed) <= 1 >= len(word) or (len(typed) == 2 and typed == word[::-1])  # noqa: PLR2004


@lru_cache(maxsize=_CACHED)
def _terms(word: str, *, query: bool = False) -> tuple[str, ...]:
    """Each character of a script without spaces begins one pair; the last one stands alone.

    A query of two characters and more does without that last one.
    """
    if word.isascii():
        return (stem(word[:TERM_CHARS]),)
    if not is_unspaced(word):
        return (word[:TERM_CHARS],)
    pairs = tuple(word[place : place + 2] for place in range(len(word)))
    return pairs[:-1] if query and len(pairs) > 1 else pairs


# The stemmer of Porter (1980), which is made for English.

_SECOND = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize",
    "bli": "ble", "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize",
    "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive", "fulness": "ful",
    "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_THIRD = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_FOURTH = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou",
    "ism", "ate", "iti", "ous", "ive", "ize",
)  # fmt: skip
_SHORT = 2


@lru_cache(maxsize=_CACHED)
def stem(word: str) -> str:
    """What the forms of an English word share; words with digits stay as they are."""
    if len(word) <= _SHORT or not word.isalpha():
        return word
    word = _past_and_plural(word)
    if word.endswith("y") and "v" in _shape(word[:-1]):
        word = f"{word[:-1]}i"
    for endings in (_SECOND, _THIRD):
        ending = _longest(word, endings)
        if ending and _measure(word.removesuffix(ending)) > 0:
            word = word.removesuffix(ending) + endings[ending]
    ending = _longest(word, _FOURTH)
    rest = word.removesuffix(ending)
    if ending and _measure(rest) > 1 and (ending != "ion" or rest.endswith(("s", "t"))):
        word = rest
    return _without_last_e(word)


def _past_and_plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    ending = _longest(word, ("ed", "ing"))
    rest = word.removesuffix(ending)
    if not ending or "v" not in _shape(rest):
        return word
    if rest.endswith(("at", "bl", "iz")) or (_measure(rest) == 1 and _is_short(rest)):
        return f"{rest}e"
    doubled = rest[-1] == rest[-2:-1] and rest[-1] not in "aeioulsz"
    return rest[:-1] if doubled else rest


def _without_last_e(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _is_short(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def _longest(word: str, endings: "dict[str, str] | tuple[str, ...]") -> str:
    return max((one for one in endings if word.endswith(one)), key=len, default="")


def _shape(word: str) -> str:
    """The word with v for each vowel and c for each consonant."""
    shape = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and shape.endswith("c"))
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    """How often consonants follow vowels."""
    return _shape(word).count("vc")


def _is_short(word: str) -> bool:
    return _shape(word).endswith("cvc") and word[-1] not in "wxy"
