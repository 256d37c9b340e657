"""Linear models over words, families of words and runs of letters, scored in plain Python."""

import base64
import json
import math
import re
from importlib.resources import files
from itertools import pairwise, repeat
from typing import Any, NamedTuple

from genpy_server.core.text import UNSPACED
from genpy_server.core.understanding.intent_words import CUE_OF, FAMILY_OF

LOOKED_AT = 1_200
"""Characters that are looked at: the beginning and the end of a longer message."""
MOST_WORDS = 160
SHORT = 3
LANE = 24
"""Bits for each label's sum in a packed number: enough for thousands of weights of a byte."""
_HALF = 1 << LANE - 1
_MASK = (1 << LANE) - 1

_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['+#.-])*(?:[^\W_]|[+#])|[^\W\d_]|[^\w\s]+|[0-9]+")
_ENDINGS = ("ing", "ed", "ly", "tion", "er", "s")
_PICTURES = "\u2190"
"""Arrows, dingbats and emoji begin here, behind letters and common punctuation."""
_UNSPACED_FROM = "\u0e00"
"""Scripts without spaces between words begin here; two of their letters say what five of ours do."""
_STRAIGHT = str.maketrans(
    "\u2019\u2018\u201c\u201d\uff0c\u3001\u3002\uff01\uff1f\uff1a", "''\"\",,.!?:"
)
_RUN = re.compile(UNSPACED)
_CUE = re.compile("|".join(sorted(CUE_OF, key=len, reverse=True)))


class Features(NamedTuple):
    """What is known of a message: words count by one measure, letters by another."""

    words: list[str]
    letters: list[str]


class Scored(NamedTuple):
    """The likeliest label, the share of letters ever met, the words that spoke loudest."""

    label: str
    probability: float
    known: float
    because: list[str]


def clip(text: str, limit: int = LOOKED_AT) -> str:
    """The text, or the beginning and the end of one longer than `limit`."""
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} {text[-half:]}"


def tokens_of(text: str) -> list[str]:
    """Words and signs in lower case, at most `MOST_WORDS`; every number is the same one."""
    plain = text.lower()
    if not plain.isascii():
        plain = _RUN.sub(r" \g<0> ", plain.translate(_STRAIGHT), MOST_WORDS)
        plain = _CUE.sub(r" \g<0> ", plain, MOST_WORDS)
    found = _WORD.findall(plain)[:MOST_WORDS]
    return ["0" if token[0].isdigit() else token[:20] for token in found]


def features(text: str) -> Features:
    """The features of a message, each once; their number is bounded for any text."""
    tokens = tokens_of(clip(text))
    kinds = [f"<{FAMILY_OF.get(token, _kind(token))}>" for token in tokens]
    words = dict.fromkeys(tokens)
    words.update(dict.fromkeys(kinds))
    words.update(dict.fromkeys(map(" ".join, zip(["^", *tokens], [*tokens, "$"], strict=True))))
    edged = ["^", *kinds, "$"]
    words.update(dict.fromkeys(map(" ".join, pairwise(edged))))
    words.update(dict.fromkeys(map(" ".join, zip(edged, edged[1:], edged[2:], strict=False))))
    words[f"#{min(len(tokens), 40).bit_length()}"] = None
    letters: dict[str, None] = {}
    for token in dict.fromkeys(tokens):
        if token in CUE_OF:
            letters[f"~<{CUE_OF[token]}>"] = None
        if token[0].isalpha():
            edge = f" {token} "
            for size in (3, 4, 5) if token[0] < _UNSPACED_FROM else (2, 3):
                for at in range(len(edge) - size + 1):
                    letters["~" + edge[at : at + size]] = None
    return Features(list(words), list(letters))


def _kind(token: str) -> str:
    """The family of a token that has none: how it ends, its script, or its length."""
    if not token[0].isalnum():
        return "picture" if token[0] >= _PICTURES else token[:2]
    if not token.isascii():
        return "foreign"
    if len(token) <= SHORT:
        return "short"
    return next((ending for ending in _ENDINGS if token.endswith(ending)), "long")


class LinearModel:
    """Weights of every feature for every label."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.labels: tuple[str, ...] = tuple(raw["labels"])
        self._bias: list[float] = raw["bias"]
        self._scale: float = raw["scale"] / raw["temperature"]
        self._temperature: float = raw["temperature"]
        self._lift = sum(_HALF << LANE * lane for lane in range(len(self.labels)))
        rows = memoryview(base64.b64decode(raw["weights"])).cast("b").tolist()
        width = len(self.labels)
        self._weights = {
            name: sum(row << LANE * lane for lane, row in enumerate(rows[at : at + width]))
            for name, at in zip(
                raw["features"].split("\n"), range(0, len(rows), width), strict=True
            )
        }

    def score(self, found: Features) -> Scored:
        """The likeliest label of a message with these features."""
        totals = [bias / self._temperature for bias in self._bias]
        for group in found:
            sums = self._lanes(sum(map(self._weights.get, group, repeat(0))))
            scale = self._scale / math.sqrt(len(group) or 1)
            totals = [total + scale * part for total, part in zip(totals, sums, strict=True)]
        top = max(totals)
        best = totals.index(top)
        probability = 1 / sum(math.exp(total - top) for total in totals)
        met = sum(map(self._weights.__contains__, found.letters)) / (len(found.letters) or 1)
        return Scored(self.labels[best], probability, met, self._because(found.words, best))

    def _because(self, words: list[str], best: int) -> list[str]:
        """The three words that spoke loudest for a label."""
        spoke = []
        for word in words:
            packed = self._weights.get(word)
            if packed is not None and word[0].isalnum() and word[-1] != "$":
                row = self._lanes(packed)
                spoke.append((sum(row) - len(row) * row[best], word))
        return [_readable(word) for weight, word in sorted(spoke)[:3] if weight < 0]

    def _lanes(self, packed: int) -> list[int]:
        """The numbers for each label out of one: adding packed numbers adds all labels at once."""
        lifted = packed + self._lift
        return [(lifted >> LANE * lane & _MASK) - _HALF for lane in range(len(self.labels))]


def _readable(feature: str) -> str:
    """A run of words as a reader knows it: a gap is three dots, the one number is "a number"."""
    shown = {"_": "\u2026", "0": "a number"}
    return " ".join(shown.get(word, word) for word in feature.split(" "))


def shipped(name: str) -> dict[str, Any]:
    """A file of weights that is part of the package; what is built of it is what to keep."""
    data: dict[str, Any] = json.loads(
        (files("genpy_server.core.understanding") / name).read_text(encoding="utf-8")
    )
    return data
