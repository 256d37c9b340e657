"""Lines of styled text and how they wrap: the values that everything shown is made of.

A line is runs of text with the name of a style each. Colours come later, from the theme, so that
lines outlive a change of theme and can be tested without a terminal. The text of runs went through
`display.protect`; what is painted is made visible, and what is copied is restored.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

from genpy_server.core.display import restore, visible

_WORDS = re.compile(r"(\S*)(\s*)")
_TABS = re.compile(r"([\t\n])")
TAB = 4
"""Columns from one stop of the tabulator to the next."""
_GRAPHEME_LIMIT = 64
"""Code points of one grapheme that are shown: a flood of combining marks is cut here."""


PLACE = "place"
"""The scheme of links to a message, as the tools name it: place:f6ad76fe#96."""


class Styled(NamedTuple):
    """Text in one style; `style` holds names of the palette, later ones over earlier ones."""

    text: str
    style: str = ""
    link: str = ""
    source: str | None = None
    """What is copied where this is selected, when it is not the text: a tab, or a formula."""


class Line(NamedTuple):
    """One line of the screen.

    `lead` counts the characters of decoration at its start, which are not copied. `glue` is what
    stands between the line above and this one in the text: a newline, or a space or nothing where
    the line above was only wrapped. `fill` is the style of the rest of the line.
    """

    runs: tuple[Styled, ...]
    lead: int = 0
    glue: str = "\n"
    fill: str = ""

    @property
    def text(self) -> str:
        """Everything that is seen on the line."""
        return visible("".join(run.text for run in self.runs))

    @property
    def cells(self) -> int:
        """Its width."""
        return cell_len("".join(run.text for run in self.runs))

    def copied(self, low: int, high: int) -> str:
        """The exact text of what is seen from one character up to another."""
        out, at = [], 0
        for run in self.runs:
            start, stop = max(low - at, 0), min(high - at, len(run.text))
            at += len(run.text)
            if start < stop:
                out.append(run.text[start:stop] if run.source is None else run.source)
        return restore("".join(out))


BLANK = Line(())


class _Unit(NamedTuple):
    """A piece that is not broken: text[start:end], its width, and whether a space precedes it."""

    start: int
    end: int
    cells: int
    gap: int


def _units(text: str, start: int, width: int) -> Iterator[_Unit]:
    """The pieces a line may be made of: words, wide characters, parts of words too long."""
    gap = 0
    for match in _WORDS.finditer(text):
        word, space = match.groups()
        if word:
            at = start + match.start()
            if word.isascii() and len(word) <= width:
                yield _Unit(at, at + len(word), len(word), gap)
            else:
                yield from _split(word, at, width, gap)
            gap = 0
        gap += len(space)


def _split(word: str, at: int, width: int, gap: int) -> Iterator[_Unit]:
    if word.isascii():
        for index in range(0, len(word), width):
            size = min(width, len(word) - index)
            yield _Unit(at + index, at + index + size, size, gap)
            gap = 0
        return
    start = stop = cells = 0
    for begin, end, size in split_graphemes(word)[0]:
        wide = size > 1
        if stop > start and (wide or cells + size > width):
            yield _Unit(at + start, at + stop, cells, gap)
            start, cells, gap = begin, 0, 0
        stop, cells = end, cells + size
        if wide:
            yield _Unit(at + start, at + stop, cells, gap)
            start, cells, gap = end, 0, 0
    if stop > start:
        yield _Unit(at + start, at + stop, cells, gap)


def breaks(text: str, width: int) -> Iterator[tuple[int, int, str]]:
    """The rows of a text at a width: where each starts and ends, and its glue."""
    width = max(1, width)
    at = 0
    for line in text.split("\n"):
        start, stop, cells, glue = at, at, 0, "\n"
        for unit in _units(line, at, width):
            if cells and cells + unit.gap + unit.cells > width:
                yield start, stop, glue
                start, cells, glue = unit.start, unit.cells, " " if unit.gap else ""
            else:
                cells += unit.gap + unit.cells
            stop = unit.end
        yield start, stop, glue
        at += len(line) + 1


def cut(runs: Iterable[Styled], spans: Iterable[tuple[int, int, str]]) -> Iterator[list[Styled]]:
    """The runs of each span; spans ascend."""
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
    runs: list[Styled],
    width: int,
    lead: tuple[Styled, ...] = (),
    rest: tuple[Styled, ...] | None = None,
    fill: str = "",
) -> list[Line]:
    """Runs as lines no wider than `width`, the first behind `lead`, the others behind `rest`."""
    runs = with_tabs(runs)
    rest = lead if rest is None else rest
    text = "".join(run.text for run in runs)
    room = width - max(cell_len("".join(run.text for run in lead)), _cells(rest))
    spans = list(breaks(text, room))
    lines: list[Line] = []
    for row, (_, _, glue) in zip(cut(runs, spans), spans, strict=True):
        before = rest if lines else lead
        size = sum(len(run.text) for run in before)
        lines.append(Line((*before, *map(_sane, row)), size, glue, fill))
    return lines


def fold(runs: list[Styled], width: int) -> list[list[Styled]]:
    """Runs cut at the width and nowhere else, as code is shown."""
    runs = with_tabs(runs)
    text = "".join(run.text for run in runs)
    if len(text) <= width and text.isascii():
        return [runs]
    spans = []
    start = stop = cells = 0
    for begin, end, size in split_graphemes(text)[0]:
        if cells + size > width and stop > start:
            spans.append((start, stop, ""))
            start, cells = begin, 0
        stop, cells = end, cells + size
    spans.append((start, stop, ""))
    return [[_sane(run) for run in row] for row in cut(runs, spans)]


def with_tabs(runs: list[Styled]) -> list[Styled]:
    """Runs with spaces up to the next stop in the place of each tab."""
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


def _cells(runs: tuple[Styled, ...]) -> int:
    return cell_len("".join(run.text for run in runs))


def _sane(run: Styled) -> Styled:
    """A run without floods of characters that have no width."""
    if len(run.text) <= _GRAPHEME_LIMIT or run.text.isascii():
        return run
    spans, _ = split_graphemes(run.text)
    if all(end - start <= _GRAPHEME_LIMIT for start, end, _ in spans):
        return run
    kept = (run.text[start : min(end, start + _GRAPHEME_LIMIT)] for start, end, _ in spans)
    return run._replace(text="".join(kept))
