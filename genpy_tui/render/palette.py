"""Maps the names of styles to Rich styles in the colours of a theme."""

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.style import Style

_TABLE = {
    # name: (colour of the text, colour behind it, attributes)
    "you": ("secondary", "", "bold"),
    "you mark": ("secondary", "", "bold"),
    "genpy": ("primary", "", "bold"),
    "genpy mark": ("primary", "", "bold"),
    "dim": ("muted", "", ""),
    "said": ("", "said", ""),
    "warning": ("text-warning", "", ""),
    "error": ("text-error", "", "bold"),
    "success": ("text-success", "", ""),
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


_ANSI = {
    "primary": "green",
    "secondary": "blue",
    "accent": "cyan",
    "muted": "bright_black",
    "link": "bright_blue",
    "rule": "bright_black",
    "code-keyword": "magenta",
    "code-type": "yellow",
    "code-function": "blue",
    "code-string": "green",
    "code-number": "cyan",
    "text-warning": "yellow",
    "text-error": "red",
    "text-success": "green",
}
"""The terminal's own colours, used on the command line, where there is no theme."""


def plain_style(names: str) -> Style:
    """The style of these names in the terminal's own colours, without backgrounds."""
    style = Style()
    for name in [names] if names in _TABLE else names.split():
        if name in _TABLE:
            text, _, attributes = _TABLE[name]
            own = Style.parse(attributes) if attributes else Style()
            style += own + Style(color=_ANSI.get(text))
    return style


class Palette:
    """The Rich style of each combination of names, on one background."""

    def __init__(self, variables: Mapping[str, str], base: Style) -> None:
        self._variables = variables
        self._cache: dict[str, Style] = {"": base}
        self._base = base

    def __getitem__(self, names: str) -> Style:
        style = self._cache.get(names)
        if style is None:
            style = self._named(names)
            self._cache[names] = style
        return style

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

    def _named(self, names: str) -> Style:
        if names in _TABLE:
            return self._base + self._style(names)
        style = self._base
        for name in names.split():
            if name in _TABLE:
                style += self._style(name)
        return style

    def _style(self, name: str) -> Style:
        text, behind, attributes = _TABLE[name]
        style = Style.parse(attributes) if attributes else Style()
        return style + Style(color=self._colour(text), bgcolor=self._colour(behind))

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
