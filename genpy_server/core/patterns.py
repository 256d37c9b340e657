"""Regular expressions that are compiled on first use, and the phrases of which they are made.

In a file `phrases.txt` a line `## NAME` begins a section; lines that begin with a single # are
comments.
"""

import re
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from genpy_server.core.words import words

_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_PART = re.compile(r"\{([A-Z]+)\}")
_MADE: list["_LazyPattern"] = []


class _LazyPattern:
    """Has the methods of the compiled pattern, each from its first use on."""

    def __init__(self, pattern: str | Callable[[], str], flags: re.RegexFlag) -> None:
        self._pattern = pattern
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        pattern = self._pattern if isinstance(self._pattern, str) else self._pattern()
        return re.compile(pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.compiled, name)
        setattr(self, name, method)
        return method


def lazy_pattern(
    pattern: str | Callable[[], str], flags: re.RegexFlag = re.NOFLAG
) -> re.Pattern[str]:
    """`re.compile` of a pattern or of what a function returns, done on first use.

    Long patterns take some milliseconds.
    """
    made = _LazyPattern(pattern, flags)
    _MADE.append(made)
    return cast("re.Pattern[str]", made)


def lowered(text: str) -> str:
    """The text in lower case, every character in its place: in it patterns find places in the text.

    A pattern that ignores case takes `re` twice as long.
    """
    low = text.lower()
    if len(low) != len(text):
        low = "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
    return low


def compile_all() -> None:
    """Compile every pattern; a server does so in a thread at the start."""
    for pattern in _MADE:
        _ = pattern.compiled


class Phrases:
    """The sections of a file, which is read on first use."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @cached_property
    def sections(self) -> dict[str, list[str]]:
        """The lines of each section, in the order of the file."""
        _, *parts = _SECTION.split(self._file.read_text(encoding="utf-8"))
        return {
            name: [line for line in body.splitlines() if line and not line.startswith("#")]
            for name, body in zip(parts[::2], parts[1::2], strict=True)
        }

    def pairs(self, section: str) -> dict[str, str]:
        """The lines of a section of the form `KEY = VALUE`; without a value it is empty."""
        return {
            key: value for key, _, value in (one.partition(" = ") for one in self.sections[section])
        }

    def any_of(self, section: str) -> str:
        """A regular expression that matches any line of a section; {NAME} in it is a section."""
        return _PART.sub(
            lambda part: self.any_of(part[1].lower()), "|".join(self.sections[section])
        )


PHRASES = Phrases(Path(__file__).with_name("phrases.txt"))


@cache
def written(*sections: str) -> frozenset[str]:
    """The words of sections of the phrases, as they are written there."""
    lines = [line for section in sections for line in PHRASES.sections[section]]
    return frozenset(" ".join(lines).split())


@cache
def listed(section: str) -> frozenset[str]:
    """The words of a section of the phrases, as `words` writes them."""
    return frozenset(words(" ".join(PHRASES.sections[section])))
