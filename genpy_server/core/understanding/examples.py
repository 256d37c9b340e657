"""Modes by their examples: the few messages that a mode's file names teach what others look like.

A message is a vector of what is rare in it: words and runs of letters, weighed by how few of the
background messages hold them. It asks for a mode when it is much closer to the mode's examples
than the background is. The background is a sample of the messages that the shipped model was
trained on, so that what is usual counts for nothing and the four modes of GenPy keep theirs.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from genpy_server.core.understanding.linear import Features, features

BACKGROUND = "background.jsonl"
USUAL = 0.02
"""The share of the background from which a feature is usual, and is ignored."""
NEAREST = 0.01
"""The share of the background that may be as near to a mode as its limit, before the margin."""
MARGIN = 1.5
"""How many times as near as that a message must be."""
WORDS = 2
"""Words that a message must share with a mode's examples."""

Vector = dict[str, float]


class BackgroundRow(NamedTuple):
    """A message of the background with its intent."""

    text: str
    intent: str


@cache
def background() -> tuple[BackgroundRow, ...]:
    """The sample of training messages in the package."""
    text = Path(__file__).with_name(BACKGROUND).read_text(encoding="utf-8")
    return tuple(BackgroundRow(**json.loads(line)) for line in text.splitlines())


class Weights:
    """How much a feature says, by how rare it is in the background; 0 for a usual one."""

    def __init__(self) -> None:
        self.background = [features(row.text) for row in background()]
        counts = Counter(name for found in self.background for group in found for name in group)
        number = len(self.background)
        most = USUAL * number
        self._known = {
            name: 0.0 if count > most else math.log((number + 1) / (count + 0.5))
            for name, count in counts.items()
        }
        self._unknown = math.log((number + 1) / 0.5)

    def vector(self, found: Features) -> Vector:
        """The features that say something, each group of unit length."""
        vector: Vector = {}
        for group in found:
            weights = [(name, self._known.get(name, self._unknown)) for name in group]
            length = math.sqrt(sum(weight * weight for _, weight in weights)) or 1.0
            vector.update((name, weight / length) for name, weight in weights if weight)
        return vector


@cache
def weights() -> Weights:
    """Built on first use, which takes some tenths of a second."""
    return Weights()


class Near(NamedTuple):
    """A mode that a message is near to; `times` is how many times its limit."""

    name: str
    times: float
    words: list[str]


class ExampleModel:
    """Finds the mode whose examples a message is near to; built on first use, or by `prepare`."""

    def __init__(self, examples: Mapping[str, Sequence[str]]) -> None:
        self._examples = examples

    def prepare(self) -> None:
        """Build it, which takes some tenths of a second for the first one of a process."""
        _ = self._centres

    @cached_property
    def _centres(self) -> dict[str, tuple[Vector, float]]:
        """The centre of each mode's examples, and its limit."""
        if not self._examples:
            return {}
        ground = [weights().vector(found) for found in weights().background]
        centres = {}
        for name, texts in self._examples.items():
            centre = _centre(weights().vector(features(text)) for text in texts)
            near = sorted((dot(vector, centre) for vector in ground), reverse=True)
            centres[name] = centre, MARGIN * near[int(NEAREST * len(near))]
        return centres

    def find(self, found: Features) -> Near | None:
        """The nearest mode, or None where none is near."""
        if not self._centres:
            return None
        vector = weights().vector(found)
        best: Near | None = None
        for name, (centre, limit) in self._centres.items():
            nearness = dot(vector, centre)
            if nearness < limit or (best is not None and nearness / limit <= best.times):
                continue
            shared = {
                word: vector[word] * centre[word]
                for word in found.words
                if word in centre and " " not in word and word[0].isalnum()
            }
            if len(shared) >= WORDS:
                words = sorted(shared, key=lambda word: -shared[word])
                best = Near(name, nearness / limit, words[:3])
        return best


def dot(vector: Vector, other: Mapping[str, float]) -> float:
    """The sum of the products of what both hold."""
    return sum(value * other[name] for name, value in vector.items() if name in other)


def _centre(vectors: Iterable[Vector]) -> Vector:
    total: Vector = {}
    for vector in vectors:
        for name, value in vector.items():
            total[name] = total.get(name, 0.0) + value
    length = math.sqrt(dot(total, total)) or 1.0
    return {name: value / length for name, value in total.items()}
