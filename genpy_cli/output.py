"""Printing: JSON for programs; text, tables and Markdown for people.

Pipes and files get a text unchanged. On a terminal, and in tables, these functions replace control
characters with visible ones. JSON escapes the same characters.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import msgspec

from genpy_server.core.display import escaped, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")

PROGRESS_AFTER_SECONDS = 1.0
"""Shorter work shows no progress line."""
PROGRESS_SECONDS = 0.2
"""Between two updates of the line, at least."""
MESSAGE_WIDTH = 100
"""Columns of a message at most: longer lines are hard to read."""
WIDTH = 100
"""Columns of a text if standard output is not a terminal."""
GAP = 2
"""Columns between two of a table."""
CUT_CELLS = 16
STATUS = {"active": "● active", "completed": "✓ completed"}
ROLES = {"user": "You", "assistant": "GenPy", "system": "Note"}


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; one that was closed before the start is None."""
    return stream is not None and stream.isatty()


def text(value: str, *, end: str = "\n") -> None:
    """Print a text."""
    sys.stdout.write(shown(value) + end)


def shown(value: str) -> str:
    """A text as standard output gets it: without control characters on a terminal."""
    return visible(value) if is_terminal(sys.stdout) else value


def piece(value: str) -> None:
    """Print a piece of a streamed text and flush."""
    text(value, end="")
    sys.stdout.flush()


def dim_piece(value: str) -> None:
    """Print a piece of a streamed text to standard error, dim on a terminal, and flush."""
    coloured = is_terminal(sys.stderr) and not os.environ.get("NO_COLOR")
    shown_value = visible(value) if is_terminal(sys.stderr) else value
    sys.stderr.write(f"\x1b[2m{shown_value}\x1b[0m" if coloured else shown_value)
    sys.stderr.flush()


_noted = set[str]()


def note_once(value: str) -> None:
    """`note`, for a message that comes several ways."""
    if value not in _noted:
        _noted.add(value)
        note(value)


def note(value: str) -> None:
    """Print a message for the person to standard error."""
    sys.stderr.write(visible(value) + "\n")
    sys.stderr.flush()


class Progress:
    """A line on standard error that counts the items of long work, if that is a terminal.

    `total` is their number, if it is known.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._of = "" if total is None else f" of {total:,}"
        self._done, self._shown = 0, False
        self._next = monotonic() + PROGRESS_AFTER_SECONDS

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Count these items while they are taken."""
        for item in items:
            self.count()
            yield item

    def count(self) -> None:
        """Count one item."""
        self._done += 1
        if is_terminal(sys.stderr) and monotonic() >= self._next:
            self._next = monotonic() + PROGRESS_SECONDS
            self._shown = True
            sys.stderr.write(f"\r\x1b[K{self._what} {self._done:,}{self._of} …")
            sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            self._shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def confirmed(question: str) -> bool:
    """Ask a yes-or-no question on standard error; an empty answer is no."""
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def heading(value: str, detail: str = "") -> None:
    """Print a bold line, followed by a dim detail if there is one."""
    parts = [(shown(one_line(value)), "bold")]
    line(*parts, ("  " + shown(one_line(detail)), "dim")) if detail else line(*parts)


def dim(value: str) -> None:
    """Print a dim line."""
    line((shown(one_line(value)), "dim"))


def line(*parts: "tuple[str, str] | Text") -> None:
    """Print one line of (text, style) parts, never wrapped."""
    if not is_terminal(sys.stdout):
        plain = (part[0] if isinstance(part, tuple) else part.plain for part in parts)
        sys.stdout.write("".join(plain) + "\n")
        return
    from rich.text import Text

    console().print(Text.assemble(*parts), soft_wrap=True)


def pairs(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values; a name equal to the previous one is left out."""
    grid = _table(show_header=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    previous = ""
    for name, value in facts:
        grid.add_row("" if name == previous else name, visible(one_line(value)))
        previous = name
    console().print(grid)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    cut: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """Print rows under their titles; a pipe gets every cell whole.

    If a terminal is too narrow, the columns in `cut` are clipped, to `CUT_CELLS` at least, and those
    in `spare` left out, the first of them first. What is still too wide is for the terminal to wrap.
    """
    from rich.cells import cell_len
    from rich.text import Text

    shown = {
        title: [visible(one_line(cell)) for cell in column]
        for title, column in zip(columns, zip(*rows, strict=True), strict=True)
    }
    cells = {title: max(map(cell_len, (title, *column))) for title, column in shown.items()}
    least = {title: min(wide, CUT_CELLS) if title in cut else wide for title, wide in cells.items()}
    room = width() if _is_cut() else _total(cells)
    for title in spare:
        if _total(least) > room:
            del shown[title], least[title]
    grid = _table(header_style="bold")
    for title in shown:
        grid.add_column(
            title,
            justify="right" if title in right else "left",
            no_wrap=title not in cut,
            min_width=least[title],
        )
    # A column is one cell of many lines: Rich's time per cell is most of the time of a command.
    grid.add_row(
        *(Text("\n".join(column), no_wrap=True, overflow="ellipsis") for column in shown.values())
    )
    printer = console()
    printer.width = max(room, _total(least))
    with printer.capture() as capture:
        printer.print(grid)
    printer.width = width()
    for row in capture.get().splitlines():
        sys.stdout.write(row.rstrip() + "\n")


def _table(**options: Any) -> "Table":
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), **options)


@cache
def console() -> "Console":
    """Rich's console on standard output; texts are not read as markup."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False, width=width())


def message(value: str, *, user: bool = False) -> None:
    """Print a message: rendered as in the chat on a terminal, unchanged to a pipe.

    A reply is Markdown; a message of the `user` keeps its lines.
    """
    if not is_terminal(sys.stdout):
        text(value)
        return
    from genpy_tui.render.console import markdown_text, typed_text

    render = typed_text if user else markdown_text
    for row in render(value, min(width(), MESSAGE_WIDTH)):
        console().print(row, soft_wrap=True)


def result(value: Any, sentence: str, *, as_json: bool) -> None:
    """Print the result of a command: the value as JSON, or a sentence."""
    if as_json:
        json_document(value)
    else:
        text(sentence)


def json_document(value: Any) -> None:
    """Print a value as one JSON document."""
    document = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(escaped(document) + "\n")


def json_line(encoded: str) -> None:
    """Print one line of JSON and flush."""
    sys.stdout.write(escaped(encoded) + "\n")
    sys.stdout.flush()


def _total(cells: Mapping[str, int]) -> int:
    """Columns of a table whose columns have so many cells."""
    return sum(cells.values()) + GAP * (len(cells) - 1)


def _is_cut() -> bool:
    """Whether a table is made to fit: on a terminal, or if the environment says how wide it is."""
    return is_terminal(sys.stdout) or "COLUMNS" in os.environ


def width() -> int:
    """Columns of the terminal."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH
