"""Phrases of which patterns and sets of words are made, from a file `phrases.txt`.

A line `## NAME` begins a section; lines that begin with a single # are comments.
"""

import re
from functools import cache, cached_property
from pathlib import Path

from genpy_server.core.words import words

_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_PART = re.compile(r"\{([A-Z]+)\}")


class Phrases:
    """The sections of a file, which is read on first use."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._words: dict[tuple[str, ...], frozenset[str]] = {}

    @cached_property
    def sections(self) -> dict[str, list[str]]:
        """The lines of each section, in the order of the file."""
        _, *parts = _SECTION.split(self._file.read_text(encoding="utf-8"))
        return {
            name: [line for line in body.splitlines() if line and not line.startswith("#")]
            for name, body in zip(parts[::2], parts[1::2], strict=True)
        }

    def lines(self, section: str) -> list[str]:
        """The lines of a section."""
        return self.sections[section]

    def words(self, *sections: str) -> frozenset[str]:
        """The words of sections, as they are written there."""
        if sections not in self._words:
            lines = [line for section in sections for line in self.lines(section)]
            self._words[sections] = frozenset(" ".join(lines).split())
        return self._words[sections]

    def pairs(self, section: str) -> dict[str, str]:
        """The lines of a section of the form `KEY = VALUE`; without a value it is empty."""
        return {
            key: value for key, _, value in (one.partition(" = ") for one in self.lines(section))
        }

    @cached_property
    def short_for(self) -> dict[str, str]:
        """What words are short for that hurried people write."""
        return self.pairs("short for")

    def any_of(self, section: str) -> str:
        """A regular expression that matches any line of a section; {NAME} in it is a section."""
        return _PART.sub(lambda part: self.any_of(part[1].lower()), "|".join(self.lines(section)))


PHRASES = Phrases(Path(__file__).with_name("phrases.txt"))


@cache
def listed(section: str) -> frozenset[str]:
    """The words of a section of the phrases, as `words` writes them."""
    return frozenset(words(" ".join(PHRASES.lines(section))))
