"""Train the linear model of intents: one command, the same file every time.

    pip install scikit-learn && python benchmarks/train_intents.py

Reads benchmarks/data/intents_train.jsonl, adds messages composed of what is asked and the text or code
that is pasted beside it (intents_parts.jsonl), messages of the forms in intents_forms.jsonl, in which the
same subjects stand with every intent, and copies with slips of the keyboard, openers and sign-offs (both
seeded), fits a multinomial logistic regression, finds on a fold and on intents_messy.jsonl and
intents_writers.jsonl, which it was not fitted on, how sure its answers are, and writes
genpy_server/core/understanding/intent_model.json.
scikit-learn is needed here only; the program scores in plain Python.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from forms import composed
from linear_training import Labelled, Matrix, Trained, slip, temperature_for, write
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from genpy_server.core.understanding.examples import BACKGROUND
from genpy_server.core.understanding.intents import INTENTS, MODEL
from genpy_server.core.understanding.linear import PASTED, features

DATA = Path(__file__).parent / "data" / "intents_train.jsonl"
PARTS = DATA.with_name("intents_parts.jsonl")
FORMS = DATA.with_name("intents_forms.jsonl")
MESSY, WRITERS = (DATA.with_name(f"intents_{name}.jsonl") for name in ("messy", "writers"))
"""Messages that no weight is trained on; with a fold of the others they say how sure to be."""
ODD = 0.25
"""How much a message counts there that was written to train: most are odder than what people send."""
TARGET = Path(__file__).parents[1] / "genpy_server" / "core" / "understanding" / MODEL
FIRST_OF_WRITERS = (
    "Seit dem Firmwareupdate blinkt an unserem Melkroboter nur noch die gelbe Lampe"
    " und die Kühe stehen Schlange."
)
"""The first training message of the writers who were told to find unusual subjects."""
EARLIER_WEIGHT = 0.5
"""The messages before it, which are shorter and of fewer subjects, count less."""
COMPOSED_WEIGHT = 0.25
SEED = 6
BACKGROUND_CHARS = 300
FOLDS = 8
"""One of them is judged by a model of the others, which is nearly the whole."""
STRENGTH = 24.0
MOST_FEATURES = 72_000
TIMES = 4
"""Texts that each question is asked about."""
OF_FORM = 12
"""Messages that are composed of each form."""
QUOTED = {"prose": '"{}"', "learn": '"{}"', "code": "```\n{}\n```", "broken": "```\n{}\n```"}
"""How a pasted text may be set off."""
LONG = ("prose", "code", "log")
LONG_SHARE = 0.4
"""Of these kinds, the share of pasted texts that are made as long as what people paste."""
OPENERS = "Hi, |Hello! |Hey, |Good morning. |Thanks! |Please, |Sorry, |Ok, |Quick question: |So "
CLOSERS = " Thanks!| thanks| please| Cheers| Thank you.| Have a nice day!| :)|?"


def read(path: Path) -> list[Labelled]:
    """Texts with their intents."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [Labelled(row["text"], row["intent"], row.get("language", "en")) for row in rows]


def read_train() -> list[Labelled]:
    """The training messages with their weights."""
    rows = read(DATA)
    at = [row.text for row in rows].index(FIRST_OF_WRITERS)
    return [*(row._replace(weight=EARLIER_WEIGHT) for row in rows[:at]), *rows[at:]]


class Ask(NamedTuple):
    """What is asked about a pasted text of some kind."""

    text: str
    intent: str
    of: str
    language: str


Materials = dict[tuple[str, str], list[str]]
"""Pasted texts by kind and language; code and logs are of any language, which is ""."""


def read_parts() -> tuple[list[Ask], Materials]:
    """What is asked, and what it is asked about."""
    asks: list[Ask] = []
    materials: Materials = {}
    for row in map(json.loads, PARTS.read_text(encoding="utf-8").splitlines()):
        if "ask" in row:
            asks.append(Ask(row["ask"], row["intent"], row["of"], row["language"]))
        else:
            materials.setdefault((row["of"], row.get("language", "")), []).append(row["text"])
    return asks, materials


def with_texts(asks: Sequence[Ask], materials: Materials) -> list[Labelled]:
    """Each question with some texts, in front of them or behind."""
    chance = random.Random(SEED)
    rows = []
    for ask in asks:
        texts = materials.get((ask.of, ask.language)) or materials[ask.of, ""]
        for text in chance.sample(texts, min(TIMES, len(texts))):
            shown = text
            if ask.of in LONG and chance.random() < LONG_SHARE:
                shown = "\n".join([text, *chance.choices(texts, k=PASTED // len(text))])
            if ask.of in QUOTED and chance.random() < 0.25:
                shown = QUOTED[ask.of].format(text)
            joint = chance.choice(("\n\n", "\n\n", "\n", " " if ask.text[-1] in ":?." else ": "))
            before = chance.random() < 0.7
            whole = f"{ask.text}{joint}{shown}" if before else f"{shown}\n\n{ask.text}"
            rows.append(Labelled(whole, ask.intent, ask.language, ask.text, COMPOSED_WEIGHT))
    return rows


def of_forms() -> list[Labelled]:
    """The messages that are composed of forms, and a quarter of them with slips of the keyboard."""
    chance = random.Random(SEED)
    rows = dict[str, Labelled]()
    for made in composed(FORMS, OF_FORM, chance):
        form = made.form
        intent, language = form["intent"], form["language"]
        row = Labelled(made.text, intent, language, form["form"], COMPOSED_WEIGHT)
        texts = [made.text, *([slip(made.text, chance)] if chance.random() < 0.25 else ())]
        rows.update((text, row._replace(text=text)) for text in texts)
    return list(rows.values())


def variants(text: str, chance: random.Random) -> list[str]:
    """The text and how else it could have come."""
    bare = text.lower().rstrip("?.!")
    dressed = chance.choice(OPENERS.split("|")) + text[:1].lower() + text[1:]
    if chance.random() < 0.5:
        dressed = text + chance.choice(CLOSERS.split("|"))
    if not text.isascii():
        return [text, text, slip(text, chance), bare]
    return [text, text, slip(text, chance), slip(text, chance), bare, dressed]


def fit(rows: list[Labelled], whole: Sequence[Labelled] = ()) -> Trained:
    """A classifier of these messages and their variants, and of some that are taken as they are."""
    chance = random.Random(SEED)
    grown = [
        row._replace(text=text, source=row.text)
        for row in rows
        for text in variants(row.text, chance)
    ]
    return Trained([*grown, *whole], INTENTS, features, STRENGTH, MOST_FEATURES)


class Unseen(NamedTuple):
    """What models say of messages that they did not see: logits, share of known n-grams, truth.

    `weight` is how much each message counts.
    """

    logits: Matrix
    known: Matrix
    truth: Matrix
    weight: Matrix


def unseen(
    rows: list[Labelled], asks: list[Ask], materials: Materials, forms: list[Labelled]
) -> Unseen:
    """A fold of the messages and of the questions about texts, judged by a model of the others.

    What is written to train is harder than what people send, so held-out messages count more.
    """
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split
    seen, others = next(split(rows, [row.label for row in rows]))
    asked, not_asked = next(split(asks, [ask.intent for ask in asks]))
    whole = with_texts([asks[at] for at in asked], materials)
    trained = fit([rows[at] for at in seen], [*whole, *forms])
    judged = [rows[at] for at in others] + with_texts([asks[at] for at in not_asked], materials)
    judged += read(WRITERS)
    odd = len(judged)
    judged += read(MESSY)
    names = trained.encoder.column
    known = list[float]()
    for row in judged:
        letters = features(row.text).letters
        known.append(sum(name in names for name in letters) / (len(letters) or 1))
    logits = trained.logits([row.text for row in judged])
    truth = np.array([INTENTS.index(row.label) for row in judged])
    weight = np.where(np.arange(len(judged)) < odd, ODD, 1.0)
    return Unseen(logits, np.array(known), truth, weight)


def trust(found: Unseen, temperature: float) -> dict[str, float]:
    """A logistic regression of being right on the logit of the best label and the known share."""
    scaled = np.exp((found.logits - found.logits.max(axis=1, keepdims=True)) / temperature)
    best = np.clip(scaled.max(axis=1) / scaled.sum(axis=1), 0.26, 0.9999)
    inputs = np.stack([np.log(best / (1 - best)), found.known], axis=1)
    right = found.logits.argmax(axis=1) == found.truth
    machine = LogisticRegression(C=1e6).fit(inputs, right, sample_weight=found.weight)
    logit, known = machine.coef_[0]
    return {
        "bias": round(float(machine.intercept_[0]), 3),
        "logit": round(float(logit), 3),
        "known": round(float(known), 3),
    }


def write_background() -> None:
    """A twelfth of the training messages, the short ones, for the package: see `examples.py`."""
    kept = [row for row in read(DATA)[::12] if len(row.text) <= BACKGROUND_CHARS][:1000]
    plain = ({"text": row.text, "intent": row.label} for row in kept)
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in plain)
    TARGET.with_name(BACKGROUND).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    rows = read_train()
    asks, materials = read_parts()
    forms = of_forms()
    found = unseen(rows, asks, materials, forms)
    temperature = temperature_for(found.logits, found.truth)
    right = found.logits.argmax(axis=1) == found.truth
    print(f"judged: accuracy {right.mean():.3f}")
    model: dict[str, Any] = {
        "fingerprint": hashlib.sha256(
            b"".join(path.read_bytes() for path in (DATA, PARTS, FORMS))
        ).hexdigest(),
        "trust": trust(found, temperature),
        **fit(rows, [*with_texts(asks, materials), *forms]).plain(temperature),
    }
    write(TARGET, model)
    write_background()
    features = sum(map(len, model["weights"].values()))
    print(
        f"{len(rows)} + {len(forms)} messages, {features} features, temperature {temperature:.2f}, "
    )
    print(f"trust {model['trust']}, {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
