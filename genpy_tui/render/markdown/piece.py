"""A part of a text of Markdown that is rendered by itself."""

from dataclasses import dataclass, field
from typing import Literal

MAX_LINES = 30
"""Lines of a block that is still open; at the next good place after them it is cut."""
MAX_CHARS = 2_000
SOFT = 1.5
"""Code is cut at a blank line while it is no larger than this, then anywhere."""
HARD = 3
"""At so many times those limits a list item or a quote is cut anywhere."""

Kind = Literal["markdown", "inline", "code", "table"]


@dataclass(slots=True)
class Piece:
    """Some lines, and how they belong to the block they are a part of."""

    kind: Kind
    lines: list[str] = field(default_factory=list)
    language: str = ""
    first: bool = True
    """It begins its block; a later piece of the same block does not."""
    last: bool = True
    """It ends its block."""
    gap: bool = True
    """A blank line stands above it."""
    number: int | None = None
    """For a list continued: the number of its first item."""
    pad: int = 0
    """Columns it is moved to the right, for a list item continued."""
    head: tuple[str, ...] = ()
    """For a table continued: the lines that its columns are measured by."""

    @property
    def source(self) -> str:
        """Its Markdown, or its code."""
        return "\n".join(self.lines)
