"""Learning from a person's corrections of detected modes, measured on held-out messages."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from genpy_server.core.export import corrections
from genpy_server.core.models import Message
from genpy_server.core.understanding import examples, intents, linear
from genpy_server.core.understanding.learned import Learned, Lesson, learn
from genpy_server.modes import open_modes
from genpy_server.modes.detectors import Detectors, LearnedFiles
from genpy_server.records import Records, every_message
from genpy_server.settings import Settings

SESSIONS = 10_000
OTHERS = 400
"""The newest uncorrected messages, whose modes should not change."""
FOLDS = 5


class Share(msgspec.Struct, frozen=True):
    """A number of messages, and how many got the right mode before and after learning."""

    messages: int
    before: int
    after: int


class Learning(msgspec.Struct, frozen=True):
    """The result of cross-validation: every figure is of messages held out from training.

    `corrections` are the person's, `others` their uncorrected messages, `shipped` a sample of
    GenPy's training messages. `kept` is whether more of all these are right than before; if not,
    the earlier state stays.
    """

    corrections: Share
    others: Share
    shipped: Share
    seconds: float
    kept: bool
    file: str


async def learn_from(records: Records, settings: Settings) -> Learning:
    """Learn from all corrections of the person, and store the result if it is better."""
    corrected, others = await _training_messages(records)
    detectors = Detectors(open_modes(settings.folder), settings)
    files = LearnedFiles(settings)
    learned, learning = await asyncio.to_thread(
        _learn, detectors.unlearned(), corrected, others, files.path(settings.user)
    )
    if learning.kept:
        files.keep(settings.user, learned)
    return learning


def forget_learned(settings: Settings) -> bool:
    """Remove what was learned for the person; False where nothing was."""
    path = LearnedFiles(settings).path(settings.user)
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed


async def _training_messages(
    records: Records,
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Corrected messages with the right mode, and others with the detected one."""
    corrected: dict[str, str] = {}
    others: dict[str, str] = {}
    for session in await records.sessions(limit=SESSIONS):
        messages = await every_message(records, session.id)
        found = {one.text: one.intent for one in corrections(messages)}
        for text, intent in found.items():
            corrected.setdefault(text, intent)
        if len(others) < OTHERS:
            others.update(
                {text: intent for text, intent in _detected(messages) if text not in found}
            )
    return list(corrected.items()), [row for row in others.items() if row[0] not in corrected]


def _detected(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    texts = {message.id: message.text for message in messages if message.role == "user"}
    for message in messages:
        meta = message.meta
        chosen = meta.intent_score is None or meta.intent_score >= 1
        if meta.reply_to in texts and meta.intent is not None and not chosen:
            yield texts[meta.reply_to], meta.intent


def _learn(
    detector: intents.IntentDetector,
    corrected: Sequence[tuple[str, str]],
    others: Sequence[tuple[str, str]],
    file: Path,
) -> tuple[Learned, Learning]:
    began = time.monotonic()
    rows = [
        *_rows("corrections", detector, corrected),
        *_rows("others", detector, others[:OTHERS], same_alone=True),
        *_rows("shipped", detector, examples.background()),
    ]
    before, after = Counter[str](), Counter[str]()
    folds = min(FOLDS, max(2, len(corrected)))
    for fold in range(folds if corrected else 0):
        taught = learn([lesson for at, (_, lesson) in enumerate(rows) if at % folds != fold], 0)
        for kind, (vector, found, score, intent) in rows[fold::folds]:
            before[kind] += found == intent
            after[kind] += taught.decide(vector, found, score)[0] == intent
    counts = Counter(kind for kind, _ in rows)
    shares = {kind: Share(counts[kind], before[kind], after[kind]) for kind in _KINDS}
    learned = learn([lesson for _, lesson in rows], len(corrected))
    better = sum(after.values()) > sum(before.values())
    seconds = round(time.monotonic() - began, 2)
    return learned, Learning(**shares, seconds=seconds, kept=better, file=str(file))


_KINDS = ("corrections", "others", "shipped")


def _rows(
    kind: str,
    detector: intents.IntentDetector,
    messages: Iterable[tuple[str, str]],
    *,
    same_alone: bool = False,
) -> Iterator[tuple[str, Lesson]]:
    """Training rows of a kind; `same_alone` skips messages whose mode depends on their conversation."""
    for text, intent in messages:
        found = detector.detect(text)
        if not same_alone or found.name == intent:
            vector = examples.weights().vector(linear.features(linear.clip(text)))
            yield kind, Lesson(vector, found.name, found.score, intent)
