"""What one person's corrections teach: weights that are added to what was detected without them.

Training is online and passive-aggressive: a message whose intent has too small a lead moves the
weights of its own rare words as little as gives it one. Messages that were right are trained on
too, so that they stay right; a message that shares no word with a correction is not changed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from genpy_server.core.understanding.examples import Vector, dot

LEAD = 1.0
"""By how much the right intent must lead."""
STEP = 4.0
"""The longest step of one message."""
PASSES = 8
MOST = 4.0
"""The greatest lead that is left to what was detected: a correction can outweigh a rule."""


class Lesson(NamedTuple):
    """A message with the opinion without any learning, and the intent that it should have."""

    vector: Vector
    found: str
    score: float
    intent: str


class Learned(msgspec.Struct, frozen=True):
    """Weights by intent and feature, and how many corrections they come from."""

    weights: dict[str, dict[str, float]]
    corrections: int

    def decide(self, vector: Vector, found: str, score: float) -> tuple[str, float, list[str]]:
        """The intent, its probability, and the words that changed it; none where it stays."""
        totals = _totals(self.weights, vector, found, score)
        best = max(totals, key=lambda name: totals[name])
        if best == found:
            return found, score, []
        top = totals[best]
        sure = 1 / sum(math.exp(total - top) for total in totals.values())
        named = self.weights[best]
        words = [w for w in vector if named.get(w, 0) > 0 and " " not in w and w[0].isalnum()]
        words.sort(key=lambda word: -vector[word] * named[word])
        return best, sure, words[:3]


def _totals(
    weights: Mapping[str, Mapping[str, float]], vector: Vector, found: str, score: float
) -> dict[str, float]:
    """The opinion as a lead of what was found, and what the weights add to each intent."""
    sure = min(max(score, 0.01), 0.99)
    totals = {found: min(MOST, max(0.5, math.log(sure / (1 - sure))))}
    for name, row in weights.items():
        totals[name] = totals.get(name, 0.0) + dot(vector, row)
    return totals


def learn(lessons: Sequence[Lesson], corrections: int) -> Learned:
    """Weights from the lessons, which are taken in the order given."""
    weights: dict[str, dict[str, float]] = {lesson.intent: {} for lesson in lessons}
    weights.update({lesson.found: {} for lesson in lessons})
    for _ in range(PASSES):
        for vector, found, score, intent in lessons:
            totals = _totals(weights, vector, found, score)
            rival = max(
                (n for n in totals if n != intent), key=lambda name: totals[name], default=""
            )
            size = dot(vector, vector)
            loss = LEAD - totals[intent] + totals.get(rival, -math.inf)
            if loss <= 0 or not size:
                continue
            step = min(STEP, loss / (2 * size))
            for name, sign in ((intent, step), (rival, -step)):
                row = weights[name]
                for word, value in vector.items():
                    row[word] = row.get(word, 0.0) + sign * value
    return Learned(weights, corrections)
