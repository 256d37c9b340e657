"""A table as lines: columns as wide as their cells while there is room, then wrapped cells.

Where there are more columns than fit, each row is a list of the columns' names and its cells.
"""

from rich.cells import cell_len

from genpy_tui.render.lines import Line, Styled, wrap

Cell = tuple[list[Styled], str]
"""Its text and its alignment: "left", "right" or "center"."""
GAP = " │ "
NARROW = 6
"""Cells a column keeps when the table is too wide."""


def table_lines(
    rows: list[list[Cell]],
    width: int,
    lead: tuple[Styled, ...] = (),
    *,
    measure: list[list[Cell]] | None = None,
    head: bool = True,
) -> list[Line]:
    """The first row is the head. `measure` are the rows that decide the columns' widths."""
    if not rows or not rows[0]:
        return []
    room = width - sum(cell_len(run.text) for run in lead)
    widths = _widths(measure or rows, room)
    if not _fits(widths, room):
        return _lists(rows, room, lead, head=head)
    lines: list[Line] = []
    if head:
        lines += _row(rows[0], widths, lead)
        lines.append(_rule(widths, lead))
    for row in rows[1:]:
        lines += _row(row, widths, lead)
    return lines


def _lists(
    rows: list[list[Cell]], room: int, lead: tuple[Styled, ...], *, head: bool
) -> list[Line]:
    """A list for each row, a rule above all but the first of a table."""
    names = [(runs, "left") for runs, _ in rows[0]]
    nothing: list[Cell] = [([], "left")] * len(names)
    longest = max(cell_len("".join(run.text for run in runs)) for runs, _ in names)
    size = max(1, min(longest, max(NARROW, room // 3)))
    widths = [size, max(1, room - size - len(GAP))]
    lines: list[Line] = []
    for row in rows[1:] or ([nothing] if head else []):
        if lines or not head:
            lines.append(_rule(widths, lead))
        for name, (cell, _) in zip(names, row, strict=False):
            lines += _row([name, (cell, "left")], widths, lead)
    return lines


def _rule(widths: list[int], lead: tuple[Styled, ...]) -> Line:
    rule = "─┼─".join("─" * size for size in widths)
    return Line((*lead, Styled(rule, "rule")), sum(len(run.text) for run in lead))


def _fits(widths: list[int], room: int) -> bool:
    return sum(widths) + len(GAP) * (len(widths) - 1) <= room


def _widths(rows: list[list[Cell]], room: int) -> list[int]:
    columns = len(rows[0])
    natural = [1] * columns
    for row in rows:
        for index, (runs, _) in enumerate(row[:columns]):
            text = "".join(run.text for run in runs)
            natural[index] = max(natural[index], *map(cell_len, text.split("\n")))
    spare = room - len(GAP) * (columns - 1)
    widths = natural[:]
    while sum(widths) > spare and max(widths) > NARROW:
        widest = max(widths)
        second = max((size for size in widths if size < widest), default=NARROW)
        many = widths.count(widest)
        excess = sum(widths) - spare
        floor = max(second, NARROW, widest - -(-excess // many))
        widths = [floor if size == widest else size for size in widths]
    return widths


def _row(row: list[Cell], widths: list[int], lead: tuple[Styled, ...]) -> list[Line]:
    cells = []
    for (runs, align), size in zip(row, widths, strict=False):
        cells.append((wrap(runs, size), align, size))
    height = max((len(lines) for lines, _, _ in cells), default=0)
    out = []
    for number in range(height):
        joined: list[Styled] = list(lead)
        for column, (lines, align, size) in enumerate(cells):
            if column:
                joined.append(Styled(GAP, "rule"))
            part = lines[number].runs if number < len(lines) else ()
            joined += _aligned(part, align, size)
        out.append(Line(tuple(joined), sum(len(run.text) for run in lead)))
    return out


def _aligned(runs: tuple[Styled, ...], align: str, size: int) -> list[Styled]:
    spare = max(0, size - cell_len("".join(run.text for run in runs)))
    left = {"right": spare, "center": spare // 2}.get(align, 0)
    return [Styled(" " * left), *runs, Styled(" " * (spare - left))]
