"""What a terminal shows, as text: the character and the style of every cell.

How the lines were cut into segments and strips does not show; cells that look the same are the same.
"""

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from string import ascii_letters

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.screen import Screen
from textual.strip import Strip

ATTRIBUTES = ("bold", "dim", "italic", "underline", "strike", "reverse", "blink")
MARKED = ("underline", "strike", "reverse")
"""Attributes that show on a blank cell."""


@cache
def described(style: Style | None, *, sixteen: bool = False) -> str:
    """A style in words; with `sixteen` as a terminal of so many colours shows it, by their numbers."""
    style = style or Style()
    words = [name for name in ATTRIBUTES if getattr(style, name)]
    words += [named(style.color, sixteen=sixteen), "on", named(style.bgcolor, sixteen=sixteen)]
    return " ".join(words)


def named(color: Color | None, *, sixteen: bool) -> str:
    """The name of a colour."""
    if color is None or color.is_default:
        return "default"
    return str(color.downgrade(ColorSystem.STANDARD).number) if sixteen else color.name


@cache
def ground(style: str) -> str:
    """The part of a described style that shows on a blank cell."""
    marks = [word for word in style.split() if word in MARKED]
    return style if marks else style[style.rindex("on ") :]


def line_cells(segments: Iterable[Segment], *, sixteen: bool = False) -> list[str]:
    """The style of each cell of a line; a blank cell has the one before it where that looks so."""
    cells: list[str] = []
    for text, style, control in segments:
        if control:
            continue
        own = described(style, sixteen=sixteen)
        for character in text:
            look = own if character.strip() else ground(own)
            if cells and look == ground(own) == ground(cells[-1]):
                look = cells[-1]
            cells += [look] * cell_len(character)
    return cells


def drawn(screen: Screen[object]) -> list[Strip]:
    """The lines of a screen, over those below it that it leaves to be seen."""
    visible_screen_stack.set(screen.app._background_screens)
    return screen._compositor.render_strips()


def picture(screen: Screen[object], *, sixteen: bool = False) -> str:
    """The screen: its text, then the style of each run of cells, then what the letters mean."""
    strips = drawn(screen)
    lines = [line_cells(strip, sixteen=sixteen) for strip in strips]
    letters: dict[str, str] = {}
    rows: list[str] = []
    for cells in lines:
        runs = []
        for look, run in groupby(cells):
            letter = letters.setdefault(look, ascii_letters[len(letters)])
            runs.append(f"{letter}{len(list(run))}")
        rows.append(" ".join(runs))
    out = [f"|{strip.text.rstrip()}" for strip in strips]
    number = 1
    for row, same in groupby(rows):
        last = number + len(list(same)) - 1
        out.append(f"{number}-{last}: {row}" if last > number else f"{number}: {row}")
        number = last + 1
    out += [f"{letter} = {look}" for look, letter in letters.items()]
    return "\n".join(out) + "\n"
