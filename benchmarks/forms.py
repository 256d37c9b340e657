"""Training messages composed of forms: sentences with alternatives, and slots for words.

A file of forms has one JSON object a line. `{"language", "slots"}` names the words of the slots for the
forms behind it; every other line is a form: `[a|b]` is a or b, `{name}` one of the words of that name,
`times` how many messages it makes. Forms put the same words into sentences that want different things, so
that a model learns the sentence and not its subject.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

QUESTION_MARKS = {"ar": "\u061f", "zh": "\uff1f", "ja": "\uff1f"}
CONTRACTED = {
    "fr": {" de le ": " du ", " de les ": " des ", " à le ": " au "},
    "es": {" de el ": " del ", " a el ": " al "},
    "pt": {
        " de o ": " do ", " de a ": " da ", " de os ": " dos ", " de as ": " das ",
        " a o ": " ao ", " a a ": " à ",
    },
}  # fmt: skip
"""What two words become one behind another in some languages."""
TRAINED = ("train", "parts", "forms", "examples")
"""Files of messages that are trained on; all others are held out."""
_ALTERNATIVES = re.compile(r"\[([^][]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


class Composed(NamedTuple):
    """A message, the line of its form, and the word drawn for each slot."""

    text: str
    form: dict[str, Any]
    drawn: dict[str, str]


def bare(text: str) -> str:
    """A text without case and signs, as two writings of one message agree."""
    return " ".join(re.findall(r"\w+", text.lower())) or text


def composed(
    path: Path, times: int, chance: random.Random, lines: int | None = None
) -> Iterator[Composed]:
    """So many messages of each form or as many as it says, some of them twice; none is held out.

    With a number of `lines`, only of the first so many of the file.
    """
    taken = {bare(text) for text in held_out(path.parent)}
    slots: dict[str, list[str]] = {}
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()[:lines]):
        if "slots" in row:
            slots = row["slots"]
            continue
        for _ in range(row.get("times", times)):
            text, drawn = _filled(row["form"], slots, row["language"], chance)
            if bare(text) not in taken:
                yield Composed(text, row, drawn)


def held_out_files(folder: Path, kind: str = "*") -> list[Path]:
    """The files of messages that are not trained on; those of a kind, which is "intents" or "tools"."""
    paths = sorted(folder.glob(f"{kind}_*.jsonl"))
    return [path for path in paths if path.stem.split("_")[-1] not in TRAINED]


def held_out(folder: Path) -> Iterator[str]:
    """The messages of all files that are not trained on."""
    for path in held_out_files(folder):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]


def _filled(
    form: str, slots: dict[str, list[str]], language: str, chance: random.Random
) -> tuple[str, dict[str, str]]:
    """One message; some get a question mark or a capital."""
    text = _ALTERNATIVES.sub(lambda found: chance.choice(found[1].split("|")), form)
    drawn = dict[str, str]()
    while found := _SLOT.search(text):
        drawn[found[1]] = word = chance.choice(slots[found[1]])
        text = f"{text[: found.start()]}{word}{text[found.end() :]}"
    for apart, together in CONTRACTED.get(language, {}).items():
        text = text.replace(apart, together)
    text = " ".join(text.split())
    if chance.random() < 0.3:
        text += QUESTION_MARKS.get(language, "?")
    if chance.random() < 0.5:
        text = text[:1].upper() + text[1:]
    return text, drawn
