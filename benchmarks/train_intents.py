"""Train the linear model of intents: one command, the same file every time.

    pip install scikit-learn && python benchmarks/train_intents.py

Reads benchmarks/data/intents_train.jsonl, adds copies with slips of the keyboard, openers and
sign-offs (seeded), fits a multinomial logistic regression, finds the temperature on folds that
it was not fitted on, and writes genpy_server/core/understanding/intent_model.json. scikit-learn is needed here
only; the program scores in plain Python.
"""

import hashlib
import json
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
from linear_training import Matrix, Row, Trained, slip, temperature_for, write
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from genpy_server.core.understanding.examples import BACKGROUND
from genpy_server.core.understanding.intents import INTENTS, MODEL
from genpy_server.core.understanding.linear import features

DATA = Path(__file__).parent / "data" / "intents_train.jsonl"
TARGET = Path(__file__).parents[1] / "genpy_server" / "core" / "understanding" / MODEL
SEED = 6
BACKGROUND_CHARS = 300
FOLDS = 3
STRENGTH = 24.0
OPENERS = "Hi, |Hello! |Hey, |Good morning. |Thanks! |Please, |Sorry, |Ok, |Quick question: |So "
CLOSERS = " Thanks!| thanks| please| Cheers| Thank you.| Have a nice day!| :)|?"


def read(path: Path) -> list[Row]:
    """Texts with their intents."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(row["text"], row["intent"]) for row in map(json.loads, lines)]


def variants(text: str, chance: random.Random) -> list[str]:
    """The text and how else it could have come."""
    bare = text.lower().rstrip("?.!")
    dressed = chance.choice(OPENERS.split("|")) + text[:1].lower() + text[1:]
    if chance.random() < 0.5:
        dressed = text + chance.choice(CLOSERS.split("|"))
    if not text.isascii():
        return [text, text, slip(text, chance), bare]
    return [text, text, slip(text, chance), slip(text, chance), bare, dressed]


def fit(rows: list[Row]) -> Trained:
    """A classifier of these messages and their variants."""
    chance = random.Random(SEED)
    grown = [(text, intent) for raw, intent in rows for text in variants(raw, chance)]
    return Trained(grown, INTENTS, features, STRENGTH)


class Unseen(NamedTuple):
    """What models say of messages that they did not see: logits, share of known n-grams, truth."""

    logits: Matrix
    known: Matrix
    truth: Matrix


def unseen(rows: list[Row]) -> Unseen:
    """Every message judged by a model of the other folds."""
    truth = np.array([INTENTS.index(intent) for _, intent in rows])
    logits, known = np.zeros((len(rows), len(INTENTS))), np.zeros(len(rows))
    for seen, others in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(truth, truth):
        trained = fit([rows[at] for at in seen])
        logits[others] = trained.logits([rows[at][0] for at in others])
        names = trained.encoder.column
        for at in others:
            letters = features(rows[at][0]).letters
            known[at] = sum(name in names for name in letters) / (len(letters) or 1)
    return Unseen(logits, known, truth)


def trust(found: Unseen, temperature: float) -> dict[str, float]:
    """A logistic regression of being right on the logit of the best label and the known share."""
    scaled = np.exp((found.logits - found.logits.max(axis=1, keepdims=True)) / temperature)
    best = np.clip(scaled.max(axis=1) / scaled.sum(axis=1), 0.26, 0.9999)
    inputs = np.stack([np.log(best / (1 - best)), found.known], axis=1)
    machine = LogisticRegression(C=1e6).fit(inputs, found.logits.argmax(axis=1) == found.truth)
    logit, known = machine.coef_[0]
    return {
        "bias": round(float(machine.intercept_[0]), 3),
        "logit": round(float(logit), 3),
        "known": round(float(known), 3),
    }


def write_background() -> None:
    """A twelfth of the training messages, the short ones, for the package: see `examples.py`."""
    kept = [row for row in read(DATA)[::12] if len(row[0]) <= BACKGROUND_CHARS][:1000]
    plain = ({"text": text, "intent": intent} for text, intent in kept)
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in plain)
    TARGET.with_name(BACKGROUND).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    rows = read(DATA)
    found = unseen(rows)
    temperature = temperature_for(found.logits, found.truth)
    right = found.logits.argmax(axis=1) == found.truth
    print(f"{FOLDS} folds: accuracy {right.mean():.3f}")
    model = {
        "fingerprint": hashlib.sha256(DATA.read_bytes()).hexdigest(),
        "trust": trust(found, temperature),
        **fit(rows).plain(temperature),
    }
    write(TARGET, model)
    write_background()
    print(
        f"{len(rows)} messages, {len(model['weights'])} features, temperature {temperature:.2f}, "
    )
    print(f"trust {model['trust']}, {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
