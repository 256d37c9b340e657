"""The themes: what is written can be read on what it stands on."""

import pytest
from rich._palettes import STANDARD_PALETTE
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.palette import Palette
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from genpy_tui.theme import THEMES, themes

READABLE = 4.5
"""The contrast that WCAG 2.2 asks of text (criterion 1.4.3, level AA)."""
WORDS = ("foreground", "genpy-muted", "primary", "accent", "genpy-cursor-text")
STATES = ("genpy-text-success", "genpy-text-warning", "genpy-text-error", "genpy-link")
CODE = ("keyword", "type", "function", "string", "number")
PAIRS = [
    *((text, ground) for text in WORDS for ground in ("background", "surface", "genpy-cursor")),
    *((text, "background") for text in (*STATES, "secondary", "footer-key-foreground")),
    *((f"genpy-code-{kind}", "genpy-code") for kind in CODE),
    ("accent", "genpy-chip"),
    ("foreground", "genpy-chip"),
]


XTERM = Palette(
    [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ]
)
"""The sixteen colours of xterm; its grey has a contrast of 4 to its white."""
READABLE_IN_SIXTEEN = 3.9

NAMES = [f"{theme.name}{few}" for few in ("", "-256") for theme in THEMES]


def own(colours: str) -> list[Theme]:
    """GenPy's own themes for a colour system."""
    return [themes(colours)[theme.name] for theme in THEMES]


def luminance(color: Color) -> float:
    """Relative luminance as WCAG defines it, 0 to 1."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def colors(theme: Theme) -> dict[str, str]:
    """Every colour that a theme names."""
    return {key: str(value) for key, value in vars(theme).items()} | theme.variables


@pytest.mark.parametrize("theme", [*THEMES, *own("256")], ids=NAMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out(theme: Theme, text: str, ground: str) -> None:
    """A colour of text has a contrast of 4.5 at the least to the ground it is written on."""
    named = colors(theme)
    dark, light = sorted(luminance(Color.parse(named[one])) for one in (text, ground))
    assert (light + 0.05) / (dark + 0.05) >= READABLE


@pytest.mark.parametrize("theme", own("standard"), ids=NAMES[:2])
@pytest.mark.parametrize(
    ("text", "ground"), [pair for pair in PAIRS if "cursor" not in "".join(pair)]
)
def test_text_stands_out_in_sixteen_colours(theme: Theme, text: str, ground: str) -> None:
    """So it has where each colour is the nearest of sixteen, those of VGA or those of xterm."""
    named = colors(theme)
    numbers = [
        RichColor.parse(named[one]).downgrade(ColorSystem.STANDARD).number for one in (text, ground)
    ]
    for palette in (STANDARD_PALETTE, XTERM):
        dark, light = sorted(luminance(Color(*palette[number])) for number in numbers)
        assert (light + 0.05) / (dark + 0.05) >= READABLE_IN_SIXTEEN


@pytest.mark.parametrize("theme", own("256"), ids=NAMES[2:])
def test_grounds_are_grey_in_256_colours(theme: Theme) -> None:
    """With 256 colours what text stands on is a grey, which no strong colour is the nearest of."""
    grounds = ("background", "surface", "panel", "genpy-code", "genpy-chip", "genpy-said")
    for name in (*grounds, "genpy-cursor", "genpy-rule", "genpy-muted"):
        shown = Style(bgcolor=colors(theme)[name]).bgcolor.downgrade(ColorSystem.EIGHT_BIT)
        assert shown.number in {16, 231, *range(232, 256)}, name
    assert theme.primary == next(one.primary for one in THEMES if one.name == theme.name)
