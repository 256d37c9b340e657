"""Columns of text that line up, in as many cells as there are."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

GAP = "  "
ELLIPSIS = "…"


class Column(NamedTuple):
    """One column; `style` is an SGR number for where styles can be seen."""

    title: str
    most: int = 1_000
    """Cells at most."""
    least: int | None = None
    """Cells it can be narrowed to; None where it is never cut."""
    optional: bool = False
    """Goes where there is no room even so."""
    right: bool = False
    style: str = ""


def lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> Iterator[list[str]]:
    """The titles, then each row, every cell padded or cut to its column."""
    table = [[column.title for column in columns], *rows]
    widths = _widths(columns, table, width)
    for row in table:
        yield [
            fitted(cell, size, right=column.right)
            for cell, size, column in zip(row, widths, columns, strict=True)
        ]


def _widths(columns: Sequence[Column], table: Sequence[Sequence[str]], width: int) -> list[int]:
    """As wide as what is in them; where that is too much, the last are narrowed first."""
    widths = [
        min(column.most, max(cell_width(row[number]) for row in table))
        for number, column in enumerate(columns)
    ]
    excess = sum(widths) + len(GAP) * (len(columns) - 1) - width
    for number, column in reversed(list(enumerate(columns))):
        if column.least is not None and excess > 0:
            given = min(excess, max(0, widths[number] - column.least))
            widths[number] -= given
            excess -= given
    if excess > 0:
        return [0 if c.optional else size for c, size in zip(columns, widths, strict=True)]
    return widths


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """A text of exactly so many cells."""
    short = cut(text, width)
    space = " " * (width - cell_width(short))
    return space + short if right else short + space


def cut(text: str, width: int) -> str:
    """The beginning of a text that fits, with an ellipsis where something is missing."""
    if cell_width(text) <= width:
        return text
    room, end = width - 1, 0
    for character in text:
        room -= cell_width(character)
        if room < 0:
            break
        end += 1
    return text[:end] + ELLIPSIS if width > 0 else ""


def cell_width(text: str) -> int:
    """Cells that a terminal uses for a text."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - most text needs none

    return sum(
        0 if category(c) in {"Mn", "Me", "Cf"} else 1 + (east_asian_width(c) in "WF") for c in text
    )
