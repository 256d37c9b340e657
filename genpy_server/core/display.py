"""Text that nobody trusts, on its way to a terminal: what would act there is shown instead.

Escape sequences set clipboards and titles, carriage returns overwrite what was read, and bidi
controls show a line in another order than it has. Each such character becomes one glyph of one
cell, character by character, so that a stream may be cut anywhere. This is the last step before
the cells of a terminal; text that is stored, sent, copied, piped or exported stays exact.

Where text is laid out or edited before it is shown, `protect` puts a private character of one cell
in the place of each that acts, so that nothing on the way takes it for white space or an end of a
line; `visible` shows its glyph, and `restore` gives the text back.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F
_C1 = range(0x80, 0xA0)  # the same commands as ESC and a letter
_KEPT = {ord("\n"), ord("\t")}
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS = (0x2028, 0x2029)
_SURROGATES = range(0xD800, 0xE000)  # no terminal takes a lone one
_STARS = 5
_AGES = ((60, "now", 0), (3_600, "min", 60), (86_400, "h", 3_600), (7 * 86_400, "d", 86_400))
"""Seconds below which an age has this unit, and the seconds of one unit."""

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
"""Stands before a private character that was in the text itself."""
_PROTECTED: dict[int, int | str] = {
    **{code: _PRIVATE + code for code in _ACTING},
    **{_PRIVATE + code: _QUOTE + chr(_PRIVATE + code) for code in _ACTING},
    ord(_QUOTE): _QUOTE * 2,
    **_LOST,
}
_GLYPHS |= {_PRIVATE + code: glyph for code, glyph in _GLYPHS.items()} | _LOST
_ESCAPES: dict[int, str] = {
    code: f"\\u{code:04x}" for code in (_DELETE, *_C1, *_BIDI, *_SEPARATORS)
}


def visible(text: str) -> str:
    """`text` without a character that a terminal obeys, but newline and tab; of the same length."""
    return text.translate(_GLYPHS)


def protect(text: str) -> str:
    """`text` with a private character for each that a terminal obeys, but newline and tab."""
    return text.translate(_PROTECTED)


def restore(text: str) -> str:
    """The text of which `protect` made this."""
    return text if text.isascii() else _restorable().sub(_restored, text)


@lru_cache(maxsize=1)
def _restorable() -> re.Pattern[str]:
    private = "".join(chr(_PRIVATE + code) for code in _ACTING)
    return re.compile(f"{_QUOTE}(.)|[{private}]", re.DOTALL)


def _restored(match: re.Match[str]) -> str:
    return match[1] or chr(ord(match[0]) - _PRIVATE)


def newlines(text: str) -> str:
    """`text` with the newline as the only end of a line, as Markdown reads it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_line(text: str) -> str:
    """`text` on one line, each run of white space as one space."""
    return " ".join(text.split())


def escaped(document: str) -> str:
    """A JSON document of the same meaning without a character that a terminal obeys."""
    return document.translate(_ESCAPES)


def stars(rating: int | None) -> str:
    """A rating as five glyphs; empty without one."""
    return "" if rating is None else "★" * rating + "☆" * (_STARS - rating)


def age(at: str, now: datetime | None = None) -> str:
    """How long before now an ISO time was, in a few letters; its date after a week."""
    then = datetime.fromisoformat(at)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for limit, unit, length in _AGES:
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}" if length else unit
    return f"{then.astimezone():%d %b %Y}"
