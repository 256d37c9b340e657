"""Periods that people name relative to today, such as "last week", in ten languages."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from genpy_server.core.patterns import LazyPattern

Period = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_NAMES: dict[Period, str] = {
    "today": r"today|heute|aujourd['\u2019]hui|hoy|hoje|сегодня(?:шн\w*)?|اليوم|आज|今天|今日",
    "yesterday": r"yesterday|gestern|d['\u2019]hier|hier(?=\W*$)|ayer|ontem|вчера(?:шн\w*)?|[أا]مس|البارحة"
    "|कल|昨天|昨日",
    "this_week": r"this week|(?:in )?diese[rn]? woche|cette semaine|esta semana|(?:на )?этой неделе"
    "|هذا [اأ]لأ?سبوع|इस (?:हफ़्ते|हफ्ते|सप्ताह)|这周|本周|这个星期|今週",
    "last_week": r"(?:the )?(?:last|past|previous) week|letzte[rn]? woche|la semaine (?:derni[èe]re|pass[ée]e)"
    r"|(?:la )?semana pasada|(?:na )?semana passada|(?:на |за )?прошл\w+ недел\w"
    "|ال[أا]سبوع الماضي|पिछले (?:हफ़्ते|हफ्ते|सप्ताह)|上周|上星期|上个星期|先週",
    "this_month": r"this month|diese[nms]{1,2} monat|ce mois(?:-ci)?|este m[eê]s|(?:в )?этом месяце"
    "|هذا الشهر|इस महीने|这个月|本月|今月",
    "last_month": r"(?:the )?(?:last|past|previous) month|letzte[nr]{1,2} monat|le mois dernier"
    r"|(?:el )?mes pasado|(?:no )?m[eê]s passado|(?:в |за )?прошл\w+ месяц\w?|الشهر الماضي"
    "|पिछले महीने|上个月|上月|先月",
}
_LETTER = r"(?-i:[^\W\u3040-\u30ff\u4e00-\u9fff])"
"""Not one of a script without spaces, nor without case: that takes `re` 30 ms to compile."""
_NAMED = LazyPattern(
    rf"(?<!{_LETTER})(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _NAMES.items())})"
    rf"(?!{_LETTER})",
    re.IGNORECASE,
)
"""Each period's names, as whole words; Chinese and Japanese ones stand between other letters."""
_SINCE = LazyPattern(
    r"\b(?:since|after|seit|ab|depuis|desde|\u0441)(?: the| la| el| o| a)? *$", re.IGNORECASE
)
_BEFORE = LazyPattern(
    r"\b(?:before|until|till|older than|vor|bis|avant|antes de|до)(?: the| la| el| o| a)? *$",
    re.IGNORECASE,
)
_SET_AGAINST = LazyPattern(
    r"\b(?:before|after|since|until|till|than|not(?: from| in| of| on)?|except(?: for)?|besides|without"
    r"|excluding|vor|nach|seit|bis|außer|nicht von|avant|après|depuis|sauf|antes de|después de|desde|salvo"
    r"|depois de|exceto|до|после|кроме|\u0441)(?: the| la| el| o| a)? *$",
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
    found = _NAMED.search(text)
    if found is None:
        return None
    period = next(name for name in PERIODS if found[name])
    before = text[: found.start()]
    since, until = _SINCE.search(before), _BEFORE.search(before)
    if since is not None:
        return Named("since", period, since.start(), found.end())
    if until is not None:
        return Named("until", period, until.start(), found.end())
    if _SET_AGAINST.search(before):
        return None
    return Named("period", period, *found.span())
