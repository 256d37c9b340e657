"""Which words of a request to search are what is looked for.

Each word is weighed by itself and by the words around it; the run of words that together weigh
most is the keyword. Words that requests are made of are known by name, all others count alike.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate, pairwise, repeat
from operator import or_
from typing import NamedTuple

import msgspec

from genpy_server.core.patterns import PHRASES, lazy_pattern, lowered, written
from genpy_server.core.understanding.families import ROLES, family_of, folded
from genpy_server.core.understanding.linear import CACHED_WORDS, MARKS, ZERO, shipped
from genpy_server.core.understanding.names import parts, reach
from genpy_server.core.words import APART, ENDS, UNSPACED, UNSPACED_CHARS, has_content

MODEL = "keyword_model.json"
MOST_WORDS = 8
"""Words that a keyword has at most; of a script without spaces, `MOST_LETTERS` characters."""
MOST_LETTERS = 14
QUOTES = "\"'`\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb\u300c\u300d\u300e\u300f\u300a\u300b"
_QUOTE_MARKS = frozenset(QUOTES)
AROUND = QUOTES + " ?.!,;:\u3002\uff1f\uff01\uff0c\u3001\uff1a\u00bf\u00a1\u061f\u060c\u0964"
"""What a keyword neither begins nor ends with."""
OTHER = "<other>"
"""A word that is not known from the frames of requests."""
SEEN = "<seen>"
"""A word that is met there now and then."""
UNLIKELY = 30
"""The weight against an unknown word from which it does not belong to the keyword beside it."""
OWNED = 30
"""The same for one between an article or "my" and the keyword, as in "my checking account"."""
JOINED = 15
"""The same for one that "of" or "with" joins to the keyword."""
JOINED_NAME = 70
"""The same where the kind of thing is said before: "recipe for"."""
BEGINS = 40
"""The same for a letter of a script without spaces that the keyword may begin with."""
STAND_IN = 150
"""The weight against a pronoun, and against "make" in "how to make X"."""
CUT_OFF = 4
"""Letters that a Japanese word may have lost at its end."""

_THINGS = ("out", "chat", "msg", "word", "third", "stats", "long")
"""Roles of words that are often looked for, such as "session" or "email"."""
_QUOTED = lazy_pattern(
    rf"{APART}\"([^\"]{{1,80}})\"{ENDS}|{APART}'([^']{{1,80}})'{ENDS}|{APART}`([^`]{{1,80}})`{ENDS}"
    "|[\u201c\u201e]([^\u201c\u201d\u201e]{1,80})[\u201c\u201d]|(?<!\\w)\u2018([^\u2018\u2019]{1,80})\u2019(?!\\w)"
    "|\u00ab([^\u00ab\u00bb]{1,80})\u00bb|\u300c([^\u300d]{1,80})\u300d|\u300e([^\u300f]{1,80})\u300f|\u300a([^\u300b]{1,80})\u300b"
)
"""What stands between quotes; straight ones begin behind no letter or digit, as inch marks do."""
_WORD = lazy_pattern(
    rf"[{UNSPACED_CHARS}]|\b(?:[CDJLMNSTcdjlmnst]|[Qq][Uu])['\u2019](?=[^\W_])"
    rf"|[^\W_](?:[^\W_{UNSPACED_CHARS}]|[{MARKS}]|['\u2019+&#./_@:-](?=[^\W_])|(?<=\d),(?=\d))*[+#]*|[^\w\s]|_+"
)
_ARTICLES = lazy_pattern(r"(?:(?:the|an?|my|our|your)\s+)+(?=\S)", re.IGNORECASE)
_FOREIGN_ARTICLES = lazy_pattern(
    lambda: rf"(?:(?:{PHRASES.any_of('foreign articles')})\s+|l['\u2019])+(?=\S)", re.IGNORECASE
)
_FOR = lazy_pattern(r"^(?:f\u00fcr|for|para|pour|\u0434\u043b\u044f) (?=\S)")
"""What a keyword begins with after a word that is left out: "a recipe for X"."""
_LETTER = lazy_pattern(UNSPACED)
_ENDS_WITH = lazy_pattern(
    r"(?<=[\u4e00-\u9fff])(?![吗嘛呢吧么啊没了的过不])[\u4e00-\u9fff](?![\u4e00-\u9fff])"
)
"""A single Chinese character at the end of a message, behind the keyword, unless it is a particle."""
_SAID = lazy_pattern(lambda: PHRASES.any_of("unbounded sayings"))
_ASKS = lazy_pattern("(?<=[\u4e00-\u9fff]{2})[吗嘛呢吧么没不啦呀哈]+$")
"""Particles of Chinese questions, behind the keyword."""
_KANA = lazy_pattern("[\u3041-\u30ff]")
_SPOKEN_OF = lazy_pattern(
    lambda: (
        rf"(?:^|[\s、。？！?!,:])(?:{PHRASES.any_of('before a thing spoken of')}){{0,3}}"
        rf"([^\s、。？！?!,:「」]{{1,{MOST_LETTERS}}}?)({PHRASES.any_of('behind a thing spoken of')})"
    )
)
"""The thing that a Japanese clause is about, which may be written in the letters of particles: はがき."""
_OF = {"de", "du", "di", "d'", "d\u2019"}
_JOINED_ON = "\u0628\u0627\u0644"
"""Arabic "with the", which is written as the beginning of the next word."""
_HIRAGANA = lazy_pattern("[\u3041-\u309f]+")
_KATAKANA = lazy_pattern("[\u30a1-\u30ff]+")
_RUNS_ON = lazy_pattern("[\u4e00-\u9fff\u3005]+|[\u30a1-\u30ff]+")
"""Letters of one Japanese word: it changes from one of these scripts to the other at its ends."""
_ENGLISH = lazy_pattern(
    r"\b(?:did|do (?:i|we|you)|have|has|had|was|what|where|when|which|find|search|look|show|mention\w*|the|my|our)\b",
    re.IGNORECASE,
)
"""Words of English requests, where "die" and "la" are no articles."""


class Word(NamedTuple):
    """A word as written, and where it begins and ends."""

    text: str
    start: int
    end: int


class Tagger(NamedTuple):
    """The words of frames, and by kind of feature the weights of each for being looked for.

    There is a byte for each place where a feature stands beside the word that is weighed, `ZERO`
    above the weight there.
    """

    frame: frozenset[str]
    seen: frozenset[str]
    weights: dict[str, dict[str, bytes]]
    bias: float

    def kind(self, word: str) -> str:
        """The word itself when frames are made of it, else how well it is known."""
        low = word.lower()
        if low in self.frame or not low[0].isalnum():
            return low
        return SEEN if low in self.seen or _has_role(low) else OTHER

    def weigh(self, words: Sequence[Word], kinds: Sequence[str]) -> list[float]:
        """The weight of each word for being looked for."""
        number = len(words)
        columns = list[bytes]()
        for name, values in word_features(words, kinds).items():
            if any(values):
                places = len(values) - number + 1
                none = bytes((ZERO,)) * places
                rows = b"".join(map(self.weights[name].get, values, repeat(none)))
                for place in range(places):
                    first = place * places + place
                    columns.append(rows[first : first + number * places : places])
        zero = ZERO * len(columns)
        return [self.bias + total - zero for total in map(sum, zip(*columns, strict=True))]


def find_quoted(line: str) -> str:
    """What stands between quotes, in lower case; empty when nothing does, or more than a keyword."""
    quoted = None if _QUOTE_MARKS.isdisjoint(line) else _QUOTED.search(line)
    if quoted is None:
        return ""
    inside = next(group for group in quoted.groups() if group is not None)
    return inside.strip(AROUND).lower() if len(inside.split()) <= MOST_WORDS else ""


def find_keyword(line: str) -> str:
    """What a request looks for, in lower case, without articles; empty when nothing is."""
    if quoted := find_quoted(line):
        return quoted
    words = words_of(line)
    if not words:
        return ""
    model = tagger()
    texts = [word.text.lower() for word in words]
    meant = PHRASES.pairs("short for")
    kinds = [model.kind(meant.get(text, text)) for text in texts]
    weights = model.weigh(words, kinds)
    for at in _stand_ins(line, words, texts):
        kinds[at], weights[at] = words[at].text, -STAND_IN
    most = MOST_LETTERS if _LETTER.search(line) else MOST_WORDS
    asked = _Weighed(line, words, texts, kinds, weights, most)
    weight, first, last = _heaviest(weights, asked.most)
    if weight <= 0 and not {OTHER, SEEN}.intersection(kinds[first : last + 1]):
        return ""
    english = _ENGLISH.search(line) is not None
    first, last = _named(asked, *_widened(asked, first, last, english=english))
    start, end = words[first].start, words[last].end
    if most == MOST_LETTERS and _KANA.search(line):
        start, end = _spoken_of(line, start, end)
    found = line[start:end].strip(AROUND)
    if most == MOST_LETTERS:
        found = _ASKS.sub("", found)
    if not has_content(found):
        return ""
    return without_tags(without_article(_FOR.sub("", found), english=english).lower())


class _Weighed(NamedTuple):
    """The words of a line, in lower case, how well each is known, its weight, and the most of a keyword."""

    line: str
    words: Sequence[Word]
    texts: Sequence[str]
    kinds: Sequence[str]
    weights: Sequence[float]
    most: int


def _widened(asked: _Weighed, first: int, last: int, *, english: bool) -> tuple[int, int]:
    """The run with the words beside it that are part of it too."""
    line, words, _, kinds, weights, most = asked
    part = [
        weight > -UNLIKELY and (kind == OTHER or _LETTER.match(word.text) is not None)
        for word, kind, weight in zip(words, kinds, weights, strict=True)
    ]
    articles = _ARTICLES if english else _FOREIGN_ARTICLES
    for at, (word, after, weight) in enumerate(zip(words, words[1:], weights[1:], strict=False)):
        owner = articles.match(line, word.start) if weight > -OWNED else None
        part[at + 1] |= owner is not None and owner.end() == after.start
    while first and last - first + 1 < most and part[first - 1]:
        first -= 1
    while last + 1 < len(words) and last - first + 1 < most and part[last + 1]:
        last += 1
    before = words[first - 1].text if first and last - first + 1 < most else ""
    if (
        _LETTER.match(before)
        and weights[first - 1] > -BEGINS
        and family_of(before, ROLES) is None
        and not line.endswith(("我家", "你家", "咱家"), 0, words[first].start)  # only "my"
    ):
        first -= 1
    if not _KANA.search(line):
        return first, last + (_ENDS_WITH.match(line, words[last].end) is not None)
    while (
        first
        and last - first + 1 < most
        and _RUNS_ON.fullmatch(line[words[first - 1].start : words[first].end])
    ):
        first -= 1
    while (
        last + 1 < len(words)
        and last - first + 1 < most
        and _KATAKANA.fullmatch(line[words[last].start : words[last + 1].end])
    ):
        last += 1
    return first, last


def _named(asked: _Weighed, first: int, last: int) -> tuple[int, int]:
    """The run with what "of" or "with" joins to it; behind "recipe for" the name from its beginning."""
    words, texts, doubt = asked.words, asked.texts, JOINED
    of_kinds = written("kinds of things")
    if not of_kinds.isdisjoint(texts):
        kind = max(at for at, text in enumerate(texts) if text in of_kinds)
        name = reach(part for part in parts(lowered(asked.line)) if part.start >= words[kind].end)
        if name and words[first].start < name[1] and name[0] < words[last].end:
            doubt = JOINED_NAME
            first = min(first, next(at for at, word in enumerate(words) if word.end > name[0]))
    if first and texts[first] in _OF:
        first -= 1
    joins = written("joins a keyword")
    is_joined = texts[last] in joins
    for at in range(last + 1, min(first + asked.most, len(words))):
        text = texts[at]
        if text in joins:
            is_joined = True
        elif (
            (is_joined or text.startswith(_JOINED_ON))
            and asked.kinds[at] in (OTHER, SEEN)
            and asked.weights[at] > -doubt
        ):
            last, is_joined = at, False
        else:
            break
    return first, last


def _stand_ins(line: str, words: Sequence[Word], texts: Sequence[str]) -> list[int]:
    """The places of words that are never looked for: pronouns, polite ones, "make" in "how to make X"."""
    if not line.isascii() and (said := _SAID.search(line)):
        return [at for at, word in enumerate(words) if said.start() <= word.start < said.end()]
    sections = "never looked for", "makes a thing", "short with you"
    if written(*sections).isdisjoint(texts):
        return []
    never, verbs, short = map(written, sections)
    how, you = written("how to"), written("you")
    around = zip(["", *texts], texts, [*texts[1:], ""], strict=False)
    return [
        at
        for at, (before, text, after) in enumerate(around)
        if (text in never and not words[at].text.isupper())
        or (text in verbs and before in how)
        or (text in short and after in you)
    ]


def without_tags(found: str) -> str:
    """A keyword without what is said to the listener behind it: "rent bro"."""
    if " " not in found:
        return found
    tags, before_names = written("tags"), written("joins a keyword", "before a name")
    said = found.split(" ")
    while len(said) > 1 and said[-1] in tags and said[-2] not in before_names:
        said.pop()
    return " ".join(said)


def _spoken_of(line: str, start: int, end: int) -> tuple[int, int]:
    """Where a Japanese keyword begins and ends, with those of its letters that look like particles."""
    for thing in _SPOKEN_OF.finditer(line):
        if thing.start() <= start < thing.start(1) < end and not _HIRAGANA.match(thing[1]):
            start = thing.start(1)
        if thing.start(1) <= start < thing.end(1):
            while start > thing.start(1) and _HIRAGANA.fullmatch(line[start - 1 : start + 1]):
                start -= 1
            if thing.start() < thing.start(1) == start - 1:
                start -= 1
            cut_off = not thing[2].startswith("って") and end < thing.end(1) <= end + CUT_OFF
            if cut_off or thing.end(1) < end < thing.end(2):
                end = thing.end(1)
            break
    return start, end


def without_article(found: str, *, english: bool) -> str:
    """A keyword without the articles that it begins with."""
    articles = _ARTICLES if english else _FOREIGN_ARTICLES
    matched = articles.match(found)
    return found[matched.end() :] if matched else found


def words_of(line: str) -> list[Word]:
    """Words and signs; what joins letters, as in a file name, is part of its word.

    A character of a script without spaces is a word, and so is an elided article (l').
    """
    return [Word(found.group(), *found.span()) for found in _WORD.finditer(line)]


def word_features(words: Sequence[Word], kinds: Sequence[str]) -> dict[str, Sequence[str]]:
    """By kind of feature those that stand at the places of each word, empty where there is none.

    The places of the first word are as many as there are features more than words, and one; those
    of each other word begin one further. A word is told by the three kinds of words on either side,
    and by how it is written.
    """
    edged = ["^", "^", "^", *kinds, "$", "$", "$"]
    around = list(map(" ".join, zip(edged[2:-4], kinds, edged[4:-2], strict=True)))
    left, lefts = _known_before(kinds, "^")
    right, rights = (found[::-1] for found in _known_before(kinds[::-1], "$"))
    texts = [word.text for word in words]
    firsts = [text[0].isupper() for text in texts]
    signs = [
        _signs(text) if kind in (OTHER, SEEN) else ("", "", "")
        for text, kind in zip(texts, kinds, strict=True)
    ]
    families, ends, last_ends = zip(*signs, strict=True)
    colons = accumulate((kind == ":" for kind in kinds), or_, initial=False)
    return {
        "kind": edged, "pair": list(map(" ".join, pairwise(edged[1:-1]))), "around": around,
        "<": left, ">": right,
        "<<": lefts, ">>": rights, "<>": list(map(" ".join, zip(left, kinds, right, strict=True))),
        "capital": [
            kind if first and at else ""
            for at, (kind, first) in enumerate(zip(kinds, firsts, strict=True))
        ],
        "capitals": ["yes" if text.isupper() and len(text) > 1 else "" for text in texts],
        "digit": ["yes" if any(map(str.isdigit, text)) else "" for text in texts],
        "colon": [kind if seen else "" for kind, seen in zip(kinds, colons, strict=False)],
        "family": ("", *families, ""), "end": ("", *ends, ""), "ends": ("", *last_ends, ""),
    }  # fmt: skip


def _known_before(kinds: Sequence[str], edge: str) -> tuple[list[str], list[str]]:
    """For each word the last known kind before it, and that with the one before."""
    near, nearest, pairs = list[str](), edge, list[str]()
    pair = f"{edge} {edge}"
    for kind in kinds:
        near.append(nearest)
        pairs.append(pair)
        if kind != OTHER:
            pair, nearest = f"{nearest} {kind}", kind
    return near, pairs


@lru_cache(CACHED_WORDS)
def _has_role(low: str) -> bool:
    """Whether requests are made of a word, such as a verb of slang that training did not meet there."""
    return family_of(folded(low), ROLES) not in (None, *_THINGS)


@lru_cache(CACHED_WORDS)
def _signs(text: str) -> tuple[str, str, str]:
    """What a word that stands in no frame is told by: its family, and its last three and two letters."""
    low = folded(text)
    return str(family_of(low)), low[-3:], low[-2:]


def _heaviest(weights: list[float], most: int) -> tuple[float, int, int]:
    """The greatest sum of a run of at most `most` words, and its first and last place."""
    ends = [0.0, *accumulate(weights)]
    starts = [at for at, weight in enumerate(weights) if weight > 0] or range(len(weights))
    weight, first, last = max(
        (ends[last + 1] - ends[first], -first, last)
        for first in starts
        for last in range(first, min(len(weights), first + most))
    )
    return weight, -first, last


class _KeywordWeights(msgspec.Struct, frozen=True):
    """What the file holds."""

    frame: str
    seen: str
    bias: float
    weights: dict[str, dict[str, bytes]]


@cache
def tagger() -> Tagger:
    """The shipped weights, read when first asked for."""
    raw = shipped(MODEL, _KeywordWeights)
    return Tagger(frozenset(raw.frame.split()), frozenset(raw.seen.split()), raw.weights, raw.bias)
