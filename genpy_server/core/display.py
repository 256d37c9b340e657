"""Text that nobody trusts on its way to a terminal: what would act there becomes visible instead.

Escape sequences set the title and the clipboard of a terminal, and controls of direction make text
read differently from what it says. The rule is one character for one, so that it holds however a
stream is split, and offsets stay what they were.
"""

REPLACEMENT = "\ufffd"

_PICTURES = 0x2400
"""U+2400 is the picture of NUL, and so on."""
_KEPT = "\t\n"
_DELETE = 0x7F
_REPLACED = (
    (0x80, 0x9F),  # C1 controls: 0x9B begins a sequence as ESC [ does
    (0x061C, 0x061C),  # controls of direction
    (0x200E, 0x200F),
    (0x2028, 0x202E),  # separators of lines, then controls of direction
    (0x2066, 0x2069),
    (0xD800, 0xDFFF),  # halves of a character, which no terminal can be sent
    (0xFFF9, 0xFFFB),  # annotations, which hide text
)

_TABLE: dict[int, str] = {
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in _KEPT},
    _DELETE: "\u2421",
    **{code: REPLACEMENT for first, last in _REPLACED for code in range(first, last + 1)},
}


def visible(text: str) -> str:
    """The text with a glyph in place of every character that is none."""
    return text.translate(_TABLE)
