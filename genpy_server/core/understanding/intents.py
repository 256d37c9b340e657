"""Detects which kind of help a message wants, with a score and a reason.

The examples of added modes are tried first, then rules of high precision; if none matches, a small
linear model scores the words. What a person's corrections taught is applied last. Casual chat is
detected like any other kind; only a message too brief to ask for anything, or without letters, is
guessed to be chat.
"""

import math
import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

from genpy_server.core.patterns import PHRASES, lazy_pattern, listed, lowered
from genpy_server.core.understanding import linear
from genpy_server.core.understanding.examples import ExampleModel, weights
from genpy_server.core.understanding.learned import Learned
from genpy_server.core.words import cut_at_known, unspaced, words

MODEL = "intent_model.json"
INTENTS = ("casual_chat", "code_assistant", "tutorial", "technical_support")
RULE_SCORE = 0.97
"""A little below what they reach on the messages at hand: unseen ones are harder."""
SUREST = 0.99
"""No score says that it cannot be wrong."""
SURE = 0.8
"""The score from which an intent's prompt is sent: a wrong prompt is worse than none."""
HELD = 0.8
"""The score of a follow-up, which keeps the intent and the prompt of the message before it."""
GUESS = 0.3
KNOWN_AT_LEAST = 0.15
"""The share of a message's runs of letters that training must have met for its words to count."""
MOST_PROBABLE = 0.9999
SHORT_WORDS = 6
REFERRING_WORDS = 20
"""Words up to which a message that refers back is a follow-up."""
CARRYING = 60
"""Characters up to which a message of words that carry on is a follow-up."""
BRIEF = 12
"""Letters up to which a message of unknown words is likelier a greeting than a question."""
WIDE = 3
"""Letters that a character of a script without spaces stands for."""
LEFT_WORDS = 4
"""Words that must follow good wishes for these to be left out."""


def _answer() -> str:
    said = f"(?:{PHRASES.any_of('answers')})"
    more = rf"(?:\W{{1,3}}{said})?"
    return rf"\W*(?:(?:ok|okay|and|but|hm+|oh|ah|um) ?\W{{0,2}})?{said}{more}{more}\W*"


_FOLLOW_UP = lazy_pattern(lambda: rf"\W*(?:{PHRASES.any_of('follow ups')})\W*", re.IGNORECASE)
_ANSWER = lazy_pattern(_answer, re.IGNORECASE)
_GOES_ON = lazy_pattern(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
_REFERS = lazy_pattern(
    r"\b(?:it|its|that|this|them|those|these|ones?|instead|again|same|too|shorter|longer|above|the (?:last|first|second|other))\b",
    re.IGNORECASE,
)
"""Points at what was said before."""
_WISHES = lazy_pattern(
    r"\W*(?:(?:hi+|hello|he+y+|hiya|dear|good (?:morning|afternoon|evening|day))\b(?: \w+){0,2}[\s,!.-]{1,4})?"
    r"(?:(?:and )?(?:i )?(?:do )?(?:hope|trust|wish)\b (?:that )?(?:you|u|ur|all|everyone|everything|i'?m not|i am not|this|your (?:day|week|weekend|year|morning|evening))\b[^.!?,:;\n]{0,60}"
    r"|(?:happy|merry) \w+|sorry (?:to|for|about) (?:bother|disturb|troubl|the)[^.!?,:;\n]{0,60})(?:[.!?,:;)]{1,4}|\n)\s*",
    re.IGNORECASE,
)
"""A greeting with good wishes, as stands before what a message is about."""


class Rule(NamedTuple):
    """A pattern that only messages of one intent match, in lower case.

    It stays only while it is right on at least 19 of 20 training messages that it matches
    (`benchmarks/understanding.py` prints the counts). Patterns run in linear time: no nested
    repetition, bounded gaps.
    """

    intent: str
    why: str
    pattern: re.Pattern[str]


@cache
def rules() -> tuple[Rule, ...]:
    """The rules of `phrases.txt`, in sections named `rule INTENT: WHY`."""
    found = []
    for section in PHRASES.sections:
        intent, colon, why = section.removeprefix("rule ").partition(": ")
        if colon:
            pattern = re.compile(PHRASES.any_of(section), re.MULTILINE)
            found.append(Rule(intent, why, pattern))
    return tuple(found)


class Intent(msgspec.Struct, frozen=True):
    """A kind of help; `score` is a calibrated probability, `reason` a short sentence."""

    name: str
    score: float
    reason: str


class IntentDetector:
    """Finds intents among the modes of these names, as a person has corrected it."""

    def __init__(
        self,
        names: Collection[str] = INTENTS,
        examples: ExampleModel | None = None,
        learned: Learned | None = None,
    ) -> None:
        self._names = names
        self._examples = examples
        self._learned = learned

    def detect(self, text: str, previous: str | None = None) -> Intent:
        """The intent of a message; a follow-up with no evidence of its own keeps the previous one."""
        if previous not in self._names:
            previous = None
        seen = linear.clip(text)
        if previous and _carries_on(seen):
            return _follow_up(previous)
        seen = _without_wishes(seen)
        found = linear.features(seen)
        intent = self._near(found) or _by_rule(seen) or _by_words(seen, found, previous)
        return intent if self._learned is None else self._corrected(found, intent, self._learned)

    def _near(self, found: linear.Features) -> Intent | None:
        """The mode whose examples a message is near to."""
        near = self._examples.find(found) if self._examples is not None else None
        if near is None:
            return None
        score = round(SUREST - (SUREST - SURE) / near.times, 3)
        return Intent(near.name, score, f"like its examples: {_quoted(near.words)}")

    def _corrected(self, found: linear.Features, intent: Intent, learned: Learned) -> Intent:
        vector = weights().vector(found)
        name, score, words = learned.decide(vector, intent.name, intent.score)
        if name == intent.name or name not in self._names:
            return intent
        reason = f"learned from your corrections: {_quoted(words)}"
        return Intent(name, round(min(score, SUREST), 3), reason)


def detect_intent(text: str, previous: str | None = None) -> Intent:
    """The intent of a message among GenPy's own modes."""
    return IntentDetector().detect(text, previous)


def _by_rule(seen: str) -> Intent | None:
    low = lowered(seen)
    for rule in rules():
        found = rule.pattern.search(low)
        if found is not None:
            words = " ".join(seen[slice(*found.span())].split())[:40]
            return Intent(rule.intent, RULE_SCORE, f'rule: {rule.why} ("{words}")')
    return None


def _by_words(seen: str, found: linear.Features, previous: str | None) -> Intent:
    model, trust = intent_model()
    scored = model.score(found)
    score = trust.score(scored)
    unsure = score < SURE or scored.known < KNOWN_AT_LEAST
    if previous and unsure and _goes_on(seen):
        return _follow_up(previous)
    if scored.known < KNOWN_AT_LEAST:
        return _guess(seen)
    evidence = model.evidence(scored)
    reason = f"words: {_quoted(evidence)}" if evidence else "how it is written, no single word"
    return Intent(scored.label, round(min(max(score, GUESS), SUREST), 3), reason)


def _carries_on(seen: str) -> bool:
    """Whether a message means nothing without the one before."""
    if _FOLLOW_UP.fullmatch(seen) or _ANSWER.fullmatch(seen):
        return True
    known = listed("carries on")
    found = cut_at_known(words(seen), known) if len(seen) <= CARRYING else set()
    return bool(found) and found <= known


def _goes_on(seen: str) -> bool:
    """Whether a message that says little by itself may be about what was said before."""
    words = len(seen.split())
    refers = words <= REFERRING_WORDS and _REFERS.search(seen)
    return bool(words <= SHORT_WORDS or refers or _GOES_ON.match(seen))


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


class Trust(msgspec.Struct, frozen=True):
    """How the model's probability and the share of known n-grams make a calibrated score."""

    bias: float
    logit: float
    known: float

    def score(self, scored: linear.Scored) -> float:
        """The probability that the label is right, between 0 and 1."""
        sure = min(scored.probability, MOST_PROBABLE)
        logit = math.log(sure / (1 - sure))
        return 1 / (1 + math.exp(-self.bias - self.logit * logit - self.known * scored.known))


class _IntentWeights(linear.LinearWeights, frozen=True):
    trust: Trust


@cache
def intent_model() -> tuple[linear.LinearModel, Trust]:
    """The shipped model and its calibration, read on first use."""
    raw = linear.shipped(MODEL, _IntentWeights)
    return linear.LinearModel(raw), raw.trust


def _without_wishes(seen: str) -> str:
    """The message behind a polite opener, if more than good wishes is left."""
    wishes = _WISHES.match(seen)
    rest = seen[wishes.end() :] if wishes else ""
    return rest if len(rest.split()) >= LEFT_WORDS else seen


def _guess(seen: str) -> Intent:
    letters = len(seen.strip()) + (WIDE - 1) * len((unspaced(seen) or "").split())
    if letters <= BRIEF or not any(map(str.isalnum, seen)):
        return Intent("casual_chat", GUESS, "no word is known, and it is too brief to be a request")
    return Intent("tutorial", GUESS, "no word is known, so an explanation is the safest guess")


def _follow_up(previous: str) -> Intent:
    return Intent(previous, HELD, "follows up on the previous message")
