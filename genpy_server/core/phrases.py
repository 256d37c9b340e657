"""The phrases of `phrases.txt`, of which patterns and sets of words in ten languages are made."""

import re
from functools import cache
from importlib.resources import files

_SECTION = re.compile(r"^\[([a-z ]+)\]$", re.MULTILINE)
_PART = re.compile(r"\{([A-Z]+)\}")


@cache
def _sections() -> dict[str, list[str]]:
    """The lines of each section, without comments; read on first use."""
    text = (files("genpy_server.core") / "phrases.txt").read_text(encoding="utf-8")
    _, *parts = _SECTION.split(text)
    return {
        name: [line for line in body.splitlines() if line and not line.startswith("#")]
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def phrases(section: str) -> list[str]:
    """The lines of a section."""
    return _sections()[section]


def any_phrase(section: str) -> str:
    """A regular expression that matches any line of a section."""
    return _PART.sub(lambda part: any_phrase(part[1].lower()), "|".join(phrases(section)))
