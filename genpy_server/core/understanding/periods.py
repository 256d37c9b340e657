"""Days that people name by today: yesterday, last week, this month."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal, get_args

Period = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_NAMED = re.compile(
    r"\b(?:(today)|(yesterday)|(?:(this)|(?:the )?(?:last|past|previous)) (week|month))\b",
    re.IGNORECASE,
)

_SET_AGAINST = re.compile(
    r"\b(?:before|after|since|until|till|than|not(?: from| in| of| on)?|except(?: for)?|besides|without|"
    r"excluding)(?: the)? *$",
    re.IGNORECASE,
)
"""What stands in front of a day that is not meant itself: "older than", "not from", "except"."""


def _monday(today: date) -> date:
    return today - today.weekday() * _DAY


def _first(day: date) -> date:
    return day.replace(day=1)


def _next_month(first: date) -> date:
    return _first(first + 31 * _DAY)


_DAYS: dict[Period, Callable[[date], tuple[date, date]]] = {
    "today": lambda today: (today, today + _DAY),
    "yesterday": lambda today: (today - _DAY, today),
    "this_week": lambda today: (_monday(today), _monday(today) + _WEEK),
    "last_week": lambda today: (_monday(today) - _WEEK, _monday(today)),
    "this_month": lambda today: (_first(today), _next_month(_first(today))),
    "last_month": lambda today: (_first(_first(today) - _DAY), _first(today)),
}


def days(period: Period, today: date) -> tuple[date, date]:
    """The first day of a period, and the first day after it; weeks begin on Monday."""
    return _DAYS[period](today)


def period_in(text: str) -> Period | None:
    """The period that a text names first, unless only to set others against it."""
    found = _NAMED.search(text)
    if found is None or _SET_AGAINST.search(text[: found.start()]):
        return None
    today, yesterday, this, unit = found.groups()
    name = (today or yesterday or f"{'this' if this else 'last'}_{unit}").lower()
    return next(period for period in PERIODS if period == name)
