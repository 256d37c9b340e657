"""Periods named by today."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.understanding.periods import PERIODS, days, find_other_time, find_period

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


def named(text):
    found = find_period(text)
    return found and (found.use, found.period)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("What did we talk about last week?", "last_week"),
        ("show my chats of the past month", "last_month"),
        ("my conversations from Yesterday", "yesterday"),
        ("list this week please", "this_week"),
        ("I forgot, what did we not finish yesterday?", "yesterday"),
        ("Was haben wir letzte Woche besprochen?", "last_week"),
        ("on a parlé du chat hier", "yesterday"),
        ("j'avais dit quoi hier au sujet de la crèche", "yesterday"),
        ("hab ich hier schon letzte woche was gesagt", "last_week"),
        ("maine pichle hafte kuch kaha tha", "last_week"),
        ("de quoi avons-nous parlé hier ?", "yesterday"),
        ("¿de qué hablamos el mes pasado?", "last_month"),
        ("do que falamos hoje?", "today"),
        ("обсуждали на прошлой неделе", "last_week"),
        ("عن ماذا تحدثنا أمس؟", "yesterday"),
        ("पिछले महीने हमने क्या बात की", "last_month"),
        ("我们上周聊了什么", "last_week"),
        ("先月は何を話した", "last_month"),
        ("did I mention the key this morning?", "today"),
        ("was habe ich heute früh gesagt", "today"),
        ("qu'est-ce que j'ai dit hier sur le loyer ?", "yesterday"),
        ("今天早上我说了什么", "today"),
        ("what did I say about the lease ystrdy", "yesterday"),
        ("did I mention Oslo lst wk", "last_week"),
        ("hab ich letze Woche was gesagt", "last_week"),
        ("was habe ich gstern gesagt", "yesterday"),
        ("j'ai dit quoi sur le bail ajd", "today"),
        ("que dije del alquiler la sem pasada", "last_week"),
        ("eu falei do dentista otem", "yesterday"),
        ("o q eu falei hj", "today"),
        ("что я севодня писал", "today"),
        ("что обсуждали на прошлой нед", "last_week"),
        ("ايش قلت عن الايجار الاسبوع اللي راح", "last_week"),
        ("मैंने गत सप्ताह क्या कहा", "last_week"),
        ("上礼拜我说过房租吗", "last_week"),
        ("我昨儿说了什么", "yesterday"),
        ("きょう何を書いた？", "today"),
        ("what did I say yesterday evening", "yesterday"),
        ("on a dit quoi hier soir", "yesterday"),
        ("昨日の夜何を書いた", "yesterday"),
        ("discussions du mois dernier", "last_month"),
        ("на той неделе мы считали смету", "last_week"),
        ("上一个月聊了什么", "last_month"),
    ],
)
def test_a_period_is_found_in_ten_languages(text, period):
    """A period is read from a question as people write it."""
    assert named(text) == ("period", period)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("what did I say about rent since last week?", ("since", "last_week")),
        ("what did we discuss before today?", ("until", "today")),
        ("show me chats older than last week", ("until", "last_week")),
        ("was habe ich seit gestern gesagt", ("since", "yesterday")),
        ("depuis hier, ai-je parlé du loyer ?", ("since", "yesterday")),
        ("¿qué dije desde la semana pasada?", ("since", "last_week")),
        ("o que falei antes de ontem", ("until", "yesterday")),
        ("что я говорил до сегодня", ("until", "today")),
        ("ماذا قلت منذ أمس", ("since", "yesterday")),
        ("मैंने कल से क्या कहा", ("since", "yesterday")),
        ("मैंने आज से पहले क्या कहा", ("until", "today")),
        ("我上周以来说了什么", ("since", "last_week")),
        ("昨日から何を話した", ("since", "yesterday")),
        ("今月より前の会話", ("until", "this_month")),
    ],
)
def test_a_bound_is_told_from_the_period_itself(text, use):
    """Since and before a period mean what begins or ends with it."""
    assert named(text) == use


@pytest.mark.parametrize(
    "text",
    [
        "show my sessions",
        "weekly last",
        "show me all my chats except today's",
        "show my sessions not from today",
        "hab ich das hier gesagt",
        "war die Miete schon mal Thema hier?",
        "what did I say the day before yesterday",
        "habe ich die Leute erwähnt",
        "War die Wärmepumpe hier je Thema?",
        "べんきょうの話したっけ",
    ],
)
def test_a_text_without_a_period_has_none(text):
    """Words that only look like a period, and excluded ones, name none."""
    assert find_period(text) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("did I mention the boat in March?", "in March"),
        ("what did we decide three days ago?", "three days ago"),
        ("hab ich am Montag die Miete erwähnt", "am Montag"),
        ("ai-je parlé du loyer il y a deux jours ?", "il y a deux jours"),
        ("¿hablé del alquiler el lunes?", "el lunes"),
        ("falei do aluguel na sexta?", "na sexta"),
        ("я упоминал аренду в четверг?", "в четверг"),
        ("هل ذكرت الإيجار يوم الجمعة؟", "يوم الجمعة"),
        ("क्या मैंने सोमवार को किराए का ज़िक्र किया", "सोमवार को"),
        ("我星期一提到过房租吗", "星期一"),
        ("月曜に家賃の話した？", "月曜に"),
        ("what did I say about tea over the last three days", "over the last three days"),
        ("did we name the boat between 1 May and 10 May?", "between 1 May and 10 May"),
        ("what did I say before the 3rd of May?", "before the 3rd of May"),
        ("was sagte ich in den letzten drei Tagen", "in den letzten drei Tagen"),
        ("ai-je parlé du loyer ces trois derniers jours", "ces trois derniers jours"),
        ("¿qué dije en los últimos dos días?", "en los últimos dos días"),
        ("o que falei nos últimos dias", "nos últimos dias"),
        ("что я писал за последние три дня", "за последние три дня"),
        ("ماذا قلت في آخر ثلاثة أيام", "في آخر ثلاثة أيام"),
        ("पिछले तीन दिनों में मैंने क्या कहा", "पिछले तीन दिनों में"),
        ("最近三天我说了什么", "最近三天"),
        ("この三日間何を話した", "この三日間"),
        ("I write to her tonight, what did I say", "tonight"),
        ("did we talk about Friday the 13th", None),
        ("what lies between cats and dogs", None),
        ("parlare di maiali", None),
    ],
)
def test_another_time_is_found_in_ten_languages(text, time):
    """A weekday, a month and a number of days ago are found where they stand."""
    place = find_other_time(text)
    assert (place and text[slice(*place)]) == time
