"""Linear models over words, families of words and character n-grams, scored in plain Python."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from heapq import nsmallest
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.understanding.families import family_of, folded, parts_of
from genpy_server.core.words import UNSPACED

T = TypeVar("T")

LOOKED_AT = 600
"""Characters that are read: the beginning and the end of a longer message."""
PASTED = 1200
"""Characters from which a message with lines has something pasted, which says less than what is asked."""
PASTED_READ = 90
"""Characters that are read at an end of it, or the whole line there."""
FIRST_WORDS, LAST_WORDS = 36, 24
"""Words and signs that are read of a longer message, at its beginning and at its end."""
MOST_WORDS = FIRST_WORDS + LAST_WORDS
LONG = 14
"""Words and signs above which a word also counts by standing at the beginning or at the end."""
OPENING, CLOSING = 6, 4
LETTERED = 24
"""Words at the beginning, and as many at the end, whose runs of letters are read."""
SHORT = 3
CACHED_WORDS = 4_096
"""Words whose letters and families are cached, since most messages are made of the same."""
GROUPED_BY = 3
"""The first characters of features that are decoded together."""
ZERO = 128
"""The byte of a weight that is 0."""
CACHED_MESSAGES = 16
"""Messages whose features are cached: two models score each, in two threads."""

MARKS = "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0980-\u0dff\u200c\u200d"
"""Vowel signs of Indic scripts, which stand inside words and count as no letters in Python."""
WORD = lazy_pattern(
    rf"[^\W\d_](?:[^\W_]|['+#.{MARKS}-])*(?:[^\W_]|[+#{MARKS}])|[^\W\d_]|[^\w\s]+|[0-9]+"
)
_ENDINGS = ("ing", "ed", "ly", "tion", "er", "s")
_PICTURES = "\u2190"
"""Arrows, dingbats and emoji begin here, behind letters and common punctuation."""
_UNSPACED_FROM = "\u0e00"
"""Scripts without spaces between words begin here; two of their letters say what five of ours do."""
_RUN = lazy_pattern(UNSPACED)


class Features(NamedTuple):
    """The features of a message in groups, each normalised by its own size."""

    words: list[str]
    letters: list[str]
    roles: Sequence[str] = ()


class Scored(NamedTuple):
    """The most probable label, the probability of each, and the words that were weighed.

    `known` is the share of known n-grams, 0 to 1; `totals` are the sums of the weights by label.
    """

    label: str
    probabilities: dict[str, float]
    known: float
    words: list[str]
    totals: Sequence[float] = ()

    @property
    def probability(self) -> float:
        """That of the label."""
        return self.probabilities[self.label]


def clip(text: str, limit: int = LOOKED_AT) -> str:
    """The text, or the beginning and the end of one longer than `limit`: of a pasted one less."""
    if len(text) <= limit:
        return text
    first, last = text[: limit // 2], text[-(limit // 2) :]
    before, after = first.find("\n"), last[::-1].find("\n")
    if len(text) > PASTED and max(before, after) > 0:
        first, last = first[: max(before, PASTED_READ)], last[-max(after, PASTED_READ) :]
    return f"{first}\n{last}"


@lru_cache(CACHED_MESSAGES)
def tokens_of(text: str) -> tuple[str, ...]:
    """Words and signs as `folded` writes them, at most `MOST_WORDS`; every number is "0"."""
    plain = folded(text)
    if not plain.isascii():
        plain = _RUN.sub(lambda run: f" {' '.join(parts_of(run[0]))} ", plain)
    found = WORD.findall(plain)
    if len(found) > MOST_WORDS:
        found = found[:FIRST_WORDS] + found[-LAST_WORDS:]
    return tuple("0" if token[0].isdigit() else token[:20] for token in found)


@lru_cache(CACHED_MESSAGES)
def features(text: str) -> Features:
    """The features of a message, each once; their number is bounded for any text."""
    seen = clip(text)
    tokens = tokens_of(seen)
    kinds = list(map(_kind, tokens))
    edged = ["^", *kinds, "$"]
    words = chain(
        tokens,
        kinds,
        map(" ".join, zip(["^", *tokens], [*tokens, "$"], strict=True)),
        map(" ".join, pairwise(edged)),
        map(" ".join, zip(edged, edged[1:], edged[2:], strict=False)),
        (f"#{min(len(tokens), 40).bit_length()}",),
        _ends(tokens) if len(tokens) > LONG else (),
    )
    lettered = tokens if len(tokens) <= 2 * LETTERED else tokens[:LETTERED] + tokens[-LETTERED:]
    letters = chain.from_iterable(map(_letters, dict.fromkeys(lettered)))
    if not seen.isascii():
        runs = _RUN.findall(folded(seen))
        letters = chain(letters, chain.from_iterable(map(_characters, runs)))
    return Features(list(dict.fromkeys(words)), list(dict.fromkeys(letters)))


def _ends(tokens: Sequence[str]) -> list[str]:
    """The words at the beginning and at the end, as such."""
    return [
        *("h " + word for word in tokens[:OPENING]),
        *("e " + word for word in tokens[-CLOSING:]),
    ]


@lru_cache(CACHED_WORDS)
def _letters(token: str) -> tuple[str, ...]:
    """The runs of three to five letters of a word."""
    if not token[0].isalpha() or token[0] >= _UNSPACED_FROM:
        return ()
    edge = f" {token} "
    return tuple(
        "~" + edge[at : at + size] for size in (3, 4, 5) for at in range(len(edge) - size + 1)
    )


def _characters(run: str) -> Iterator[str]:
    """The runs of up to three characters of a script without spaces."""
    return ("~" + run[at : at + size] for size in (1, 2, 3) for at in range(len(run) - size + 1))


@lru_cache(CACHED_WORDS)
def _kind(token: str) -> str:
    """The family of a word by itself or its beginning, else its ending, script or length."""
    return f"<{family_of(token) or _likeness(token)}>"


def _likeness(token: str) -> str:
    if not token[0].isalnum():
        return "picture" if token[0] >= _PICTURES else token[:2]
    if not token.isascii():
        return "foreign"
    if len(token) <= SHORT:
        return "short"
    return next((ending for ending in _ENDINGS if token.endswith(ending)), "long")


class LinearWeights(msgspec.Struct, frozen=True):
    """A linear model as its file holds it: for each feature a byte a label.

    A byte is `ZERO` steps above its weight, and a step is worth `scale`. The features stand in
    groups by their first characters, of which each is decoded when it is needed: most messages
    need few, and to decode all takes a fifth of the time of `genpy ask`.
    """

    labels: tuple[str, ...]
    temperature: float
    scale: float
    bias: list[float]
    weights: dict[str, msgspec.Raw]


class _Rows(dict[str, bytes]):
    """The weights of features, in the groups that were needed so far."""

    def __init__(self, groups: dict[str, msgspec.Raw]) -> None:
        super().__init__()
        self._groups = groups

    def of(self, features: Sequence[str]) -> list[bytes]:
        """The weights of those features that are known."""
        size = len(self)
        rows = [*map(self.get, features)]
        if None in rows:
            missing = {
                name[:GROUPED_BY] for name, row in zip(features, rows, strict=True) if row is None
            }
            self._decode(self._groups.keys() & missing)
            if len(self) != size:  # here, or by another thread meanwhile
                rows = [*map(self.get, features)]
        return [*filter(None, rows)]

    def _decode(self, beginnings: set[str]) -> None:
        """Decode the groups of features that begin so."""
        for beginning in beginnings:
            group = self._groups.get(beginning)
            if group is not None:
                self.update(msgspec.json.decode(group, type=dict[str, bytes]))
                self._groups.pop(beginning, None)  # last, for other threads


class LinearModel:
    """Scores features by a weight for every pair of label and feature."""

    def __init__(self, raw: LinearWeights) -> None:
        self._raw = raw
        self._rows = _Rows(raw.weights)

    def score(self, found: Features, onto: Scored | None = None) -> Scored:
        """The most probable label of a message with these features, and those that `onto` is made of."""
        raw = self._raw
        totals, known = (raw.bias, 0.0) if onto is None else (onto.totals, onto.known)
        for group in found:
            rows = self._rows.of(group)
            if onto is None and group is found.letters:
                known = len(rows) / (len(group) or 1)
            if rows:
                scale = raw.scale / math.sqrt(len(group))
                none = ZERO * len(rows)
                sums = map(sum, zip(*rows, strict=True))
                totals = [
                    total + scale * (part - none) for total, part in zip(totals, sums, strict=True)
                ]
        top = max(totals)
        odds = [math.exp((total - top) / raw.temperature) for total in totals]
        whole = sum(odds)
        probabilities = {label: one / whole for label, one in zip(raw.labels, odds, strict=True)}
        words = found.words if onto is None else onto.words
        return Scored(raw.labels[totals.index(top)], probabilities, known, words, totals)

    def evidence(self, scored: Scored) -> list[str]:
        """The three words with the largest weight for the label, relative to the other labels."""
        best, number = self._raw.labels.index(scored.label), len(self._raw.labels)
        spoke = [
            (sum(row) - number * row[best], word)
            for word in scored.words
            if (row := self._rows.get(word)) and word[0].isalnum() and word[-1] != "$"
        ]
        return [_readable(word) for weight, word in nsmallest(3, spoke) if weight < 0]


def _readable(feature: str) -> str:
    """A run of words as a reader knows it: a gap is three dots, the one number is "a number"."""
    shown = {"_": "\u2026", "0": "a number"}
    return " ".join(shown.get(word, word) for word in feature.split(" "))


def shipped(name: str, kind: type[T]) -> T:
    """A file of weights in the package, as `kind`, which has the parts that are wanted; not cached here."""
    return msgspec.json.decode(Path(__file__).with_name(name).read_bytes(), type=kind)
