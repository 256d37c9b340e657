"""Renders tables as lines; cells are wrapped if the table is too wide.

If words do not fit into their columns, each row is shown as a list of the columns' names and cells.
"""

import re
from bisect import bisect_right

from rich.cells import cell_len

from genpy_tui.render.lines import Lead, Line, Styled, cells, chars, text_of, wrap

Cell = tuple[list[Styled], str]
"""The text of a cell and its alignment: "left", "right" or "center"."""
Rows = list[list[Cell]]
GAP = " │ "
WORD_CELLS = 20
"""The width of the longest word that is not broken."""
NARROW = 6
"""The least width for the names of columns."""
_WORD = re.compile(r"[^\s\u1100-\uffef]+")
"""Text that should not be broken; Chinese, Japanese and Korean may be broken anywhere."""


def table_lines(
    rows: Rows, width: int, lead: Lead = (), *, measure: Rows | None = None, head: bool = True
) -> list[Line]:
    """The lines of a table; the first row is the head. `measure` are the rows for the widths."""
    if not rows or not rows[0]:
        return []
    room = width - cells(lead)
    widths = _widths(measure or rows, room)
    if sum(widths) + len(GAP) * (len(widths) - 1) > room:
        return _lists(rows, room, lead, head=head)
    lines = [*_row(rows[0], widths, lead), _rule(widths, lead)] if head else []
    return lines + [line for row in rows[1:] for line in _row(row, widths, lead)]


def _lists(rows: Rows, room: int, lead: Lead, *, head: bool) -> list[Line]:
    """A list for each row, a rule above all but the first of a table."""
    names = [(runs, "left") for runs, _ in rows[0]]
    nothing: list[Cell] = [([], "left")] * len(names)
    longest = max(cells(runs) for runs, _ in names)
    size = max(1, min(longest, max(NARROW, room // 3)))
    widths = [size, max(1, room - size - len(GAP))]
    lines: list[Line] = []
    for row in rows[1:] or ([nothing] if head else []):
        if lines or not head:
            lines.append(_rule(widths, lead))
        for name, (cell, _) in zip(names, row, strict=False):
            lines += _row([name, (cell, "left")], widths, lead)
    return lines


def _rule(widths: list[int], lead: Lead) -> Line:
    rule = "─┼─".join("─" * size for size in widths)
    return Line((*lead, Styled(rule, "rule")), chars(lead))


def _widths(rows: Rows, room: int) -> list[int]:
    columns = len(rows[0])
    natural, words = [1] * columns, [1] * columns
    for row in rows:
        for index, (runs, _) in enumerate(row[:columns]):
            text = text_of(runs)
            natural[index] = max(natural[index], *map(cell_len, text.split("\n")))
            words[index] = max(words[index], *map(cell_len, _WORD.findall(text)), 1)
    spare = room - len(GAP) * (columns - 1)

    def limited(limit: int) -> list[int]:
        """The widths of the columns, each at most `limit` unless a word needs more."""
        return [
            min(size, max(limit, min(word, WORD_CELLS)))
            for size, word in zip(natural, words, strict=True)
        ]

    limit = bisect_right(range(max(natural) + 1), spare, key=lambda size: sum(limited(size))) - 1
    widths, left = limited(limit), spare - sum(limited(limit))
    for index, size in enumerate(natural):
        if left > 0 and widths[index] < size:
            widths[index] += 1
            left -= 1
    return widths


def _row(row: list[Cell], widths: list[int], lead: Lead) -> list[Line]:
    wrapped = [
        (wrap(runs, size), align, size) for (runs, align), size in zip(row, widths, strict=False)
    ]
    height = max((len(lines) for lines, _, _ in wrapped), default=0)
    out = []
    for number in range(height):
        joined: list[Styled] = list(lead)
        for column, (lines, align, size) in enumerate(wrapped):
            if column:
                joined.append(Styled(GAP, "rule"))
            runs = lines[number].runs if number < len(lines) else ()
            spare = max(0, size - cells(runs))
            left = {"right": spare, "center": spare // 2}.get(align, 0)
            joined += [Styled(" " * left), *runs, Styled(" " * (spare - left))]
        out.append(Line(tuple(joined), chars(lead)))
    return out
