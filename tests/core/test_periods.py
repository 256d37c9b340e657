"""Periods named by today."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.understanding.periods import PERIODS, days, period_in

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        ("today", date(2026, 11, 24), date(2026, 11, 25)),
        ("yesterday", date(2026, 11, 23), date(2026, 11, 24)),
        ("this_week", date(2026, 11, 23), date(2026, 11, 30)),
        ("last_week", date(2026, 11, 16), date(2026, 11, 23)),
        ("this_month", date(2026, 11, 1), date(2026, 12, 1)),
        ("last_month", date(2026, 10, 1), date(2026, 11, 1)),
    ],
)
def test_period_is_a_range_of_days(period, first, after):
    """A period begins on its first day and ends before the day after it."""
    assert days(period, TUESDAY) == (first, after)


@given(today=st.dates(date(1971, 1, 1), date(2200, 1, 1)), period=st.sampled_from(PERIODS))
def test_periods_hold_on_every_day(today, period):
    """On any day a period is not empty, and only the past ones leave today out."""
    first, after = days(period, today)
    assert first < after
    assert (first <= today < after) == (period in {"today", "this_week", "this_month"})
    assert after - first <= timedelta(days=31)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("What did we talk about last week?", "last_week"),
        ("show my chats of the past month", "last_month"),
        ("my conversations from Yesterday", "yesterday"),
        ("list this week please", "this_week"),
        ("show my sessions", None),
        ("weekly last", None),
        ("show me chats older than last week", None),
        ("what did we discuss before today?", None),
        ("show me all my chats except today's", None),
        ("show my sessions not from today", None),
        ("what did we talk about the week before last week?", None),
        ("I forgot, what did we not finish yesterday?", "yesterday"),
    ],
)
def test_period_is_found_in_a_text(text, period):
    """A period is read from a question as people put it."""
    assert period_in(text) == period
