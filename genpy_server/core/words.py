"""Splits text into words and terms, in the same way for storing and for searching.

A *word* is folded: compatibility forms are resolved, case is folded by Unicode's rules, accents are
dropped, other marks stay part of the word. A *term* is an entry of an index: the stem of an English
word, another word unchanged, and each overlapping pair of characters in a script without spaces
between words. An index also has *derived* terms, with the prefix `DERIVED`, of equivalent forms: with
the basic form of letters, digits and marks (a dotless i, vowel points, ue for ü), without the particles
that Arabic and Hebrew attach to a word, the beginning of a hash, the parts of a name in camel case
and of letters joined to digits (333m, v2), and the whole of what punctuation divides (e-mail, 1,000,
get_user_name).
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import groupby
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

QUERY_TERMS = 48
"""The most distinct terms of a query that are searched; a whole message may be the query."""
TERM_CHARS = 64
"""Longer terms are cut off: nobody types them, and they would fill the index."""
CUT: Final = 4
"""The version of the terms; if it is greater than that of an index, stores build the index again."""
DERIVED: Final = "\u2248"
"""The prefix of a derived term; no word contains this character."""
_CACHED = 1 << 13
_CACHED_CHARS = 16
"""Terms of longer pieces are not cached: they, such as sentences without spaces, seldom repeat."""
_CAMEL_PARTS = 8
"""The most parts that a name in camel case has, or one for each three letters of a longer one."""
_RUNS = 4
"""The most runs of letters and of digits in a word for them to be words, too; a hash has more."""
_HASH_CHARS = 7
"""The length of an abbreviated hash."""

STOP_WORDS = frozenset(
    """
    a about am an and any are aren arent as at be been being but by can cant could couldn couldnt d did
    didn didnt do does doesn doesnt doing don dont for from get give got had hadn hadnt has hasn hasnt
    have haven havent having he her hers him his how i if im in into is isn isnt it its ive just let
    lets like ll m me mine more most my no nor not of on or our ours out over please re s said say
    shall she should shouldn shouldnt so some such t tell than that thats the their theirs them then
    there these they theyre this those to too us ve very was wasn wasnt we were weren werent what whats
    when where which while who whom whos whose why will with won wont would wouldn wouldnt you your
    youre yours youve
    """.split()  # noqa: SIM905 - a list of so many is harder to read
)
"""English words that are too common to search for, and the pieces of "don't" and "I'll"."""

# Patterns are compiled when first needed: every command imports this module.
UNSPACED_CHARS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad"  # Thai, Lao, Burmese, Khmer
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff"  # kana, Han, Hangul
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
UNSPACED = f"[{UNSPACED_CHARS}]+"
APART = rf"(?:(?=[{UNSPACED_CHARS}])|(?<![^\W{UNSPACED_CHARS}]))"
ENDS = rf"(?:(?<=[{UNSPACED_CHARS}])|(?![^\W{UNSPACED_CHARS}]))"
"""Where a word of a script may begin and end: between spaces, or anywhere in one without spaces."""
_INVISIBLE = (
    "[\xad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e01ef]+"
)
"""Joiners, direction marks, soft line breaks and glyph variants, which are invisible in a word."""
_JOINED_ARABIC = "(?<=[\u0620-\u06ff])\u200c(?=[\u0620-\u06ff])"
"""A non-joiner inside a Persian word, which has the role of a hyphen."""
_SPACED_THOUSANDS = r"(?<=\d)[\xa0\u2009\u202f](?=\d{3}(?!\d))"
_APOSTROPHES = dict.fromkeys([0x02BB, 0x02BC], "'")
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))
_MARK_BLOCKS = ((0x0300, 0x2000), (0x20D0, 0x2100), (0x2C00, 0x3100), (0xA000, 0xAC00),
                (0xFB00, 0xFE30), (0x10000, 0x12000), (0x16000, 0x17000), (0x1D100, 0x1F000))  # fmt: skip
_POINTS = ((0x0591, 0x05C8), (0x0610, 0x061B), (0x064B, 0x0660), (0x0670, 0x0671),
           (0x06D6, 0x06EE), (0x0730, 0x074B), (0x08CA, 0x0900))  # fmt: skip
"""Optional vowels and signs of Hebrew, Arabic and Syriac."""
_SAME = {
    "\u0131": "i", "\u0237": "j", "\xf0": "d", "\xfe": "th", "\u014b": "n",
    "\xe6": "ae", "\u0153": "oe",
    # Arabic and Persian: tatweel, alef with hamza, ta marbuta, alef maqsura, the other yeh, kaf and heh
    "\u0640": "", "\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627", "\u0671": "\u0627",
    "\u0629": "\u0647", "\u06c0": "\u0647", "\u06c1": "\u0647", "\u0649": "\u064a",
    "\u06cc": "\u064a", "\u06d2": "\u064a", "\u06a9": "\u0643",
    # Devanagari: candrabindu as anusvara, letters without nukta; Bengali khanda ta
    "\u0901": "\u0902", "\u093c": "", "\u0929": "\u0928", "\u0931": "\u0930", "\u0934": "\u0933",
    "\u09ce": "\u09a4\u09cd",
    # Malayalam chillu letters
    "\u0d7a": "\u0d23\u0d4d", "\u0d7b": "\u0d28\u0d4d", "\u0d7c": "\u0d30\u0d4d",
    "\u0d7d": "\u0d32\u0d4d", "\u0d7e": "\u0d33\u0d4d", "\u0d7f": "\u0d15\u0d4d",
}  # fmt: skip
"""Letters that are variants of others: those of Lucene's normalizers of Arabic, Persian, Hindi and
Bengali, and Latin letters that Unicode does not decompose."""
_UMLAUTS = str.maketrans({"\xe4": "ae", "\xf6": "oe", "\xfc": "ue"})
_PARTICLES = (
    # Arabic: and, then; with, like, for; the (of which "for the" drops a letter)
    r"(\u0648(?=...)|\u0641(?=.{4}))?([\u0628\u0643\u0644](?=.{4}|\u0644..))?(\u0627\u0644(?=..)|(?<=\u0644)\u0644(?=..))?",
    # Hebrew: and; that, when, since; in, like, for, from; the
    r"(\u05d5(?=...))?((?:[\u05db\u05de]?|\u05dc\u05db)\u05e9(?=...))?([\u05d1\u05db\u05dc\u05de](?=...))?(\u05d4(?=...))?",
)
"""Particles that are attached to the next word, if what remains is long enough to be a word."""
_DEAD_N = "\u0928\u094d"
_ANUSVARA = "\u0902"
_PARTING = "'\u2018\u2019\"&._\\-\u2010\u2011\xb7\u05f3\u05f4"
"""Characters inside one word: apostrophes, ampersands, hyphens, points."""
_ELISION = "['\u2018\u2019]"
_POSSESSIVE = f"{_ELISION}[sS]$"
_AMPERSAND = rf"(?<![^{_PARTING}])[^{_PARTING}]++(?:&[^{_PARTING}]++)+"
"""A name such as AT&T within a longer piece; each character of a long word is read once."""
_HIRAGANA = {point: point - 0x60 for point in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
"""The hiragana of each letter of katakana."""
_GROUPED = r"(\d{1,3}(?:[.,'\u2019\u066c]\d{2,3})*[.,'\u2019\u066c]\d{3})(?![^\W_])"
"""A number with thousands separators."""


class _Variants(dict[int, str]):
    """The basic form of each folded character, mostly itself; computed at first use."""

    def __missing__(self, point: int) -> str:
        char = chr(point)
        self[point] = same = _SAME.get(char, _plain_letter(char))
        return same


def _plain_letter(char: str) -> str:
    if any(first <= ord(char) < end for first, end in _POINTS):
        return char if char.isalpha() else ""
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    name = unicodedata.name(char, "")
    letter, _, sign = name.removeprefix("LATIN SMALL LETTER ").partition(" WITH ")
    return letter.lower() if sign and len(letter) == 1 else char


_VARIANTS = _Variants()


class QueryTerm(NamedTuple):
    """A term of a query: its key, and the forms in which an index may have it.

    The first form is the one in the query. A single character of a script without spaces matches
    all pairs that begin with it.
    """

    key: str
    forms: tuple[str, ...]

    @property
    def is_beginning(self) -> bool:
        """Whether it matches all pairs that begin with it."""
        return len(self.key) == 1 and is_unspaced(self.key)


class QueryWord(NamedTuple):
    """A word of a query with the ways to write it; a way matches if all its terms do.

    The first way is the one in the query.
    """

    ways: tuple[tuple[QueryTerm, ...], ...]

    def is_held(self, forms: Container[str]) -> bool:
        """Whether a text with these forms has the word, written in any way."""
        return any(
            all(any(form in forms for form in term.forms) for term in way) for way in self.ways
        )


def _plain(text: str) -> str:
    """The text without compatibility forms and invisible characters; its case is kept."""
    if text.isascii():
        return text
    text = re.sub(_JOINED_ARABIC, "-", re.sub(_SPACED_THOUSANDS, ",", text))
    text = re.sub(_INVISIBLE, "", text).replace("\u2122", " ").replace("\u2120", " ")
    return unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)


def _folded(plain: str) -> str:
    """A word in the form in which words are compared; its length may change."""
    if plain.isascii():
        return plain.lower()
    bare = unicodedata.normalize("NFD", plain.casefold()).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", bare).casefold()


def _variants(written: str) -> tuple[str, ...]:
    """The term of a word, and the terms of its equivalent forms."""
    word = _folded(written)
    key = _key(word)
    found = [word, key]
    if written.isascii():
        if len(word) > _HASH_CHARS and re.fullmatch("(?=.*[0-9])(?=.*[a-f])[0-9a-f]+", word):
            found.append(word[:_HASH_CHARS])
    else:
        found.append(_folded(unicodedata.normalize("NFC", written).casefold().translate(_UMLAUTS)))
        found += _without_particles(key)
    return tuple(dict.fromkeys(_term(one) for one in found if one))


def _without_particles(key: str) -> list[str]:
    """An Arabic or Hebrew word without each of the particles that it may begin with."""
    return [
        key[found.end(group) :]
        for particles in _PARTICLES
        if (found := re.match(particles, key))
        for group in range(1, len(found.groups()) + 1)
        if found[group]
    ]


def _key(word: str) -> str:
    """A folded word with every letter, digit and mark in its basic form."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFKC", word.translate(_VARIANTS)).replace(_DEAD_N, _ANUSVARA)


@lru_cache(maxsize=1)
def _word_chars() -> str:
    """A character class of letters, digits and combining marks."""
    marks = [
        point
        for first, end in _MARK_BLOCKS
        for point in range(first, end)
        if unicodedata.category(chr(point))[0] == "M"
    ]
    # As ranges `re` compiles them in half the time, and matches them in a third of it.
    runs = ([*run] for _, run in groupby(enumerate(marks), lambda mark: mark[1] - mark[0]))
    ranges = "".join(f"{chr(run[0][1])}-{chr(run[-1][1])}" for run in runs)
    return rf"(?:[^\W_]|[{ranges}])"


@cache
def _patterns(is_ascii: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:  # noqa: FBT001 - a key
    """The patterns of pieces, which may have punctuation inside, and of the words of a piece."""
    one = "[A-Za-z0-9]+" if is_ascii else f"{_word_chars()}+"
    pieces = rf"{one}(?:(?:[{_PARTING}]|_+|(?<=\d)[,\u066b\u066c](?=\d)){one})*"
    return re.compile(pieces), re.compile(one)


def _cached(cut: Callable[[str], T]) -> Callable[[str], T]:
    """Cache the results of a function for short pieces."""
    cached = lru_cache(maxsize=_CACHED)(cut)

    def call(piece: str) -> T:
        return cached(piece) if len(piece) <= _CACHED_CHARS else cut(piece)

    return call


def _pieces(plain: str) -> Iterator[tuple[int, str]]:
    """The pieces of a text, with their places; they are divided by spaces and other punctuation.

    Each is either of scripts with spaces between words, or of scripts without.
    """
    for found in _patterns(plain.isascii())[0].finditer(plain):
        piece = found[0]
        if piece.isascii():
            yield found.start(), piece
            continue
        for run in re.finditer(f"[{UNSPACED_CHARS}]+|[^{UNSPACED_CHARS}]+", piece):
            yield found.start() + run.start(), run[0]


@_cached
def _piece_words(piece: str) -> tuple[tuple[int, str], ...]:
    """The words of a piece as written, with their places."""
    found = _patterns(piece.isascii())[1].finditer(piece)
    return tuple((word.start(), word[0]) for word in found if _folded(word[0]))


def words(text: str) -> list[str]:
    """The folded words of a text in order; a run of a script without spaces is one word."""
    return [
        _folded(written) for _, piece in _pieces(_plain(text)) for _, written in _piece_words(piece)
    ]


def cut_at_known(all_words: Iterable[str], known: Container[str]) -> set[str]:
    """These words; where no spaces are between words, the known ones and what is left."""
    found = set[str]()
    for word in all_words:
        if not is_unspaced(word):
            found.add(word)
            continue
        at = 0
        while at < len(word):
            ends = (end for end in range(len(word), at, -1) if word[at:end] in known)
            end = next(ends, len(word))
            found.add(word[at:end])
            at = end
    return found


def terms(text: str) -> list[str]:
    """All terms of a text in order, those of each piece followed by their derived terms."""
    return [term for _, piece in _pieces(_plain(text)) for _, term in _piece_terms(piece)]


def _piece_terms(piece: str) -> tuple[tuple[int, str], ...]:
    """The terms of a piece of text, with their places in it."""
    if piece.isdecimal() and piece.isascii():  # nothing derives from it, and few numbers come again
        return ((0, piece[:TERM_CHARS]),)
    return _cut_terms(piece)


def _is_plain(piece: str) -> bool:
    """Whether a piece is one word of Latin letters without a capital inside, as most are."""
    return piece.isalpha() and piece.isascii() and piece[1:].islower()


@_cached
def _cut_terms(piece: str) -> tuple[tuple[int, str], ...]:
    if _is_plain(piece):
        return ((0, _term(piece.lower())),)
    found: list[tuple[int, str]] = []
    derived: list[tuple[int, str]] = []
    for start, written in _piece_words(piece):
        word = _folded(written)
        if is_unspaced(word):
            apart = len(word) == len(written)
            pairs = [(start + place * apart, word[place : place + 2]) for place in range(len(word))]
            found += pairs
            derived += [(at, pair.translate(_HIRAGANA)) for at, pair in pairs]
            derived += [(start, _key(digits)) for digits in re.findall(r"\d+", word)]
            continue
        term, *others = _variants(written)
        found.append((start, term))
        derived += [(start, other) for other in others]
        derived += [(start + at, _term(_key(_folded(part)))) for at, part in _parts(written)]
    for run in (piece, *re.findall(_AMPERSAND, piece)):
        whole = _joined(run)
        if whole is not None:
            derived.append((0, _term(_key(whole))))
    held = {term for _, term in found}
    for place, key in derived:
        if key and key not in held:
            held.add(key)
            found.append((place, DERIVED + key))
    return tuple(found)


def _parts(written: str) -> list[tuple[int, str]]:
    """The parts of a word in camel case or of letters and digits, with their places; else none."""
    if (written.isalpha() and written[1:].islower()) or len(written) > TERM_CHARS:
        return []
    shape = "".join(
        "A" if char.isupper() else "0" if char.isdecimal() else "s" if char == "s" else "a"
        for char in written
    )
    if len({*shape.replace("s", "a")}) == 1:
        return []
    camel = _matches("A{2,}s(?![as])0*|A+(?![as])0*|A?[as]+0*|0+", shape, written)
    if "A" not in shape or len(camel) > max(_CAMEL_PARTS, len(written) // 3):
        camel = []
    parts = [(at, part) for at, part in camel if 1 < len(part) < len(written)]
    runs = _matches("0+|[^0]+", shape, written)
    if 1 < len(runs) <= _RUNS:
        parts += runs
        parts += [
            (at + start, run)
            for at, part in parts
            for start, run in _matches(r"\d+|\D+", part, part)
            if len(run) < len(part)
        ]
    return [*dict.fromkeys(parts)]


def _matches(pattern: str, shape: str, written: str) -> list[tuple[int, str]]:
    return [
        (found.start(), written[found.start() : found.end()])
        for found in re.finditer(pattern, shape)
    ]


def _joined(piece: str) -> str | None:
    """A piece without its punctuation, such as "email" for "e-mail"; None if that is not a word."""
    parts = [_folded(written) for _, written in _piece_words(piece)]
    if len(parts) <= 1:
        return None
    joined = "".join(parts)
    if joined.isdecimal() and re.search(r"[.,\u066b\u066c]", piece):
        number = re.match(_GROUPED, piece)
        return re.sub(r"\D", "", number[1]) if number else None
    if re.search(_ELISION, piece) and STOP_WORDS.issuperset(parts) and joined not in STOP_WORDS:
        return None  # "I'll" is not "ill"
    return joined


def query_words(query: str) -> list[QueryWord]:
    """The distinct words of a query; English stop words are left out unless there is nothing else."""
    pieces = dict.fromkeys(piece for _, piece in _pieces(_plain(query)))
    asked = [one for piece in pieces for one in _piece_query(piece)]
    content_words = [word for word, is_stop_word in asked if not is_stop_word]
    found: list[QueryWord] = []
    terms_so_far: set[QueryTerm] = set()
    for word in dict.fromkeys(content_words or [word for word, _ in asked]):
        new = [term for way in word.ways for term in way if term not in terms_so_far]
        room = QUERY_TERMS - len(terms_so_far)
        if len(new) > room:
            if room:
                found.append(QueryWord((word.ways[0][:room],)))
            break
        terms_so_far.update(new)
        found.append(word)
    return found


@_cached
def _piece_query(piece: str) -> Sequence[tuple[QueryWord, bool]]:
    """The query words of a piece, each with whether it is a stop word."""
    if _is_plain(piece):
        word = piece.lower()
        term = _term(word)
        return ((QueryWord(((QueryTerm(term, (term, DERIVED + term)),),)), word in STOP_WORDS),)
    if "&" in piece:
        piece = re.sub(_POSSESSIVE, "", piece)
    parts = [written for _, written in _piece_words(piece)]
    joined = _joined(piece)
    if joined is None:
        return [one for part in parts for one in _part_query(part)]
    content_parts = [part for part in parts if _folded(part) not in STOP_WORDS]
    # Stop words beside an apostrophe are left out; with other punctuation, all parts count.
    elided = re.search(_ELISION, piece) is not None
    way = tuple(map(_query_term, content_parts if content_parts and elided else parts))
    whole = QueryTerm(
        _term(_key(joined)), tuple(dict.fromkeys((_term(joined), _term(_key(joined)))))
    )
    numbers = [re.sub(r"^[vV](?=\d)", "", parts[0]), *parts[1:]]  # of a version
    apart = [run for part in numbers for run in _apart(part) or [part]]
    ways = (way, (whole,), tuple(map(_query_term, apart)))
    if not content_parts and "&" in piece:  # AT&T: other texts have these stop words, too
        return [(QueryWord(((_query_term(joined),),)), False)]
    return [(QueryWord(tuple(dict.fromkeys(ways))), not content_parts)]


def _apart(written: str) -> list[str]:
    """The parts of a word that may also be written with spaces between them; mostly none."""
    found = [""]
    for at, part in sorted(_parts(written), key=lambda part: (part[0], len(part[1]))):
        is_unit = found[-1].isdecimal()
        if at == sum(map(len, found)) and (len(part) > 1 or part.isdecimal() or is_unit):
            found.append(part)
    return found[1:] if "".join(found) == written else []


def _part_query(written: str) -> list[tuple[QueryWord, bool]]:
    word = _folded(written)
    if not is_unspaced(word):
        ways: list[tuple[QueryTerm, ...]] = [(_query_term(written),)]
        if apart := _apart(written):
            ways.append(tuple(map(_query_term, apart)))
        return [(QueryWord(tuple(ways)), word in STOP_WORDS)]
    found = []
    for run in re.findall(r"\d+|\D+", word):
        pairs = [run[place : place + 2] for place in range(max(len(run) - 1, 1))]
        ways = [tuple(map(_pair_term, pairs))]
        if run.isdecimal():
            ways.append((_query_term(_key(run)),))
        found.append((QueryWord(tuple(ways)), False))
    return found


def _pair_term(pair: str) -> QueryTerm:
    """The term of two characters without spaces, in katakana or hiragana, or of a single one as it is."""
    key = pair if len(pair) == 1 else pair.translate(_HIRAGANA)
    others = () if len(pair) == 1 else (key, DERIVED + key)
    return QueryTerm(key, tuple(dict.fromkeys((pair, *others))))


def _query_term(written: str) -> QueryTerm:
    word = _folded(written)
    variants = _variants(written)
    derived = (DERIVED + variant for variant in variants)
    return QueryTerm(_term(_key(word)) or _term(word), (*variants, *derived))


def has_content(text: str) -> bool:
    """Whether any word of a text is more than an English stop word."""
    pieces = dict.fromkeys(piece for _, piece in _pieces(_plain(text)))
    return any(not is_stop_word for piece in pieces for _, is_stop_word in _piece_query(piece))


def search_words(query: str) -> list[str]:
    """The distinct folded words of a query; stop words are left out unless there is nothing else."""
    distinct = list(dict.fromkeys(words(query)))
    content_words = [word for word in distinct if word not in STOP_WORDS]
    return (content_words or distinct)[:QUERY_TERMS]


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script without spaces between words."""
    return not word.isascii() and re.match(f"[{UNSPACED_CHARS}]", word) is not None


class WordPlaces(dict[str, list[tuple[int, str]]]):
    """Finds the words of a query in texts, each different piece between spaces of which is cut once.

    The items are the places in a piece and the forms there. At most about `most` places are found
    in a text.
    """

    def __init__(self, looked_for: str, most: int = sys.maxsize) -> None:
        super().__init__()
        self.words = query_words(looked_for)
        self._most = most
        asked = {term for word in self.words for way in word.ways for term in way}
        self._keys = {form: term.key for term in asked for form in term.forms}
        self._singles = {term.key for term in asked if term.is_beginning}
        forms = {form.removeprefix(DERIVED) for form in self._keys}
        self._beginnings = tuple({form[:-1] or form for form in forms})
        """A stem is the beginning of its word up to the last letter, which may be another."""

    def find(self, text: str) -> list[tuple[int, str]]:
        """The places of the words in a text, with the keys of their terms."""
        found: list[tuple[int, str]] = []
        at = 0
        for token in text.split(" ") if self._keys else ():
            if held := self[token]:
                found += [(at + place, self._keys[form]) for place, form in held]
                if len(found) >= self._most:
                    break
            at += len(token) + 1
        return found

    def held_in(self, text: str) -> int:
        """How many of the words are in a text, in any form that a search finds."""
        held = {form for token in {*text.split()} for _, form in self[token]}
        held |= {form[0] for form in held} & self._singles
        return sum(word.is_held(held) for word in self.words)

    def __missing__(self, token: str) -> list[tuple[int, str]]:
        self[token] = found = []
        for place, piece in () if self._is_other(token) else _pieces(token):
            plain = "" if self._is_other(piece) else _plain(piece)
            for start, term in _piece_terms(plain) if plain else ():
                form = term if term in self._keys else term[0]
                if term in self._keys or form in self._singles:
                    found.append((place + start * (len(plain) == len(piece)), form))
            if len(found) >= self._most:
                break
        return found

    def _is_other(self, piece: str) -> bool:
        """Whether a piece is a plain word, whose term begins as it does, and begins otherwise."""
        return _is_plain(piece) and not piece.lower().startswith(self._beginnings)


def unspaced(text: str) -> str | None:
    """The characters of scripts without spaces, separated by spaces; None if a text has none."""
    runs = [] if text.isascii() else re.findall(f"[{UNSPACED_CHARS}]+", text)
    return "  ".join(" ".join(run) for run in runs) or None


def may_be_mistyped(term: str) -> bool:
    """Whether a term is long enough and has no digits; spellings of numbers are not corrected."""
    has_digits = any(map(str.isnumeric, term))
    return len(term) >= 4 and not has_digits and not is_unspaced(term)  # noqa: PLR2004 - letters


def is_near(typed: str, word: str) -> bool:
    """Whether the words differ in one letter: added, missing, replaced, or swapped with the next."""
    if abs(len(typed) - len(word)) > 1:
        return False
    first = 0
    while first < min(len(typed), len(word)) and typed[first] == word[first]:
        first += 1
    typed, word = typed[first:], word[first:]
    while typed and word and typed[-1] == word[-1]:
        typed, word = typed[:-1], word[:-1]
    return len(typed) <= 1 >= len(word) or (len(typed) == 2 and typed == word[::-1])  # noqa: PLR2004 - letters


def is_begun(typed: str, word: str) -> bool:
    """Whether `word` is a longer form or a compound of `typed`, which must be long enough."""
    return len(typed) >= 5 and word.startswith(typed)  # noqa: PLR2004 - letters


def _term(word: str) -> str:
    """The term of a folded word of a script with spaces."""
    word = word[:TERM_CHARS]
    return stem(word) if word.isascii() else word


# Porter's stemmer for English (1980)

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
_ENDINGS = ((tuple(_SECOND), _SECOND), (tuple(_THIRD), _THIRD))
_SHORT = 2


@lru_cache(maxsize=_CACHED)
def stem(word: str) -> str:
    """The stem that the forms of an English word share; words with digits are not changed."""
    if len(word) <= _SHORT or not word.isalpha():
        return word
    word = _past_and_plural(word)
    if word.endswith("y") and "v" in _shape(word[:-1]):
        word = f"{word[:-1]}i"
    for listed, endings in _ENDINGS:
        ending = _longest(word, listed)
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


def _longest(word: str, endings: tuple[str, ...]) -> str:
    if not word.endswith(endings):
        return ""
    return max((one for one in endings if word.endswith(one)), key=len)


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
