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

import numpy as np
from linear_training import Matrix, Row, Trained, slip, temperature_for, write
from sklearn.model_selection import StratifiedKFold

from genpy_server.core.understanding.intents import INTENTS, MODEL
from genpy_server.core.understanding.linear import features

DATA = Path(__file__).parent / "data" / "intents_train.jsonl"
TARGET = Path(__file__).parents[1] / "genpy_server" / "core" / "understanding" / MODEL
SEED = 6
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
    return [text, text, slip(text, chance), slip(text, chance), bare, dressed]


def fit(rows: list[Row]) -> Trained:
    """A classifier of these messages and their variants."""
    chance = random.Random(SEED)
    grown = [(text, intent) for raw, intent in rows for text in variants(raw, chance)]
    return Trained(grown, INTENTS, features, STRENGTH)


def unseen_logits(rows: list[Row]) -> tuple[Matrix, Matrix]:
    """The logits of every message by a model that did not see it, and the truth."""
    truth = np.array([INTENTS.index(intent) for _, intent in rows])
    logits = np.zeros((len(rows), len(INTENTS)))
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for seen, unseen in folds.split(truth, truth):
        logits[unseen] = fit([rows[at] for at in seen]).logits([rows[at][0] for at in unseen])
    return logits, truth


def main() -> None:
    rows = read(DATA)
    logits, truth = unseen_logits(rows)
    temperature = temperature_for(logits, truth)
    print(f"five folds: accuracy {(logits.argmax(axis=1) == truth).mean():.3f}")
    model = fit(rows).plain(temperature)
    model["fingerprint"] = hashlib.sha256(DATA.read_bytes()).hexdigest()
    write(TARGET, model)
    count = len(model["weights"])
    print(f"{len(rows)} messages, {count} features, temperature {temperature:.2f}, ", end="")
    print(f"{TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
