"""Replies of any length, of the kinds that terminals find hard; the same for every run."""

import random
from collections.abc import Callable

CHARS_PER_TOKEN = 4
WORDS = (
    "the quick brown fox jumps over a lazy dog while **bold** words and `code` appear in "
    "[links](https://example.org) and *quiet* remarks about nothing in particular"
).split(" ")


def _sentence(dice: random.Random, words: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(words)) + "."


def mixed(chars: int) -> str:
    """Paragraphs, lists, code, tables and headings in turn."""
    dice, parts, size = random.Random(1), list[str](), 0
    while size < chars:
        kind = dice.randrange(7)
        if kind <= 2:
            part = _sentence(dice, 50)
        elif kind == 3:
            rows = (f"def function_{n}(x):\n    return x + {n}  # a note" for n in range(6))
            part = "```python\n" + "\n\n".join(rows) + "\n```"
        elif kind == 4:
            part = "\n".join(f"- {_sentence(dice, 9)}" for _ in range(7))
        elif kind == 5:
            rows = (f"| {n} | value {n} | {dice.random():.3f} |" for n in range(7))
            part = "| a | b | c |\n|---|---|--:|\n" + "\n".join(rows)
        else:
            part = f"## Section {len(parts)}"
        parts.append(part)
        size += len(part) + 2
    return "\n\n".join(parts)[:chars]


def fence(chars: int) -> str:
    """One block of code."""
    lines = (f"    value_{n} = compute(value_{n - 1}, {n}) + 'text'" for n in range(chars // 40))
    return ("```python\n" + "\n".join(lines))[:chars]


def bullets(chars: int) -> str:
    """One list."""
    dice = random.Random(2)
    return "\n".join(f"- {_sentence(dice, 8)}" for _ in range(chars // 40))[:chars]


def table(chars: int) -> str:
    """One table."""
    rows = (f"| {n} | value number {n} | **{n % 7}** |" for n in range(chars // 24))
    return ("| n | value | weekday |\n|---|---|---|\n" + "\n".join(rows))[:chars]


def paragraph(chars: int) -> str:
    """One paragraph without a line break."""
    dice = random.Random(3)
    return " ".join(_sentence(dice, 12) for _ in range(chars // 50))[:chars]


KINDS: dict[str, Callable[[int], str]] = {
    "mixed": mixed,
    "fence": fence,
    "list": bullets,
    "table": table,
    "paragraph": paragraph,
}


def reply(kind: str, tokens: int) -> str:
    """A reply of so many tokens."""
    return KINDS[kind](tokens * CHARS_PER_TOKEN)
