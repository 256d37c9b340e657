"""GenPy's own themes, light and dark, and the colours that it adds to every other theme."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from genpy_tui.render.palette import COLOURS

_REVERSED_CURSOR = {
    "genpy-cursor": "transparent",
    "genpy-cursor-text": "auto 90%",
    "genpy-cursor-style": "reverse",
}
"""For Textual's themes, on which GenPy's cursor colours might not be visible."""


def _theme(name: str, *, dark: bool) -> Theme:
    column = 0 if dark else 1
    colours = {key: value[column] for key, value in COLOURS.items()}
    colours["genpy-cursor-style"] = "none"
    own: dict[str, Any] = {key: colours.pop(key) for key in list(colours) if "-" not in key}
    return Theme(name=name, dark=dark, variables=colours, **own)


THEMES = (_theme("genpy-dark", dark=True), _theme("genpy-light", dark=False))
TINT = 32
"""Largest difference between red, green and blue of a colour that becomes grey."""
_GROUNDS = ("foreground", "background", "surface", "panel")
_PLAIN = re.compile("#[0-9a-f]{6}")


@cache
def themes(colours: str | None) -> dict[str, Theme]:
    """Textual's themes and GenPy's own for a colour system of Rich, such as "256", by name."""
    adapt = {"standard": _for_sixteen_colours, "256": _for_few_colours}.get(colours or "", replace)
    return BUILTIN_THEMES | {theme.name: adapt(theme) for theme in THEMES}


_SIXTEEN = {
    # name: (in the dark theme, in the light one)
    "primary": ("#55ffff", "#0000aa"),
    "secondary": ("#55ffff", "#0000aa"),
    "accent": ("#ffff55", "#aa00aa"),
    "genpy-muted": ("#aaaaaa", "#555555"),
    "genpy-chip": ("#000000", "#ffffff"),
    "genpy-link": ("#55ffff", "#0000aa"),
    "genpy-code-keyword": ("#ff55ff", "#aa00aa"),
    "genpy-code-type": ("#ffff55", "#0000aa"),
    "genpy-code-function": ("#55ffff", "#0000aa"),
    "genpy-code-string": ("#55ff55", "#aa0000"),
    "genpy-code-number": ("#ffff55", "#aa00aa"),
    "genpy-text-warning": ("#ffff55", "#aa00aa"),
    "genpy-text-error": ("#ff5555", "#aa0000"),
    "genpy-text-success": ("#55ff55", "#0000aa"),
    "footer-key-foreground": ("#55ffff", "#0000aa"),
}
"""The colours of text that can be read where there are sixteen, and no ground but one."""


def _for_sixteen_colours(theme: Theme) -> Theme:
    own = {name: values[0 if theme.dark else 1] for name, values in _SIXTEEN.items()}
    named: dict[str, Any] = {key: own.pop(key) for key in ("primary", "secondary", "accent")}
    return replace(theme, variables=theme.variables | own | _REVERSED_CURSOR, **named)


def _for_few_colours(theme: Theme) -> Theme:
    """A theme for terminals of 256 colours: its weak tints become greys.

    The nearest of 256 colours to a dark tint is a strong one, such as navy; to a grey it is a grey.
    """
    variables = {name: _neutral(value) for name, value in theme.variables.items()}
    grounds: dict[str, Any] = {name: _neutral(getattr(theme, name)) for name in _GROUNDS}
    return replace(theme, variables=variables, **grounds)


def _neutral(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        return value
    colour = Color.parse(value)
    shades = colour.rgb
    return value if max(shades) - min(shades) > TINT else colour.monochrome.hex.lower()


def fallback(*, dark: bool, ansi: bool) -> dict[str, str]:
    """The colours that GenPy adds to a Textual theme."""
    added = {key: value for key, value in COLOURS.items() if key.startswith("genpy-")}
    if ansi:
        own = {key: f"ansi_{colour}" for key, (_, _, colour) in added.items() if colour}
        return own | {"genpy-cursor-style": "reverse"}
    return {key: value[0 if dark else 1] for key, value in added.items()} | _REVERSED_CURSOR
