"""Regular expressions that are compiled on first use."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

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
