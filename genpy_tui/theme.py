"""GenPy's own themes, light and dark, and the colours that it adds to every other theme."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

from textual.color import Color
from textual.theme import Theme

_DARK = {
    "genpy-muted": "#99a1b5",
    "genpy-rule": "#4a5168",
    "genpy-code": "#1b1f2b",
    "genpy-chip": "#2a3042",
    "genpy-said": "#1b2130",
    "genpy-link": "#7ab7ff",
    "genpy-code-keyword": "#c792ea",
    "genpy-code-type": "#ffcb6b",
    "genpy-code-function": "#82aaff",
    "genpy-code-string": "#a5d6a7",
    "genpy-code-number": "#f78c6c",
    "genpy-text-warning": "#f0c674",
    "genpy-text-error": "#ff7b86",
    "genpy-text-success": "#8fd6a5",
    "genpy-cursor": "#263a42",
    "genpy-cursor-text": "#dfe3ee",
    "genpy-cursor-style": "none",
    "footer-key-foreground": "#8fd6c4",
    "input-selection-background": "#5b8cff 35%",
}
_LIGHT = {
    "genpy-muted": "#575f72",
    "genpy-rule": "#b4bac8",
    "genpy-code": "#eceff5",
    "genpy-chip": "#dde2ec",
    "genpy-said": "#eaeef7",
    "genpy-link": "#0b57c2",
    "genpy-code-keyword": "#8b2fb8",
    "genpy-code-type": "#8a5a00",
    "genpy-code-function": "#0b4fb3",
    "genpy-code-string": "#1d7a3c",
    "genpy-code-number": "#b4460f",
    "genpy-text-warning": "#7f5800",
    "genpy-text-error": "#b3202f",
    "genpy-text-success": "#1d6b36",
    "genpy-cursor": "#d3e6e2",
    "genpy-cursor-text": "#1d2230",
    "genpy-cursor-style": "none",
    "footer-key-foreground": "#0b6e5f",
    "input-selection-background": "#5b8cff 30%",
}
_ANSI = {
    "genpy-muted": "ansi_bright_black",
    "genpy-rule": "ansi_bright_black",
    "genpy-link": "ansi_bright_blue",
    "genpy-code-keyword": "ansi_magenta",
    "genpy-code-type": "ansi_yellow",
    "genpy-code-function": "ansi_blue",
    "genpy-code-string": "ansi_green",
    "genpy-code-number": "ansi_cyan",
    "genpy-text-warning": "ansi_yellow",
    "genpy-text-error": "ansi_red",
    "genpy-text-success": "ansi_green",
    "genpy-cursor": "ansi_default",
    "genpy-cursor-text": "ansi_default",
    "genpy-cursor-style": "reverse",
}
"""For themes with the terminal's colours; code has a bar instead of a background."""
_REVERSED = {
    "genpy-cursor": "transparent",
    "genpy-cursor-text": "auto 90%",
    "genpy-cursor-style": "reverse",
}
"""For Textual's themes, on which GenPy's cursor colours might not be visible."""

DARK = Theme(
    name="genpy-dark",
    primary="#7fd1bd",
    secondary="#9db8ff",
    accent="#f2b6a0",
    warning="#f0c674",
    error="#ff7b86",
    success="#8fd6a5",
    foreground="#dfe3ee",
    background="#12141c",
    surface="#171a24",
    panel="#232838",
    dark=True,
    variables=_DARK,
)
LIGHT = Theme(
    name="genpy-light",
    primary="#0b6e5f",
    secondary="#2f4fb5",
    accent="#a3411c",
    warning="#8a6100",
    error="#b3202f",
    success="#1d6b36",
    foreground="#1d2230",
    background="#fbfbfd",
    surface="#f3f4f8",
    panel="#e4e7ef",
    dark=False,
    variables=_LIGHT,
)
THEMES = (DARK, LIGHT)
TINT = 32
"""Largest difference between red, green and blue of a colour that becomes grey."""
_NAMED = ("foreground", "background", "surface", "panel")
_PLAIN = re.compile("#[0-9a-f]{6}")


@cache
def themes(colours: str | None) -> tuple[Theme, ...]:
    """GenPy's own themes for a colour system of Rich, such as "256"."""
    return tuple(map(_for_few_colours, THEMES)) if colours == "256" else THEMES


def _for_few_colours(theme: Theme) -> Theme:
    """A theme for terminals of 256 colours: its weak tints become greys.

    The nearest of 256 colours to a dark tint is a strong one, such as navy; to a grey it is a grey.
    """
    named = {name: getattr(theme, name) for name in _NAMED}
    values = {name: _neutral(value) for name, value in (named | theme.variables).items()}
    variables = {name: value for name, value in values.items() if name not in named}
    grounds: dict[str, Any] = {name: values[name] for name in named}
    return replace(theme, variables=variables, **grounds)


def _neutral(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        return value
    colour = Color.parse(value)
    shades = colour.rgb
    return value if max(shades) - min(shades) > TINT else colour.monochrome.hex.lower()


def fallback(*, dark: bool, ansi: bool) -> dict[str, str]:
    """The colours that GenPy adds to a Textual theme."""
    if ansi:
        return _ANSI
    own = {key: value for key, value in (_DARK if dark else _LIGHT).items() if "genpy" in key}
    return own | _REVERSED
