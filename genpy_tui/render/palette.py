"""Maps the names of styles to Rich styles in the colours of a theme."""

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.style import Style

COLOURS = {
    # name: (in the dark theme, in the light one, of the terminal)
    "primary": ("#7fd1bd", "#0b6e5f", "green"),
    "secondary": ("#9db8ff", "#2f4fb5", "bright_blue"),
    "accent": ("#f2b6a0", "#a3411c", "cyan"),
    "warning": ("#f0c674", "#8a6100", ""),
    "error": ("#ff7b86", "#b3202f", ""),
    "success": ("#8fd6a5", "#1d6b36", ""),
    "foreground": ("#dfe3ee", "#1d2230", ""),
    "background": ("#12141c", "#fbfbfd", ""),
    "surface": ("#171a24", "#f3f4f8", ""),
    "panel": ("#232838", "#e4e7ef", ""),
    "genpy-muted": ("#99a1b5", "#575f72", "bright_black"),
    "genpy-rule": ("#4a5168", "#b4bac8", "bright_black"),
    "genpy-code": ("#1b1f2b", "#eceff5", ""),
    "genpy-chip": ("#2a3042", "#dde2ec", ""),
    "genpy-said": ("#1b2130", "#eaeef7", ""),
    "genpy-link": ("#7ab7ff", "#0b57c2", "bright_blue"),
    "genpy-code-keyword": ("#c792ea", "#8b2fb8", "magenta"),
    "genpy-code-type": ("#ffcb6b", "#8a5a00", "yellow"),
    "genpy-code-function": ("#82aaff", "#0b4fb3", "bright_blue"),
    "genpy-code-string": ("#a5d6a7", "#1d7a3c", "green"),
    "genpy-code-number": ("#f78c6c", "#b4460f", "cyan"),
    "genpy-text-warning": ("#f0c674", "#7f5800", "yellow"),
    "genpy-text-error": ("#ff7b86", "#b3202f", "red"),
    "genpy-text-success": ("#8fd6a5", "#1d6b36", "green"),
    "footer-key-foreground": ("#8fd6c4", "#0b6e5f", ""),
    "input-selection-background": ("#5b8cff 35%", "#5b8cff 30%", ""),
    "genpy-cursor": ("#263a42", "#d3e6e2", "default"),
    "genpy-cursor-text": ("#dfe3ee", "#1d2230", "default"),
}
"""GenPy's colours: those of a theme of Textual, and those that it adds to every theme.

With the terminal's own colours, code has a bar instead of a background.
"""

_TABLE = {
    # name: (colour of the text, colour behind it, attributes)
    "you": ("secondary", "", "bold"),
    "genpy": ("primary", "", "bold"),
    "dim": ("muted", "", ""),
    "said": ("", "said", ""),
    "warning": ("text-warning", "", ""),
    "error": ("text-error", "", "bold"),
    "tool": ("muted", "", ""),
    "strong": ("", "", "bold"),
    "em": ("", "", "italic"),
    "s": ("", "", "strike"),
    "inline-code": ("accent", "chip", ""),
    "math": ("accent", "", "italic"),
    "link": ("link", "", "underline"),
    "target": ("muted", "", ""),
    "rule": ("rule", "", ""),
    "quote": ("muted", "", ""),
    "bullet": ("primary", "", ""),
    "bar": ("rule", "", ""),
    "th": ("", "", "bold"),
    "h1": ("primary", "", "bold underline"),
    "h2": ("primary", "", "bold"),
    "h3": ("", "", "bold"),
    "h4": ("", "", "bold italic"),
    "h5": ("muted", "", "bold"),
    "h6": ("muted", "", "italic"),
    "code": ("", "code", ""),
    "label": ("muted", "", "italic"),
    "comment": ("muted", "", "italic"),
    "keyword": ("code-keyword", "", ""),
    "type": ("code-type", "", ""),
    "function": ("code-function", "", ""),
    "builtin": ("code-type", "", ""),
    "string": ("code-string", "", ""),
    "number": ("code-number", "", ""),
    "inserted": ("text-success", "", ""),
    "deleted": ("text-error", "", ""),
}


_MIDDLE = 0.179


def plain_style(names: str) -> Style:
    """The style of these names in the terminal's own colours, without backgrounds."""
    style = Style()
    for text, _, attributes in _looks(names):
        colour = (COLOURS.get(f"genpy-{text}") or COLOURS.get(text, ("", "", "")))[2]
        style += Style.parse(attributes) + Style(color=colour or None)
    return style


def _looks(names: str) -> list[tuple[str, str, str]]:
    return [_TABLE[one] for one in names.split() if one in _TABLE]


class Palette:
    """The Rich style of each combination of names, on one background."""

    def __init__(self, variables: Mapping[str, str], base: Style) -> None:
        self._variables = variables
        self._cache: dict[str, Style] = {"": base}

    def __getitem__(self, names: str) -> Style:
        if names not in self._cache:
            style = self._cache[""]
            for text, behind, attributes in _looks(names):
                colours = Style(color=self._colour(text), bgcolor=self._colour(behind))
                style += Style.parse(attributes) + colours
            self._cache[names] = style
        return self._cache[names]

    def selection(self) -> Style:
        """The style of selected text: black or white on the primary colour, by contrast."""
        behind = self._colour("primary")
        if behind is None or behind.triplet is None or behind.type is not ColorType.TRUECOLOR:
            return Style(reverse=True)  # the colours are the terminal's own, and unknown here
        red, green, blue = ((part / 255) ** 2.2 for part in behind.triplet)
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        # WCAG's contrast of black and of white is equal at this luminance.
        text = "#000000" if light > _MIDDLE else "#ffffff"
        return Style(color=RichColor.parse(text), bgcolor=behind)

    def _colour(self, name: str) -> RichColor | None:
        value = self._variables.get(f"genpy-{name}") or self._variables.get(name)
        if not name or value is None:
            return None
        from textual.color import Color, ColorParseError  # noqa: PLC0415 - the command line has none

        try:
            colour = Color.parse(value)
        except ColorParseError:
            return None  # such as "auto 60%", which means nothing without a background
        return colour.rich_color if colour.a == 1 or colour.ansi is not None else None
