"""Printing: JSON for programs; text, tables and Markdown for people.

Pipes and files get a text unchanged. On a terminal, and in tables, these functions replace control
characters with visible ones. JSON escapes the same characters.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from shutil import get_terminal_size
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


def shown(value: str, stream: TextIO | None = None) -> str:
    """A text as a stream, standard output for None, gets it: visible as a whole on a terminal."""
    return visible(value) if is_terminal(stream or sys.stdout) else value


def piece(value: str) -> None:
    """Print a piece of a streamed text and flush."""
    text(value, end="")
    sys.stdout.flush()


def dim_piece(value: str) -> None:
    """Print a piece of a streamed text to standard error, dim on a terminal, and flush."""
    value = shown(value, sys.stderr)
    coloured = is_terminal(sys.stderr) and not os.environ.get("NO_COLOR")
    _to_error(f"\x1b[2m{value}\x1b[0m" if coloured else value)


def _to_error(value: str) -> None:
    sys.stderr.write(value)
    sys.stderr.flush()


@cache
def note_once(value: str) -> None:
    """`note`, for a message that comes several ways."""
    note(value)


def note(value: str) -> None:
    """Print a message for the person to standard error."""
    _to_error(visible(value) + "\n")


class Progress(AbstractContextManager["Progress"]):
    """A line on standard error that counts the items of long work, if that is a terminal.

    `total` is their number, if it is known. The line is removed at the end of the context.
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
            _to_error(f"\r\x1b[K{self._what} {self._done:,}{self._of} …")

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            self._shown = False
            _to_error("\r\x1b[K")


def confirmed(question: str) -> bool:
    """Ask a yes-or-no question on standard error; an empty answer is no."""
    _to_error(f"{visible(question)} [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def heading(value: str, detail: str = "") -> None:
    """Print a bold line, followed by a dim detail if there is one."""
    value, detail = shown(one_line(value)), shown(one_line(detail))
    line((value, "bold"), ("  " + detail if detail else "", "dim"))


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
    # It is made to fit on a terminal, and if the environment says how wide it is.
    fitted = is_terminal(sys.stdout) or "COLUMNS" in os.environ
    room = width() if fitted else _total(cells)
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
    from rich.text import Text

    from genpy_tui.render.markdown.document import parts_of
    from genpy_tui.render.message import INDENT, typed
    from genpy_tui.render.palette import plain_style

    for part in typed(value) if user else parts_of(value, indent=INDENT):
        for row in part.lines(min(width(), MESSAGE_WIDTH)):
            shown_row = Text(" " * part.indent if row.runs else "", end="", no_wrap=True)
            for run in row.runs:
                shown_row.append(visible(run.text), plain_style(run.style))
            console().print(shown_row, soft_wrap=True)


def result(value: Any, sentence: str, *, as_json: bool) -> None:
    """Print the result of a command: the value as JSON, or a sentence."""
    if as_json:
        json_document(value)
    else:
        text(sentence)


def json_document(value: Any) -> None:
    """Print a value as one JSON document."""
    json_line(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def json_line(encoded: str) -> None:
    """Print JSON and flush."""
    sys.stdout.write(escaped(encoded) + "\n")
    sys.stdout.flush()


def _total(cells: Mapping[str, int]) -> int:
    """Columns of a table whose columns have so many cells."""
    return sum(cells.values()) + GAP * (len(cells) - 1)


def width() -> int:
    """Columns of the terminal."""
    return get_terminal_size((WIDTH, 0)).columns
