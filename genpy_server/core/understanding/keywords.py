"""Which words of a request to search are what is looked for.

Each word is weighed by itself and by the words around it; the run of words that together weigh
most is the keyword. Words that requests are made of are known by name, all others count alike.
"""

import re
from functools import cache, lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.understanding.families import family_of, folded
from genpy_server.core.understanding.linear import CACHED_WORDS, MARKS, shipped
from genpy_server.core.words import UNSPACED, has_content

MODEL = "keyword_model.json"
MOST_WORDS = 8
"""Words that a keyword has at most; of a script without spaces, `MOST_LETTERS` characters."""
MOST_LETTERS = 14
QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u300c\u300d\u300e\u300f\u300a\u300b"
AROUND = QUOTES + " ?.!,;:\u3002\uff1f\uff01\uff0c\u3001\uff1a\u00bf\u00a1\u061f\u060c\u0964"
"""What a keyword neither begins nor ends with."""
OTHER = "<other>"
"""A word that is not known from the frames of requests."""
SEEN = "<seen>"
"""A word that is met there now and then."""
UNLIKELY = 30
"""The weight against an unknown word from which it does not belong to the keyword beside it."""

_LETTER = f"(?-i:{UNSPACED.removesuffix('+')})"  # they have no case, which takes `re` long to find
_APART = rf"(?<!(?!{_LETTER})\w)"
_ENDS = rf"(?!(?!{_LETTER})\w)"
"""Not behind or before a letter or digit of a script that has spaces between words."""
_QUOTED = lazy_pattern(
    rf"{_APART}\"([^\"]{{1,80}})\"{_ENDS}|{_APART}'([^']{{1,80}})'{_ENDS}|{_APART}`([^`]{{1,80}})`{_ENDS}"
    "|[\u201c\u201e]([^\u201c\u201d\u201e]{1,80})[\u201c\u201d]|(?<!\\w)\u2018([^\u2018\u2019]{1,80})\u2019(?!\\w)"
    "|\u00ab([^\u00ab\u00bb]{1,80})\u00bb|\u300c([^\u300d]{1,80})\u300d|\u300e([^\u300f]{1,80})\u300f|\u300a([^\u300b]{1,80})\u300b"
)
"""What stands between quotes; straight ones begin behind no letter or digit, as inch marks do."""
_WORD = lazy_pattern(
    rf"{_LETTER}|(?:\b(?:[cdjlmnst]|qu)['\u2019](?=[^\W_]))"
    rf"|[^\W_](?:(?!{_LETTER})(?:[^\W_]|[{MARKS}]|['\u2019+&#./_@:-](?=[^\W_])|(?<=\d),(?=\d)))*[+#]*|[^\w\s]|_+",
    re.IGNORECASE,
)
_ARTICLES = lazy_pattern(r"(?:(?:the|an?|my|our|your)\s+)+(?=\S)", re.IGNORECASE)
_FOREIGN_ARTICLES = lazy_pattern(
    r"(?:(?:der|die|das|den|dem|des|einen?|eine[mr]?|mein(?:e[mnr]?)?|unser(?:e[mnr]?)?"
    r"|le|la|les|une?|du|des|mon|ma|mes|notre|nos|el|los|las|un[ao]?|mis?|nuestr[ao]s?"
    r"|os?|as?|um|uma|meus?|minhas?|noss[ao]s?)\s+|l['\u2019])+(?=\S)",
    re.IGNORECASE,
)
_KANA = lazy_pattern("[\u3041-\u30ff]")
_RUNS_ON = lazy_pattern("[\u4e00-\u9fff\u3005]+|[\u30a1-\u30ff]+")
"""Letters of one Japanese word: it changes from one of these scripts to the other at its ends."""
_ENGLISH = lazy_pattern(
    r"\b(?:did|do|have|has|had|was|what|where|when|which|find|search|look|show|mention\w*|the|my|our)\b",
    re.IGNORECASE,
)
"""Words of English requests, where "die" and "la" are no articles."""


class Word(NamedTuple):
    """A word as written, and where it begins and ends."""

    text: str
    start: int
    end: int


class Tagger(NamedTuple):
    """The words of frames, and the weight of every feature of a word for being looked for."""

    frame: frozenset[str]
    seen: frozenset[str]
    weights: dict[str, int]
    bias: float

    def kind(self, word: str) -> str:
        """The word itself when frames are made of it, else how well it is known."""
        low = word.lower()
        if low in self.frame or not low[0].isalnum():
            return low
        return SEEN if low in self.seen else OTHER


def find_keyword(line: str) -> str:
    """What a request looks for, in lower case, without articles; empty when nothing is."""
    quoted = _QUOTED.search(line)
    if quoted is not None:
        inside = next(group for group in quoted.groups() if group is not None)
        if len(inside.split()) <= MOST_WORDS and inside.strip(AROUND):
            return inside.strip(AROUND).lower()
    words = words_of(line)
    if not words:
        return ""
    model = tagger()
    kinds = [model.kind(word.text) for word in words]
    weights = [
        model.bias + sum(model.weights.get(name, 0) for name in word_features(words, kinds, at))
        for at in range(len(words))
    ]
    most = MOST_LETTERS if any(_is_letter(word.text) for word in words) else MOST_WORDS
    weight, first, last = _heaviest(weights, most)
    if weight <= 0 and not {OTHER, SEEN}.intersection(kinds[first : last + 1]):
        return ""
    part = [
        kind == OTHER and weight > -UNLIKELY for kind, weight in zip(kinds, weights, strict=True)
    ]
    while first and part[first - 1] and last - first + 1 < most:
        first -= 1
    while last + 1 < len(words) and part[last + 1] and last - first + 1 < most:
        last += 1
    if _KANA.search(line):
        while (
            first
            and last - first + 1 < most
            and _RUNS_ON.fullmatch(line[words[first - 1].start : words[first].end])
        ):
            first -= 1
    found = line[words[first].start : words[last].end].strip(AROUND)
    if not has_content(found):
        return ""
    return without_article(found, english=_ENGLISH.search(line) is not None).lower()


def without_article(found: str, *, english: bool) -> str:
    """A keyword without the articles that it begins with."""
    articles = _ARTICLES if english else _FOREIGN_ARTICLES
    matched = articles.match(found)
    return found[matched.end() :] if matched else found


def _is_letter(word: str) -> bool:
    """Whether this is one character of a script without spaces between words."""
    return len(word) == 1 and re.fullmatch(UNSPACED, word) is not None


def words_of(line: str) -> list[Word]:
    """Words and signs; what joins letters, as in a file name, is part of its word.

    A character of a script without spaces is a word, and so is an elided article (l').
    """
    return [Word(found.group(), *found.span()) for found in _WORD.finditer(line)]


def word_features(words: list[Word], kinds: list[str], at: int) -> list[str]:
    """What a word is told by: the three kinds on either side, and how it is written."""
    edged = ["^", "^", "^", *kinds, "$", "$", "$"]
    third, second, before, me, after, next_, last = edged[at : at + 7]
    left, far_left, *_ = *(kind for kind in reversed(kinds[:at]) if kind != OTHER), "^", "^"
    right, far_right, *_ = *(kind for kind in kinds[at + 1 :] if kind != OTHER), "$", "$"
    text = words[at].text
    found = [
        f"0 {me}", f"-1 {before}", f"-2 {second}", f"-3 {third}", f"+1 {after}", f"+2 {next_}",
        f"+3 {last}", f"-2-1 {second} {before}", f"+1+2 {after} {next_}", f"-1+0 {before} {me}",
        f"+0+1 {me} {after}", f"-1+1 {before} {me} {after}", f"-3-1 {third} {second} {before}",
        f"+1+3 {after} {next_} {last}", f"-2+0 {second} {before} {me}",
        f"+0+2 {me} {after} {next_}", f"< {left}", f"> {right}",
        f"<< {far_left} {left}", f">> {right} {far_right}", f"<> {left} {me} {right}",
    ]  # fmt: skip
    if at and text[0].isupper():
        found.append(f"capital {me}")
    if text.isupper() and len(text) > 1:
        found.append("capitals")
    if any(map(str.isdigit, text)):
        found.append("digit")
    if me in (OTHER, SEEN):
        found += _signs("0", text)
    for side, near in (("-1", at - 1), ("+1", at + 1)):
        if 0 <= near < len(words) and kinds[near] in (OTHER, SEEN):
            found += _signs(side, words[near].text)
    if ":" in kinds[:at]:
        found.append(f"colon {me}")
    return found


@lru_cache(CACHED_WORDS)
def _signs(side: str, text: str) -> tuple[str, ...]:
    """The features of a word that stands in no frame: its family and its ending."""
    low = folded(text)
    return f"{side} family {family_of(low)}", f"{side} end {low[-3:]}", f"{side} end {low[-2:]}"


def _heaviest(weights: list[float], most: int) -> tuple[float, int, int]:
    """The greatest sum of a run of at most `most` words, and its first and last place."""
    ends = [0.0, *accumulate(weights)]
    weight, first, last = max(
        (ends[last + 1] - ends[first], -first, last)
        for first in range(len(weights))
        for last in range(first, min(len(weights), first + most))
    )
    return weight, -first, last


class _KeywordWeights(msgspec.Struct, frozen=True):
    """What the file holds."""

    frame: str
    seen: str
    bias: float
    weights: dict[str, int]


@cache
def tagger() -> Tagger:
    """The shipped weights, read when first asked for."""
    raw = shipped(MODEL, _KeywordWeights)
    return Tagger(frozenset(raw.frame.split()), frozenset(raw.seen.split()), raw.weights, raw.bias)
