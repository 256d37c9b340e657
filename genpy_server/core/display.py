"""Makes control characters in untrusted text visible before it is written to a terminal.

Escape sequences set clipboards and titles, carriage returns overwrite lines, and bidi controls
reorder them. Each such character becomes one glyph of one cell, character by character, so that a
stream may be split anywhere. This is the last step before a terminal; text that is stored, sent,
copied, piped or exported is not changed.

Where text is laid out or edited before it is shown, `protect` replaces each control character by a
private character of one cell, so that it is not treated as white space or as a line end; `visible`
shows its glyph, and `restore` returns the original text.
"""

import re
from datetime import UTC, datetime, tzinfo

from genpy_server.core.patterns import lazy_pattern

_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F
_C1 = range(0x80, 0xA0)  # the same commands as ESC and a letter
_KEPT = {ord("\n"), ord("\t")}
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS = (0x2028, 0x2029)
_SURROGATES = range(0xD800, 0xE000)  # a lone one cannot be encoded
_AGES = ((60, "now", 0), (3_600, "min", 60), (86_400, "h", 3_600), (7 * 86_400, "d", 86_400))
"""Upper limit in seconds, unit, and the seconds of one unit."""

_GLYPHS: dict[int, int | str] = {
    **{code: _CONTROL_PICTURES + code for code in range(0x20) if code not in _KEPT},
    _DELETE: "␡",
    **dict.fromkeys(_C1, "␦"),
    **dict.fromkeys(_BIDI, "⇄"),
    **dict.fromkeys(_SEPARATORS, "␤"),
}
_ACTING = (*_GLYPHS,)
_LOST = dict.fromkeys(_SURROGATES, "\ufffd")
_PRIVATE = 0x100000
_QUOTE = "\U0010fffd"
"""Precedes a private character that was in the original text."""
_PROTECTED: dict[int, int | str] = {
    **{code: _PRIVATE + code for code in _ACTING},
    **{_PRIVATE + code: _QUOTE + chr(_PRIVATE + code) for code in _ACTING},
    ord(_QUOTE): _QUOTE * 2,
    **_LOST,
}
_RESTORABLE = lazy_pattern(
    lambda: f"{_QUOTE}(.)|[{''.join(chr(_PRIVATE + code) for code in _ACTING)}]", re.DOTALL
)
_GLYPHS |= {_PRIVATE + code: glyph for code, glyph in _GLYPHS.items()} | _LOST
_ESCAPES: dict[int, str] = {
    code: f"\\u{code:04x}" for code in (_DELETE, *_C1, *_BIDI, *_SEPARATORS)
}


def visible(text: str) -> str:
    """`text` with glyphs for control characters other than newline and tab; of the same length."""
    return text.translate(_GLYPHS)


def protect(text: str) -> str:
    """`text` with private characters for control characters other than newline and tab."""
    return text.translate(_PROTECTED)


def restore(text: str) -> str:
    """The original text of a protected one."""
    if text.isascii():
        return text
    return _RESTORABLE.sub(lambda found: found[1] or chr(ord(found[0]) - _PRIVATE), text)


def newlines(text: str) -> str:
    """`text` with all line ends as newlines."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str) -> str:
    """`text` on one line, each run of white space as one space."""
    return " ".join(text.split())


def escaped(document: str) -> str:
    """A JSON document with control characters escaped."""
    return document.translate(_ESCAPES)


def count(number: int, thing: str) -> str:
    """A number of things: "1 message", "1,200 messages"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def stars(rating: int | None) -> str:
    """A rating as five glyphs; empty without one."""
    return "" if rating is None else "★" * rating + "☆" * (5 - rating)


def date_time(at: str, zone: tzinfo | None = None) -> str:
    """An ISO time in a time zone, None for the local one: "31 Jan 2026, 12:00"."""
    return f"{datetime.fromisoformat(at).astimezone(zone):%d %b %Y, %H:%M}"


def age(at: str, now: datetime | None = None) -> str:
    """The age of an ISO time in a few letters; its date after a week."""
    then = datetime.fromisoformat(at)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for limit, unit, length in _AGES:
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}" if length else unit
    return f"{then.astimezone():%d %b %Y}"
