"""Modes that are recognised by their examples, and what corrections teach."""

import json
from pathlib import Path

import pytest

from genpy_server.core.understanding.examples import ExampleModel, background, weights
from genpy_server.core.understanding.intents import INTENTS, SURE, IntentDetector, detect_intent
from genpy_server.core.understanding.learned import Learned, Lesson, learn
from genpy_server.core.understanding.linear import features

DATA = Path(__file__).parents[2] / "benchmarks" / "data"


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


MODES = rows("modes_examples.jsonl")


@pytest.fixture(scope="module")
def detector():
    """The detector of a person with six modes of their own."""
    examples = ExampleModel({m["name"]: (*m["examples"], m["when"]) for m in MODES})
    return IntentDetector((*INTENTS, *(m["name"] for m in MODES)), examples)


def test_own_modes_are_chosen_for_what_is_like_their_examples(detector):
    """Of 72 messages that no example repeats, 70% get their own mode, each sure enough to count."""
    found = [(detector.detect(text), mode["name"]) for mode in MODES for text in mode["held_out"]]
    right = [intent for intent, name in found if intent.name == name]
    assert len(right) >= 0.7 * len(found)
    assert all(intent.score >= SURE and "examples" in intent.reason for intent in right)


def test_the_modes_of_the_package_stay_as_good(detector):
    """Beside six modes of a person 3% of the held-out messages change, the half of them rightly."""
    held = [row for name in ("real", "unseen", "stranger") for row in rows(f"intents_{name}.jsonl")]
    changed = [row for row in held if detector.detect(row["text"]) != detect_intent(row["text"])]
    assert len(changed) <= 0.03 * len(held)


def test_a_shared_word_alone_chooses_no_mode(detector):
    """One word of an example is not enough, whatever it is."""
    assert detector.detect("lentils").name in INTENTS
    assert detector.detect("I do like Lisbon").name in INTENTS


def test_a_follow_up_keeps_a_mode_of_ones_own(detector):
    """What means nothing alone stays in the mode before it."""
    assert detector.detect("why?", "recipes").name == "recipes"


def test_no_held_out_message_is_in_the_background():
    """The background is of training messages alone, some of every intent."""
    trained = {row["text"] for row in rows("intents_train.jsonl")}
    assert {row.text for row in background()} <= trained
    assert {row.intent for row in background()} == set(INTENTS)


def lesson(text, intent):
    """A lesson for a text as it is detected without any."""
    found = detect_intent(text)
    return Lesson(weights().vector(features(text)), found.name, found.score, intent)


CORRECTED = [
    "Write the release notes for 2.4",
    "Release notes for this sprint, please",
    "Can you draft release notes from these commits?",
]


def test_corrections_change_what_is_like_them_and_nothing_else():
    """A message that shares rare words with corrections follows them; others stay as they were."""
    lessons = [lesson(text, "tutorial") for text in CORRECTED]
    lessons += [lesson(row.text, row.intent) for row in background()[:100]]
    detector = IntentDetector(learned=learn(lessons, 3))
    found = detector.detect("Now the release notes of 2.5")
    assert found.name == "tutorial"
    assert "corrections" in found.reason
    assert '"release"' in found.reason
    for text in ("How are you?", "npm install fails with EACCES", "Explain hash tables"):
        assert detector.detect(text) == detect_intent(text)


def test_what_was_learned_for_a_mode_that_is_gone_is_not_used():
    """A correction to a mode that no longer exists changes nothing."""
    learned = learn([lesson(text, "release_notes") for text in CORRECTED], 3)
    assert IntentDetector(learned=learned).detect(CORRECTED[0]) == detect_intent(CORRECTED[0])
    names = (*INTENTS, "release_notes")
    assert IntentDetector(names, learned=learned).detect(CORRECTED[0]).name == "release_notes"


def test_nothing_learned_changes_nothing():
    """Weights of nothing leave every message as it is."""
    detector = IntentDetector(learned=Learned({}, 0))
    assert detector.detect("Hello there") == detect_intent("Hello there")
