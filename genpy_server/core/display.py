"""Text that nobody trusts, on its way to a terminal: what would act there is shown instead.

Escape sequences set clipboards and titles, carriage returns overwrite what was read, and bidi
controls show a line in another order than it has. Each such character becomes one glyph of one
cell, character by character, so that a stream may be cut anywhere.
"""

_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F
_KEPT = {ord("\n"), ord("\t")}

_GLYPHS: dict[int, int | str] = {
    **{code: _CONTROL_PICTURES + code for code in range(0x20) if code not in _KEPT},
    _DELETE: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "␦"),  # C1: the same commands as ESC and a letter
    **dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "⇄"),
    **dict.fromkeys((0x2028, 0x2029), "␤"),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # lone surrogates, which no terminal takes
}


def visible(text: str) -> str:
    """`text` without a character that a terminal obeys, but newline and tab; of the same length."""
    return text.translate(_GLYPHS)


def one_line(text: str) -> str:
    """The same on one line, each run of white space as one space."""
    return visible(" ".join(text.split()))
