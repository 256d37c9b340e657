"""Periods that people name relative to today, such as "last week", in ten languages."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from genpy_server.core.patterns import lazy_pattern

Period = Literal["today", "yesterday", "this_week", "last_week", "this_month", "last_month"]
PERIODS: tuple[Period, ...] = get_args(Period)

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_NAMES: dict[Period, str] = {
    "today": r"(?:earlier )?today|this (?:morning|afternoon)|heute(?: (?:morgen|früh|vormittag|mittag|nachmittag))?|ce matin"
    r"|aujourd['\u2019]hui|esta mañana|hoy|hoje(?: (?:cedo|de manhã))?|сегодня(?: утром|шн\w*)?|هذا الصباح|صباح اليوم|اليوم"
    "|आज(?: सुबह)?|今早|今天(?:早上|上午|下午)?|今朝|今日",
    "yesterday": r"yesterday|gestern|d['\u2019]hier|(?<=depuis )hier|(?<=avant )hier|hier(?=\W*$)|(?:(?<=dit )|(?<=parlé )|(?<=écrit ))hier(?= (?:à|au|sur|de|du)\b)|ayer|ontem|вчера(?:шн\w*)?|[أا]مس|البارحة"
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
_NAMED = lazy_pattern(
    rf"(?<!{_LETTER})(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _NAMES.items())})"
    rf"(?!{_LETTER})",
    re.IGNORECASE,
)
"""Each period's names, as whole words; Chinese and Japanese ones stand between other letters."""
_SINCE = lazy_pattern(
    r"\b(?:since|after|seit|ab|depuis|desde|\u0441|\u0441\u043e|منذ|自|自从)(?: the| la| el| o| a)? *$",
    re.IGNORECASE,
)
_BEFORE = lazy_pattern(
    r"\b(?:before|until|till|older than|vor|bis|avant|antes de|до|قبل|حتى)(?: the| la| el| o| a)? *$",
    re.IGNORECASE,
)
_SINCE_BEHIND = lazy_pattern(r" *(?:से(?! पहले)|から|以来|以后|之后)")
_BEFORE_BEHIND = lazy_pattern(r" *(?:से पहले|तक|之前|以前|より前|まで)")
"""The same in languages that put it behind the time."""
_BOUNDS: tuple[tuple[Literal["since", "until"], re.Pattern[str], re.Pattern[str]], ...] = (
    ("since", _SINCE, _SINCE_BEHIND),
    ("until", _BEFORE, _BEFORE_BEHIND),
)
_SET_AGAINST = lazy_pattern(
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
    before, rest = text[: found.start()], text[found.end() :]
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


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?: 20\d\d)?|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? 20\d\d)?"
    r"|\d{1,2}(?:st|nd|rd|th)|20\d\d-\d\d-\d\d|\d{1,2}[./]\d{1,2}(?:[./](?:20)?\d\d)?"
)
"""A day as English writes it."""
_NUMBERS = r"\d{1,3}|[一二两三四五六七八九十几]{1,2}"
_OTHER_TIMES = (
    (
        r"(?:since|before|after|until|till|on|in|last|this) (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january"
        r"|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|winter"
        r"|christmas|year|morning|evening|night|20\d\d)|(?:\d+|an?|two|three|a few) (?:hour|day|week|month|year)s? ago|tonight"
        r"|(?:(?:in|from|within|over|during) )?the (?:last|past) (?:[\w-]+ |couple of )?(?:hour|day|week|month|year)s?"
        rf"|the day before yesterday|between (?:(?:the )?\d{{1,2}}(?:st|nd|rd|th)?|{_DATE}) and (?:the )?(?:{_DATE}|\d{{1,2}}(?:st|nd|rd|th)?)"
        rf"|(?:since|before|after|until|till|on|from|around) (?:the )?(?:{_DATE})"
    ),
    (
        r"(?:am|im|seit|vor|nach|letzte[nrs]?|diese[nrs]?) (?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|januar|februar|märz|april"
        r"|mai|juni|juli|august|september|oktober|november|dezember|frühling|sommer|herbst|winter|jahr|20\d\d)"
        r"|vor (?:\d+|eine[rm]|zwei|drei|ein paar) (?:stunde|tag|woche|monat|jahr)e?n?|vorgestern|heute abend"
        r"|(?:in den|die) letzten (?:\w+ )?(?:stunden|tagen?|wochen|monaten?|jahren?)|(?:am|seit dem|vor dem|bis zum) \d{1,2}\.(?: ?\d{1,2}\.|"
        r" (?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember))?"
    ),
    (
        r"(?:(?:depuis|avant|de) )?(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)(?: dernier)?|en (?:janvier|février|mars|avril"
        r"|mai|juin|juillet|août|septembre|octobre|novembre|décembre|20\d\d)|avant-hier|l['\u2019]année dernière|ce soir"
        r"|(?:ces|(?:dans|durant|pendant) les|au cours des) (?:\w+ )?derni(?:er|[èe]re)s (?:heures|jours|semaines|mois|années)"
        r"|(?:depuis |avant )?le \d{1,2} (?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
        r"|il y a (?:\d+|une?|deux|trois|quelques) (?:heure|jour|semaine|mois|an)s?"
    ),
    (
        r"(?:desde |antes d)?el (?:lunes|martes|miércoles|jueves|viernes|sábado|domingo)(?: pasado)?|en (?:enero|febrero|marzo|abril"
        r"|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|20\d\d)|anteayer|anoche|el año pasado|esta noche"
        r"|(?:en )?(?:los|las) últim[oa]s (?:\w+ )?(?:horas|días|semanas|meses|años)|(?:desde |antes d)?el \d{1,2} de (?:enero|febrero|marzo"
        r"|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)"
        r"|hace (?:\d+|una?|dos|tres|un[oa]s) (?:hora|día|semana|mes|año)(?:e?s)?"
    ),
    (
        r"(?:desde |antes d|n)?[oa] (?:segunda|terça|quarta|quinta|sexta|sábado|domingo)(?:-feira)?(?: passad[oa])?|em (?:janeiro"
        r"|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro|20\d\d)|anteontem|ano passado"
        r"|(?:há )?(?:\d+|uma?|dois|duas|três|algu(?:ns|mas)) (?:hora|dia|semana|m[eê]s|ano)(?:e?s)? atrás"
        r"|(?:nos|nas) últim[oa]s (?:\w+ )?(?:horas|dias|semanas|meses|anos)|(?:no |desde o |antes do )?dia \d{1,2}(?: de (?:janeiro|fevereiro"
        r"|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro))?"
    ),
    (
        r"(?:(?:в|во|\u0441|до) )(?:понедельник|вторник|сред\w|четверг|пятниц\w|суббот\w|воскресень\w|январ\w|феврал\w|март\w?"
        r"|апрел\w|ма\w|июн\w|июл\w|август\w|сентябр\w|октябр\w|ноябр\w|декабр\w|прошлом году|20\d\d)|позавчера"
        r"|(?:(?:\d+|две|два|три|пару) )?(?:час\w*|день|дн\w+|недел\w+|месяц\w*|год\w*|лет) назад|на днях"
        r"|за последни[ей] (?:\w+ )?(?:час\w*|дн\w+|недел\w+|месяц\w*)|(?:\u0441 |до )?\d{1,2} (?:января|февраля|марта|апреля|мая|июня|июля"
        r"|августа|сентября|октября|ноября|декабря)"
    ),
    (
        r"يوم (?:الا?ثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت|الأحد)|في (?:يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر"
        r"|أكتوبر|نوفمبر|ديسمبر|20\d\d)|قبل (?:\d+ )?(?:ساع|يوم|أيام|أسبوع|أسابيع|شهر|أشهر|سن)\w*|العام الماضي|أول أمس"
        r"|(?:في|خلال) (?:آخر [^\s]+ ?(?:أيام|أسابيع|أشهر|ساعات)?|(?:الأيام|الأسابيع|الأشهر) (?:[^\s]+ )?(?:الماضية|الأخيرة))"
    ),
    (
        r"(?:सोमवार|मंगलवार|बुधवार|गुरुवार|शुक्रवार|शनिवार|रविवार)(?: को| से)?|(?:जनवरी|फ़?फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|अक्टूबर"
        r"|नवंबर|दिसंबर|20\d\d) (?:में|से)|(?:\d+|एक|दो|तीन|कुछ) (?:घंटे|दिन|हफ्ते|हफ़्ते|महीने|साल) पहले|परसों|पिछले साल"
        r"|पिछले (?:[^\s]+ )?(?:घंटों|दिनों|हफ्तों|हफ़्तों|महीनों) (?:में|से)"
    ),
)
_OTHER_TIMES_UNSPACED = (
    rf"(?:星期|礼拜|周)[一二三四五六日天]|(?:{_NUMBERS})月份?|(?:{_NUMBERS})个?(?:小时|天|周|星期|月|年)前|前天|前几天|去年|今年"
    rf"|(?:最近|过去|这)(?:{_NUMBERS})个?(?:小时|天|周|星期|月|年)|(?:ここ|この|過去)(?:{_NUMBERS})(?:時間|日|週間|か月|ヶ月|年)間?"
    rf"|[月火水木金土日]曜日?に?|(?:{_NUMBERS})(?:時間|日|週間|か月|ヶ月|年)前|一昨日|おととい|昨年|この間"
)


_OTHER_TIME = lazy_pattern(
    rf"\b(?:{'|'.join(_OTHER_TIMES)})(?!\w)|{_OTHER_TIMES_UNSPACED}", re.IGNORECASE
)
"""A time that no period is named for."""


def find_other_time(text: str) -> tuple[int, int] | None:
    """Where a text names a time that is no `Period`, such as "in March"; None where it does not."""
    found = _OTHER_TIME.search(text)
    return None if found is None else found.span()
