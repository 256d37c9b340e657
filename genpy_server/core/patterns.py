"""Regular expressions that are compiled on first use."""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import ClassVar


class LazyPattern:
    """Like `re.compile`, but compiled on first use: long patterns take some milliseconds."""

    _made: ClassVar[list["LazyPattern"]] = []

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._pattern = pattern
        self._flags = flags
        self._made.append(self)

    @classmethod
    def compile_all(cls) -> None:
        """Compile every pattern; a server does so in a thread at the start."""
        for pattern in cls._made:
            _ = pattern.compiled

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled pattern."""
        return re.compile(self._pattern, self._flags)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match anywhere in a text."""
        return self.compiled.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        """The match at the beginning of a text."""
        return self.compiled.match(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of a whole text."""
        return self.compiled.fullmatch(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Every match, from left to right."""
        return self.compiled.finditer(text)

    def findall(self, text: str) -> list[str]:
        """The text of every match of a pattern without groups."""
        return self.compiled.findall(text)

    def sub(
        self, replacement: str | Callable[[re.Match[str]], str], text: str, count: int = 0
    ) -> str:
        """The text with matches replaced, all or the first `count`."""
        return self.compiled.sub(replacement, text, count)
