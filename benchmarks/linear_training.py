"""What the training of both linear models shares: slips of the keyboard, features as numbers, packing."""

import json
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from genpy_server.core.understanding.linear import GROUPED_BY, ZERO, Features

SEEN_AT_LEAST = 2
"""Messages that a feature must stand in, copies of one counted once."""
CANDIDATES = 200_000
"""The most frequent features, from which those are kept that decided most."""
LETTERS = 0.8
"""How much runs of letters count beside words."""
RAREST = 8.0
"""The logarithm of the rarity beyond which a feature gains no more by being rare."""
EVEN = 0.5
"""How far a language of few messages is made up for: 0 not at all, 1 to the weight of the others."""
STEPS = 127
FAINT = 3
"""A feature none of whose weights has so many steps of the largest is left out."""

Matrix = Any


class Labelled(NamedTuple):
    """A message with its label; `source` is the message of which it is a copy, if it is one.

    `weight` says how much it counts beside others of its language.
    """

    text: str
    label: str
    language: str = "en"
    source: str = ""
    weight: float = 1.0


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
    """Texts as rows of numbers; a feature's rarity is part of its number."""

    def __init__(self, rows: Sequence[Labelled], features: Callable[[str], Features]) -> None:
        self.features: Callable[[str], Features] = cache(features)
        found, sources = Counter[str](), dict[str, set[str]]()
        for row in rows:
            for group in self.features(row.text):
                found.update(group)
            sources.setdefault(row.source or row.text, set()).add(row.text)
        spread = Counter(
            name
            for texts in sources.values()
            for name in {name for text in texts for group in self.features(text) for name in group}
        )
        kept = sorted(
            (name for name in found if spread[name] >= SEEN_AT_LEAST),
            key=lambda name: (-found[name], name),
        )[:CANDIDATES]
        rarity = np.log([len(rows) / found[name] for name in kept])
        share = [LETTERS if name[0] == "~" else 1.0 for name in kept]
        self._keep(kept, np.clip(rarity, 1.0, RAREST) * np.array(share))

    def _keep(self, names: list[str], rarity: Matrix) -> None:
        self.names, self.rarity = names, rarity
        self.column = {name: at for at, name in enumerate(names)}

    def keep(self, places: Sequence[int]) -> None:
        """Forget all other features."""
        self._keep([self.names[at] for at in places], self.rarity[places])

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
    """A classifier of texts by the `most` features of one kind that decide most."""

    def __init__(
        self,
        rows: list[Labelled],
        labels: tuple[str, ...],
        features: Callable[[str], Features],
        strength: float,
        most: int,
    ) -> None:
        self.labels = labels
        counted: dict[tuple[str, str], float] = {}
        for row in rows:
            key = row.text, row.label
            counted[key] = counted.get(key, 0.0) + row.weight
        language = {row.text: row.language for row in rows}
        weights = balanced([language[text] for text, _ in counted], [*counted.values()])
        self.encoder = Encoder(rows, features)
        self.machine = LogisticRegression(C=strength / sum(weights) * 1000, max_iter=100, tol=1e-3)
        texts = [text for text, _ in counted]
        truth = [labels.index(label) for _, label in counted]
        inputs = self.encoder.rows(texts)
        self.machine.fit(inputs, truth, sample_weight=weights)
        used = np.sqrt(np.asarray(inputs.multiply(inputs).sum(axis=0)).ravel())
        decided = np.abs(self.machine.coef_).max(axis=0) * used
        self.encoder.keep(np.sort(np.argsort(-decided, kind="stable")[:most]))
        self.machine.tol = 1e-4
        self.machine.fit(self.encoder.rows(texts), truth, sample_weight=weights)
        self.encoder.features = features

    def logits(self, texts: list[str]) -> Matrix:
        """One row a text, one column a label."""
        return self.machine.decision_function(self.encoder.rows(texts))

    def plain(self, temperature: float) -> dict[str, Any]:
        """As `LinearWeights` of `core.understanding.linear`, without weights near zero."""
        weights = (self.machine.coef_ * self.encoder.rarity).T
        whole, scale = bytes_of(weights)
        groups: dict[str, dict[str, str]] = {}
        for name, row in zip(self.encoder.names, whole, strict=True):
            if np.abs(row).max() >= FAINT:
                groups.setdefault(name[:GROUPED_BY], {})[name] = packed(row)
        return {
            "labels": list(self.labels),
            "temperature": round(temperature, 2),
            "scale": round(scale, 6),
            "bias": [round(float(value), 4) for value in self.machine.intercept_],
            "weights": groups,
        }


def balanced(languages: Sequence[str], weights: Sequence[float]) -> Matrix:
    """How much each message counts, by its language and its own weight."""
    each: dict[str, float] = {}
    for language, weight in zip(languages, weights, strict=True):
        each[language] = each.get(language, 0.0) + weight
    usual = sum(each.values()) / len(each)
    shares = (usual / each[language] for language in languages)
    return np.array([n * share**EVEN for n, share in zip(weights, shares, strict=True)])


def bytes_of(weights: Matrix) -> tuple[Matrix, float]:
    """Weights as whole numbers of a byte, and what one step is worth."""
    scale = float(np.abs(weights).max()) / STEPS
    return np.rint(weights / scale).astype(np.int8), scale


def packed(row: Matrix) -> str:
    return b64encode((row + np.int16(ZERO)).astype(np.uint8)).decode()


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
    return compact(value)
