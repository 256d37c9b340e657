"""Everything that is printed: JSON for programs, and text, tables and Markdown for people.

Pipes and files get the text as it is. On a terminal, what comes from conversations is made harmless
in these functions, so that no command can forget it. JSON escapes the same characters, which loses
nothing.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from genpy_cli.grid import GAP, Column, lines
from genpy_server.core.display import escaped, one_line, visible

if TYPE_CHECKING:
    from genpy_cli.excerpt import Piece

WIDTH = 100
"""Columns of a table where there is no terminal that has some."""
BOLD = "1"
DIM = "2"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks on; a stream that was closed before the start is None."""
    return stream is not None and stream.isatty()


def text(value: str, *, end: str = "\n") -> None:
    """Print a text."""
    sys.stdout.write(shown(value) + end)


def shown(value: str) -> str:
    """A text as standard output takes it: harmless where that is a terminal."""
    return visible(value) if is_terminal(sys.stdout) else value


def note(value: str) -> None:
    """Print a message for the person to standard error."""
    sys.stderr.write(visible(value) + "\n")
    sys.stderr.flush()


def piece(value: str) -> None:
    """Print a piece of a text that is still being written."""
    sys.stdout.write(shown(value))
    sys.stdout.flush()


def heading(value: str, beside: str = "") -> None:
    """Print a line that stands out, perhaps with something beside it that does not."""
    faint_part = GAP + styled(shown(beside), DIM) if beside else ""
    sys.stdout.write(f"{styled(shown(one_line(value)), BOLD)}{faint_part}\n")


def faint(value: str) -> None:
    """Print a line of lesser weight."""
    sys.stdout.write(styled(shown(one_line(value)), DIM) + "\n")


def excerpt(pieces: "Sequence[Piece]") -> None:
    """Print what was found, with the words that were looked for standing out."""
    line = "".join(styled(shown(p.text), BOLD if p.found else "") for p in pieces)
    sys.stdout.write(f"  {line}\n")


def pairs(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and what belongs to them; a name that is the same again is left out."""
    name_width = max(len(name) for name, _ in facts)
    before = ""
    for name, value in facts:
        label = ("" if name == before else name).ljust(name_width)
        sys.stdout.write(f"{styled(label, DIM)}{GAP}{shown(one_line(value))}\n")
        before = name


def styled(value: str, style: str) -> str:
    """A text in a style, where it can be seen."""
    if not value or not style or not _has_styles():
        return value
    return f"\x1b[{style}m{value}\x1b[0m"


def _has_styles() -> bool:
    return (
        is_terminal(sys.stdout)
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM") != "dumb"
        # The old console of Windows shows them as they are.
        and (os.name != "nt" or "WT_SESSION" in os.environ)
    )


def json_document(value: Any) -> None:
    """Print a value as one JSON document."""
    sys.stdout.write(as_json(value) + "\n")


def json_line(encoded: str) -> None:
    """Print JSON that is one line of many."""
    sys.stdout.write(escaped(encoded) + "\n")
    sys.stdout.flush()


def as_json(value: Any) -> str:
    """A value as JSON without a character that acts in a terminal."""
    return escaped(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their titles, as wide as the terminal; no rows print nothing."""
    cells_of = [[shown(one_line(cell)) for cell in row] for row in rows]
    for number, line in enumerate(lines(columns, cells_of, width())):
        cells = (
            styled(cell, column.style if number else BOLD)
            for cell, column in zip(line, columns, strict=True)
        )
        sys.stdout.write(GAP.join(cells).rstrip() + "\n")


def markdown(value: str) -> None:
    """Print Markdown: rendered for a person, as it is for a pipe."""
    if not is_terminal(sys.stdout):
        text(value)
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second, for readers only
    from rich.markdown import Markdown  # noqa: PLC0415

    # An address is shown, not hidden behind its text.
    console = Console(markup=False, highlight=False, emoji=False, width=width())
    console.print(Markdown(visible(value), hyperlinks=False))


def width() -> int:
    """Columns there are."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH
