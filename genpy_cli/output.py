"""Everything that is printed: JSON for programs, and text, tables and Markdown for people.

Pipes and files get the text as it is. On a terminal, and in tables, control characters are made
visible and harmless in these functions, so that no command can forget it. JSON escapes the same
characters, which loses nothing.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from genpy_server.core.display import escaped, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

READABLE = 100
"""Columns of a message at most: longer lines are hard to read."""
WIDTH = 100
"""Columns of a table where standard output is not a terminal."""
SHORT_ID = 8
STATUS = {"active": "● active", "completed": "✓ completed"}
ROLES = {"user": "You", "assistant": "GenPy", "system": "Note"}


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks on; a stream that was closed before the start is None."""
    return stream is not None and stream.isatty()


def text(value: str, *, end: str = "\n") -> None:
    """Print a text."""
    sys.stdout.write(shown(value) + end)


def shown(value: str) -> str:
    """A text as standard output takes it: harmless where that is a terminal."""
    return visible(value) if is_terminal(sys.stdout) else value


def piece(value: str) -> None:
    """Print a piece of a text that is still being written, at once."""
    text(value, end="")
    sys.stdout.flush()


def aside(value: str) -> None:
    """Print a piece of a text to standard error, dim on a terminal, at once."""
    coloured = is_terminal(sys.stderr) and not os.environ.get("NO_COLOR")
    shown_value = visible(value) if is_terminal(sys.stderr) else value
    sys.stderr.write(f"\x1b[2m{shown_value}\x1b[0m" if coloured else shown_value)
    sys.stderr.flush()


def note(value: str) -> None:
    """Print a message for the person to standard error."""
    sys.stderr.write(visible(value) + "\n")
    sys.stderr.flush()


def confirmed(question: str) -> bool:
    """Ask a person a yes-or-no question, beside the output; no answer is no."""
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def heading(value: str, beside: str = "") -> None:
    """Print a bold line, perhaps with something dim beside it."""
    parts = [(shown(one_line(value)), "bold")]
    line(*parts, ("  " + shown(one_line(beside)), "dim")) if beside else line(*parts)


def faint(value: str) -> None:
    """Print a dim line."""
    line((shown(one_line(value)), "dim"))


def line(*parts: "tuple[str, str] | Text") -> None:
    """Print one line of texts with their styles, never wrapped."""
    if not is_terminal(sys.stdout):
        plain = (part[0] if isinstance(part, tuple) else part.plain for part in parts)
        sys.stdout.write("".join(plain) + "\n")
        return
    from rich.text import Text

    console().print(Text.assemble(*parts), soft_wrap=True)


def pairs(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values; a name that is the same again is left out."""
    grid = _table(show_header=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    before = ""
    for name, value in facts:
        grid.add_row("" if name == before else name, visible(one_line(value)))
        before = name
    console().print(grid)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    cut: Sequence[str] = (),
) -> None:
    """Print rows under their titles; the columns in `cut` give way where room is missing."""
    from rich.text import Text

    grid = _table(header_style="bold")
    for title in columns:
        grid.add_column(
            title, justify="right" if title in right else "left", no_wrap=title not in cut
        )
    cells = [
        "\n".join(visible(one_line(cell)) for cell in column) for column in zip(*rows, strict=True)
    ]
    # A column is one cell of many lines, for Rich takes most of the time of a command by cells.
    grid.add_row(*(Text(column, no_wrap=True, overflow="ellipsis") for column in cells))
    console().print(grid)


def _table(**options: Any) -> "Table":
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), **options)


@cache
def console() -> "Console":
    """Rich's console on standard output; nothing in a text is taken for markup."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False, width=width())


def markdown(value: str) -> None:
    """Print Markdown: rendered as in the chat for a person, as it is for a pipe."""
    if not is_terminal(sys.stdout):
        text(value)
        return
    from genpy_tui.render.console import markdown_text

    _rows(markdown_text(value, min(width(), READABLE)))


def typed(value: str) -> None:
    """Print what a person wrote, line for line: as in the chat for a person, as it is for a pipe."""
    if not is_terminal(sys.stdout):
        text(value)
        return
    from genpy_tui.render.console import typed_text

    _rows(typed_text(value, min(width(), READABLE)))


def _rows(rows: "Iterable[Text]") -> None:
    for row in rows:
        console().print(row, soft_wrap=True)


def json_document(value: Any) -> None:
    """Print a value as one JSON document."""
    document = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(escaped(document) + "\n")


def json_line(encoded: str) -> None:
    """Print JSON that is one line of many, at once."""
    sys.stdout.write(escaped(encoded) + "\n")
    sys.stdout.flush()


def width() -> int:
    """Columns there are."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def local_time(at: str) -> str:
    """An ISO time as the clock on the wall shows it."""
    return datetime.fromisoformat(at).astimezone().strftime("%d %b %Y, %H:%M")


def count(number: int, thing: str) -> str:
    """A number of things, in the singular for one."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
