"""Train the linear model of intents: one command, the same file every time.

    pip install scikit-learn && python benchmarks/train_intents.py

Reads benchmarks/data/intents_train.jsonl, adds copies with slips of the keyboard, openers and
sign-offs (seeded), fits a multinomial logistic regression, finds the temperature on folds that
it was not fitted on, and writes genpy_server/core/intent_model.json. scikit-learn is needed here
only; the program scores in plain Python.
"""

import base64
import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from genpy_server.core.intents import INTENTS
from genpy_server.core.linear import MODEL, features

DATA = Path(__file__).parent / "data" / "intents_train.jsonl"
TARGET = Path(__file__).parents[1] / "genpy_server" / "core" / MODEL
SEED = 6
SEEN_AT_LEAST = 2
MOST_FEATURES = 33_000
STRENGTH = 12.0
LETTERS = 0.6
"""How much runs of letters count beside words: of 0.6, 1 and 1.5 the likeliest on the folds."""
OPENERS = "Hi, |Hello! |Hey, |Good morning. |Thanks! |Please, |Sorry, |Ok, |Quick question: |So "
CLOSERS = " Thanks!| thanks| please| Cheers| Thank you.| Have a nice day!| :)|?"

Row = tuple[str, str]
Matrix = Any


def read(path: Path) -> list[Row]:
    """Texts with their intents."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(row["text"], row["intent"]) for row in map(json.loads, lines)]


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


def variants(text: str, chance: random.Random) -> list[str]:
    """The text and how else it could have come."""
    bare = text.lower().rstrip("?.!")
    dressed = chance.choice(OPENERS.split("|")) + text[:1].lower() + text[1:]
    if chance.random() < 0.5:
        dressed = text + chance.choice(CLOSERS.split("|"))
    return [text, text, slip(text, chance), slip(text, chance), bare, dressed]


class Encoder:
    """Texts as rows of numbers; a feature's rarity is part of its number."""

    def __init__(self, texts: list[str]) -> None:
        found = Counter(name for text in texts for group in features(text) for name in group)
        kept = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_FEATURES]
        self.names = [name for name, count in kept if count >= SEEN_AT_LEAST]
        self.column = {name: at for at, name in enumerate(self.names)}
        rarity = [np.log(len(texts) / count) for _, count in kept if count >= SEEN_AT_LEAST]
        share = [LETTERS if name[0] == "~" else 1.0 for name in self.names]
        self.rarity = np.clip(np.array(rarity), 0.5, 5.0) * np.array(share)

    def rows(self, texts: list[str]) -> Matrix:
        """One row a text."""
        values, columns, ends = [], [], [0]
        for text in texts:
            for group in features(text):
                weight = 1 / np.sqrt(len(group) or 1)
                known = [self.column[name] for name in group if name in self.column]
                columns += known
                values += [weight * self.rarity[at] for at in known]
            ends.append(len(columns))
        return csr_matrix((values, columns, ends), shape=(len(texts), len(self.names)))


def fit(rows: list[Row]) -> tuple[Encoder, Any]:
    """An encoder and a classifier of these messages and their variants."""
    chance = random.Random(SEED)
    grown = [(text, intent) for raw, intent in rows for text in variants(raw, chance)]
    texts = [text for text, _ in grown]
    encoder = Encoder(texts)
    machine = LogisticRegression(C=STRENGTH / len(grown) * 1000, max_iter=400, tol=1e-4)
    machine.fit(encoder.rows(texts), [INTENTS.index(intent) for _, intent in grown])
    return encoder, machine


def unseen_logits(rows: list[Row]) -> tuple[Matrix, Matrix]:
    """The logits of every message by a model that did not see it, and the truth."""
    truth = np.array([INTENTS.index(intent) for _, intent in rows])
    logits = np.zeros((len(rows), len(INTENTS)))
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for seen, unseen in folds.split(truth, truth):
        encoder, machine = fit([rows[at] for at in seen])
        logits[unseen] = machine.decision_function(encoder.rows([rows[at][0] for at in unseen]))
    return logits, truth


def temperature_for(logits: Matrix, truth: Matrix) -> float:
    """The temperature under which the truth is likeliest."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likely = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return float(-likely[np.arange(len(truth)), truth].mean())

    return float(min(np.arange(0.3, 3.0, 0.02), key=loss))


def main() -> None:
    rows = read(DATA)
    logits, truth = unseen_logits(rows)
    temperature = temperature_for(logits, truth)
    print(f"five folds: accuracy {(logits.argmax(axis=1) == truth).mean():.3f}")
    encoder, machine = fit(rows)
    weights = (machine.coef_ * encoder.rarity).T
    scale = float(np.abs(weights).max()) / 127
    whole = np.rint(weights / scale).astype(np.int8)
    kept = [at for at in range(len(encoder.names)) if np.abs(whole[at]).max() >= 3]
    model = {
        "labels": list(INTENTS),
        "fingerprint": hashlib.sha256(DATA.read_bytes()).hexdigest(),
        "temperature": round(temperature, 2),
        "scale": round(scale, 6),
        "bias": [round(float(value), 4) for value in machine.intercept_],
        "features": "\n".join(encoder.names[at] for at in kept),
        "weights": base64.b64encode(whole[kept].tobytes()).decode(),
    }
    TARGET.write_text(json.dumps(model, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(
        f"{len(rows)} messages, {len(kept)} features, temperature {temperature:.2f}, {TARGET.stat().st_size // 1024} KB"
    )


if __name__ == "__main__":
    main()
