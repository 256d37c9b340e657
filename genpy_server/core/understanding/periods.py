"""Periods that people name relative to today, such as "last week", in ten languages."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Literal, NamedTuple, get_args

from genpy_server.core.patterns import PHRASES, lazy_pattern, lowered
from genpy_server.core.words import APART, ENDS

Period = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_NAMED = lazy_pattern(lambda: f"{APART}(?:{'|'.join(map(_named_group, PERIODS))}){ENDS}")
"""Each period's names, as whole words; Chinese and Japanese ones stand between other letters."""


def _in_front(section: str) -> str:
    return rf"\b(?:{PHRASES.any_of(section)})(?: the| la| el| o| a)? *$"


_SINCE, _BEFORE, _SET_AGAINST = (
    lazy_pattern(partial(_in_front, section)) for section in ("since", "before", "set against")
)
"""What stands in front of a time; behind the last a day is not meant itself: "older than", "except"."""
_SINCE_BEHIND = lazy_pattern(lambda: rf" *(?:{PHRASES.any_of('since behind')})")
_BEFORE_BEHIND = lazy_pattern(lambda: rf" *(?:{PHRASES.any_of('before behind')})")
"""The same in languages that put it behind the time."""
_SPEAKS_FRENCH = lazy_pattern(lambda: rf"\b(?:{PHRASES.any_of('speaks french')})\b")
_SPEAKS_GERMAN = lazy_pattern(lambda: rf"\b(?:{PHRASES.any_of('speaks german')})\b")
"""Beside the first, and without the second, "hier" is a time and not the German word for "here"."""
_BOUNDS: tuple[tuple[Literal["since", "until"], re.Pattern[str], re.Pattern[str]], ...] = (
    ("since", _SINCE, _SINCE_BEHIND),
    ("until", _BEFORE, _BEFORE_BEHIND),
)


def _named_group(period: Period) -> str:
    return f"(?P<{period}>{PHRASES.any_of(period.replace('_', ' '))})"


def _monday(today: date) -> date:
    return today - today.weekday() * _DAY


def _first(day: date) -> date:
    return day.replace(day=1)


_DAYS: dict[Period, Callable[[date], tuple[date, date]]] = {
    "today": lambda today: (today, today + _DAY),
    "yesterday": lambda today: (today - _DAY, today),
    "this_week": lambda today: (_monday(today), _monday(today) + _WEEK),
    "last_week": lambda today: (_monday(today) - _WEEK, _monday(today)),
    "this_month": lambda today: (_first(today), _first(_first(today) + 31 * _DAY)),
    "last_month": lambda today: (_first(_first(today) - _DAY), _first(today)),
}


def days(period: Period, today: date) -> tuple[date, date]:
    """The first day of a period, and the first day after it; weeks begin on Monday."""
    return _DAYS[period](today)


class Named(NamedTuple):
    """A period that a text names, and where that stands in it.

    `use` says what of it is meant: the "period" itself, what comes "since" it began, or what was
    there "until" it began.
    """

    use: Literal["period", "since", "until"]
    period: Period
    start: int
    end: int


def find_period(text: str) -> Named | None:
    """The period that a text names first; None when there is none or it is excluded."""
    low = lowered(text)
    named = (
        one for one in _NAMED.finditer(low) if not one[0].startswith("hier") or _is_french(low)
    )
    found = next(named, None)
    if found is None:
        return None
    period = next(name for name in PERIODS if found[name])
    before, rest = low[: found.start()], low[found.end() :]
    if before.endswith("the day before "):
        return None
    for use, front, behind in _BOUNDS:
        if bound := front.search(before):
            return Named(use, period, bound.start(), found.end())
        if bound := behind.match(rest):
            return Named(use, period, found.start(), found.end() + bound.end())
    if _SET_AGAINST.search(before):
        return None
    return Named("period", period, *found.span())


def _is_french(low: str) -> bool:
    return _SPEAKS_FRENCH.search(low) is not None and _SPEAKS_GERMAN.search(low) is None


_OTHER_TIME = lazy_pattern(lambda: rf"\b(?:{PHRASES.any_of('other times')})(?!\w)")
_UNSPACED_TIME = lazy_pattern(lambda: PHRASES.any_of("unspaced times"))
"""Times that no period is named for."""


def find_other_time(text: str) -> tuple[int, int] | None:
    """Where a text names a time that is no `Period`, such as "in March"; None where it does not."""
    found = _OTHER_TIME.search(lowered(text))
    if found is None and not text.isascii():
        found = _UNSPACED_TIME.search(text)
    return None if found is None else found.span()
