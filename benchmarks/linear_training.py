"""What the training of both linear models shares: slips of the keyboard, features as numbers, packing."""

import json
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from genpy_server.core.understanding.linear import ZERO, Features

SEEN_AT_LEAST = 2
MOST_FEATURES = 60_000
LETTERS = 0.6
"""How much runs of letters count beside words: of 0.6, 1 and 1.5 the likeliest on the folds."""
STEPS = 127
FAINT = 3
"""A feature none of whose weights has so many steps of the largest is left out."""

Row = tuple[str, str]
Matrix = Any


def slip(text: str, chance: random.Random) -> str:
    """The text as hurried fingers type it."""
    words = text.lower().split(" ")
    for _ in range(1 + len(words) // 5):
        at = chance.randrange(len(words))
        word = words[at]
        if len(word) < 3:
            continue
        spot = chance.randrange(len(word) - 1)
        pair = word[spot : spot + 2]
        slipped = chance.choice((pair[::-1], pair[0], pair[1], pair[0] + pair))
        words[at] = word[:spot] + slipped + word[spot + 2 :]
    return " ".join(words)


class Encoder:
    """Texts as rows of numbers; a feature's rarity is part of its number.

    It is made from texts with how often each counts.
    """

    def __init__(self, texts: Mapping[str, int], features: Callable[[str], Features]) -> None:
        self.features = cache(features)
        found = Counter[str]()
        for text, times in texts.items():
            for group in self.features(text):
                for name in group:
                    found[name] += times
        kept = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_FEATURES]
        self.names = [name for name, count in kept if count >= SEEN_AT_LEAST]
        self.column = {name: at for at, name in enumerate(self.names)}
        rarity = [
            np.log(sum(texts.values()) / count) for _, count in kept if count >= SEEN_AT_LEAST
        ]
        share = [LETTERS if name[0] == "~" else 1.0 for name in self.names]
        self.rarity = np.clip(np.array(rarity), 0.5, 5.0) * np.array(share)

    def rows(self, texts: list[str]) -> Matrix:
        """One row a text."""
        values, columns, ends = [], [], [0]
        for text in texts:
            for group in self.features(text):
                weight = 1 / np.sqrt(len(group) or 1)
                known = [self.column[name] for name in group if name in self.column]
                columns += known
                values += [weight * self.rarity[at] for at in known]
            ends.append(len(columns))
        shape = (len(texts), len(self.names))
        return csr_matrix((np.array(values, np.float32), columns, ends), shape=shape)


class Trained:
    """A classifier of texts by one kind of features."""

    def __init__(
        self,
        rows: list[Row],
        labels: tuple[str, ...],
        features: Callable[[str], Features],
        strength: float,
    ) -> None:
        self.labels = labels
        counted = Counter(rows)
        texts = [text for text, _ in counted]
        times = Counter(text for text, _ in rows)
        self.encoder = Encoder(times, features)
        self.machine = LogisticRegression(C=strength / len(rows) * 1000, max_iter=100, tol=1e-4)
        self.machine.fit(
            self.encoder.rows(texts),
            [labels.index(label) for _, label in counted],
            sample_weight=list(counted.values()),
        )
        self.encoder.features = features

    def logits(self, texts: list[str]) -> Matrix:
        """One row a text, one column a label."""
        return self.machine.decision_function(self.encoder.rows(texts))

    def plain(self, temperature: float) -> dict[str, Any]:
        """As `LinearWeights` of `core.understanding.linear`, without weights near zero."""
        weights = (self.machine.coef_ * self.encoder.rarity).T
        whole, scale = bytes_of(weights)
        kept = [at for at in range(len(self.encoder.names)) if np.abs(whole[at]).max() >= FAINT]
        return {
            "labels": list(self.labels),
            "temperature": round(temperature, 2),
            "scale": round(scale, 6),
            "bias": [round(float(value), 4) for value in self.machine.intercept_],
            "features": [self.encoder.names[at] for at in kept],
            "weights": b64encode((whole[kept].ravel() + np.int16(ZERO)).astype(np.uint8)).decode(),
        }


def bytes_of(weights: Matrix) -> tuple[Matrix, float]:
    """Weights as whole numbers of a byte, and what one step is worth."""
    scale = float(np.abs(weights).max()) / STEPS
    return np.rint(weights / scale).astype(np.int8), scale


def temperature_for(logits: Matrix, truth: Matrix) -> float:
    """The temperature under which the truth is likeliest."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likely = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-likely[np.arange(len(truth)), truth].mean())

    return float(min(np.arange(0.3, 3.0, 0.02), key=loss))


def write(target: Path, model: dict[str, Any]) -> None:
    """A model as JSON with one feature a line, so that it can be read and compared."""
    target.write_text(_lines(model) + "\n", encoding="utf-8")


def _lines(value: Any) -> str:
    def compact(item: Any) -> str:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))

    if isinstance(value, dict):
        rows = ",\n".join(f"{compact(name)}:{_lines(item)}" for name, item in value.items())
        return f"{{\n{rows}\n}}"
    if isinstance(value, list) and isinstance(value[0], str):
        rows = ",\n".join(map(compact, value))
        return f"[\n{rows}\n]"
    return compact(value)
