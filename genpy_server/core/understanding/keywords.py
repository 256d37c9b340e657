"""Which words of a request to search are what is looked for.

Each word is weighed by itself and by the words around it; the run of words that together weigh
most is the keyword. Words that requests are made of are known by name, all others count alike.
"""

import re
from functools import cache
from typing import NamedTuple

from genpy_server.core.understanding.linear import shipped
from genpy_server.core.words import STOP_WORDS, search_words

MODEL = "tool_model.json"
MOST_WORDS = 8
"""Words that a keyword has at most."""
QUOTES = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
AROUND = QUOTES + " ?.!,;:"
"""What is no part of a keyword at its ends."""
OTHER = "<other>"
"""A word that is not known from the frames of requests."""
SEEN = "<seen>"
"""A word that is met there now and then."""

_SIGNS = '"\u201c\u201d\u00ab\u00bb'
_QUOTED = re.compile(rf"(?<!\w)[{_SIGNS}]([^{_SIGNS}]{{1,80}})[{_SIGNS}](?!\w)")
"""What stands between quotes, which begin behind no letter or digit, as inch marks do."""
_WORD = re.compile(r"[^\W_](?:[^\W_]|['\u2019+#./_@:-](?=[^\W_]))*[+#]*|[^\w\s]|_+")
_ARTICLES = re.compile(r"(?:(?:the|an?|my|our|your)\s+)+(?=\S)", re.IGNORECASE)


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
    if quoted is not None and len(quoted[1].split()) <= MOST_WORDS:
        return quoted[1].strip(AROUND).lower()
    words = words_of(line)
    if not words:
        return ""
    model = tagger()
    kinds = [model.kind(word.text) for word in words]
    weights = [
        model.bias + sum(model.weights.get(name, 0) for name in word_features(words, kinds, at))
        for at in range(len(words))
    ]
    weight, first, last = _heaviest(weights)
    if weight <= 0 and not {OTHER, SEEN}.intersection(kinds[first : last + 1]):
        return ""
    while first and kinds[first - 1] == OTHER and last - first + 1 < MOST_WORDS:
        first -= 1
    while last + 1 < len(words) and kinds[last + 1] == OTHER and last - first + 1 < MOST_WORDS:
        last += 1
    found = line[words[first].start : words[last].end].strip(AROUND)
    if STOP_WORDS.issuperset(search_words(found)):
        return ""
    return _ARTICLES.sub("", found, count=1).lower() if _ARTICLES.match(found) else found.lower()


def words_of(line: str) -> list[Word]:
    """Words and signs; what joins letters, as in a file name, is part of its word."""
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
    if ":" in kinds[:at]:
        found.append(f"colon {me}")
    return found


def _heaviest(weights: list[float]) -> tuple[float, int, int]:
    """The greatest sum of a run, and the first and the last place of that run."""
    runs = (
        (sum(weights[first : last + 1]), first, last)
        for first in range(len(weights))
        for last in range(first, min(len(weights), first + MOST_WORDS))
    )
    return max(runs, key=lambda run: (run[0], -run[1], run[2]))


@cache
def tagger() -> Tagger:
    """The shipped weights, read when first asked for."""
    raw = shipped(MODEL)["keywords"]
    return Tagger(
        frozenset(raw["frame"].split()),
        frozenset(raw["seen"].split()),
        raw["weights"],
        raw["bias"],
    )
