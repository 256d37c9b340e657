"""Lines of styled text, and their wrapping.

A line consists of runs of text, each with the name of a style. Colours are added when it is painted,
so that lines remain valid when the theme changes, and can be tested without a terminal. The text of
runs must have passed `display.protect`; it is made visible when painted, and restored when copied.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from genpy_server.core.display import restore, visible

_WORDS = re.compile(r"(\S*)(\s*)")
_TABS = re.compile(r"([\t\n])")
TAB = 4
"""Columns between tab stops."""
_GRAPHEME_LIMIT = 64
"""The most code points of one grapheme that are shown; further combining marks are dropped."""


PLACE = "place"
"""The scheme of links to a message, as the tools name it: place:f6ad76fe#96."""


class Styled(NamedTuple):
    """Text in one style; `style` holds names of the palette, later ones over earlier ones."""

    text: str
    style: str = ""
    link: str = ""
    source: str | None = None
    """What is copied instead of the text, such as a tab or a formula's source; None for the text."""


Lead = tuple[Styled, ...]
"""What begins a line, such as a bar or an indent."""


class Line(NamedTuple):
    """One line of the screen.

    `lead` is the number of characters of decoration at its start, which are not copied. `glue` is
    the text between the line above and this one: a newline, or a space or nothing if the line above
    was only wrapped. `fill` is the style of the rest of the line.
    """

    runs: tuple[Styled, ...]
    lead: int = 0
    glue: str = "\n"
    fill: str = ""

    @property
    def text(self) -> str:
        """The visible text of the line."""
        return visible(text_of(self.runs))

    @property
    def cells(self) -> int:
        """The width of the line in cells."""
        return cells(self.runs)

    def copied(self, low: int, high: int) -> str:
        """The source text of the visible characters from `low` up to `high`."""
        out, at = [], 0
        for run in self.runs:
            start, stop = max(low - at, 0), min(high - at, len(run.text))
            at += len(run.text)
            if start < stop:
                out.append(run.text[start:stop] if run.source is None else run.source)
        return restore("".join(out))


BLANK = Line(())


def text_of(runs: Iterable[Styled]) -> str:
    """The text of runs."""
    return "".join(run.text for run in runs)


def chars(runs: Iterable[Styled]) -> int:
    """The number of characters of runs."""
    return sum(len(run.text) for run in runs)


def cells(runs: Iterable[Styled]) -> int:
    """The width of runs in cells."""
    return cell_len(text_of(runs))


_Unit = tuple[int, int, int, int]
"""A piece that is not broken: text[start:end], its width, and the number of spaces before it."""


def _units(text: str, start: int, width: int) -> Iterator[_Unit]:
    """The pieces between which a line may be broken: words, wide characters, parts of long words."""
    gap = 0
    for match in _WORDS.finditer(text):
        word, space = match.groups()
        if word:
            at = start + match.start()
            if word.isascii() and len(word) <= width:
                yield at, at + len(word), len(word), gap
            else:
                yield from _split(word, at, width, gap)
            gap = 0
        gap += len(space)


def _split(word: str, at: int, width: int, gap: int) -> Iterator[_Unit]:
    if word.isascii():
        for index in range(0, len(word), width):
            size = min(width, len(word) - index)
            yield at + index, at + index + size, size, gap
            gap = 0
        return
    start = stop = cells = 0
    for begin, end, size in split_graphemes(word)[0]:
        wide = size > 1
        if stop > start and (wide or cells + size > width):
            yield at + start, at + stop, cells, gap
            start, cells, gap = begin, 0, 0
        stop, cells = end, cells + size
        if wide:
            yield at + start, at + stop, cells, gap
            start, cells, gap = end, 0, 0
    if stop > start:
        yield at + start, at + stop, cells, gap


def breaks(text: str, width: int) -> Iterator[tuple[int, int, str]]:
    """The start, end and glue of each line of a text when wrapped at a width."""
    width = max(1, width)
    at = 0
    for line in text.split("\n"):
        start, stop, cells, glue = at, at, 0, "\n"
        for begin, end, size, gap in _units(line, at, width):
            if cells and cells + gap + size > width:
                yield start, stop, glue
                start, cells, glue = begin, size, " " if gap else ""
            else:
                cells += gap + size
            stop = end
        yield start, stop, glue
        at += len(line) + 1


def cut(runs: Iterable[Styled], spans: Iterable[tuple[int, int, str]]) -> Iterator[list[Styled]]:
    """The runs of each span (start, end, glue); spans are in ascending order."""
    source = iter(runs)
    run = next(source, None)
    at = 0
    for start, end, _ in spans:
        row: list[Styled] = []
        while run is not None:
            low, high = max(start, at), min(end, at + len(run.text))
            if low < high:
                own = "" if run.source is not None and low > at else run.source
                row.append(run._replace(text=run.text[low - at : high - at], source=own))
            if at + len(run.text) > end:
                break
            at += len(run.text)
            run = next(source, None)
        yield row


def wrap(
    runs: list[Styled], width: int, lead: Lead = (), rest: Lead | None = None, fill: str = ""
) -> list[Line]:
    """Wrap runs to lines of at most `width`; `lead` begins the first one, `rest` the others."""
    runs = with_tabs(runs)
    rest = lead if rest is None else rest
    room = width - max(cells(lead), cells(rest))
    spans = list(breaks(text_of(runs), room))
    lines: list[Line] = []
    for row, (_, _, glue) in zip(cut(runs, spans), spans, strict=True):
        before = rest if lines else lead
        lines.append(Line((*before, *map(_limited, row)), chars(before), glue, fill))
    return lines


def fold(runs: list[Styled], width: int) -> list[list[Styled]]:
    """Cut runs at the width, even inside words, as code is shown."""
    runs = with_tabs(runs)
    text = text_of(runs)
    if len(text) <= width and text.isascii():
        return [runs]
    spans = []
    start = stop = used = 0
    for begin, end, size in split_graphemes(text)[0]:
        if used + size > width and stop > start:
            spans.append((start, stop, ""))
            start, used = begin, 0
        stop, used = end, used + size
    spans.append((start, stop, ""))
    return [[_limited(run) for run in row] for row in cut(runs, spans)]


def with_tabs(runs: list[Styled]) -> list[Styled]:
    """Runs with each tab replaced by spaces up to the next tab stop."""
    if not any("\t" in run.text for run in runs):
        return runs
    out: list[Styled] = []
    column = 0
    for run in runs:
        for piece in _TABS.split(run.text):
            if piece == "\t":
                size = TAB - column % TAB
                out.append(run._replace(text=" " * size, source=piece))
            elif piece:
                size = cell_len(piece)
                out.append(run._replace(text=piece))
            else:
                continue
            column = 0 if piece == "\n" else column + size
    return out


def _limited(run: Styled) -> Styled:
    """A run with at most `_GRAPHEME_LIMIT` code points in each grapheme."""
    if len(run.text) <= _GRAPHEME_LIMIT or run.text.isascii():
        return run
    spans, _ = split_graphemes(run.text)
    if all(end - start <= _GRAPHEME_LIMIT for start, end, _ in spans):
        return run
    kept = (run.text[start : min(end, start + _GRAPHEME_LIMIT)] for start, end, _ in spans)
    return run._replace(text="".join(kept))
