"""Pieces in the making: what is open, and how it is closed or goes on in another piece."""

from dataclasses import dataclass, field
from typing import Literal

from genpy_tui.render.markdown.piece import MAX_CHARS, MAX_LINES, Kind, Piece
from genpy_tui.render.markdown.syntax import NO_FENCE, Fence

Mode = Literal["none", "text", "quote", "indented", "list", "code", "table"]


@dataclass(slots=True)
class State:
    """Where the splitter stands between two lines."""

    mode: Mode = "none"
    piece: Piece = field(default_factory=lambda: Piece("markdown"))
    chars: int = 0
    fence: Fence = NO_FENCE
    """The fence that is open."""
    inner: Fence | None = None
    """The fence that is open inside a list item."""
    shut: bool = False
    """The line before closed that fence, so that no paragraph is open to go on."""
    marker: str = ""
    """What the items of the open list share: the bullet, or what ends the number."""
    offset: int = 0
    """Column where the content of the open list item begins."""
    number: int = 1
    items: int = 0
    blank: bool = False
    """The line before was blank."""
    pad: int = 0
    within: bool = False
    """Inside an item of a list that was cut, so that indented lines are its content."""
    joined: bool = False
    """The line continues one that was cut, so it begins no block."""


class Builder:
    """The state between two lines, and the pieces that are final."""

    def __init__(self) -> None:
        self.closed: list[Piece] = []
        self._at = State()

    def _open(self, kind: Kind, mode: Mode, *, continues: bool = False) -> None:
        at = self._at
        at.mode, at.chars = mode, 0
        gap = not continues and (at.blank or not at.within)
        at.piece = Piece(kind, first=not continues, gap=gap, pad=at.pad)

    def _add(self, line: str) -> None:
        if self._at.joined and self._at.piece.lines:
            self._at.piece.lines[-1] += line
        else:
            self._at.piece.lines.append(line)
        self._at.chars += len(line) + 1

    def _large(self, times: float = 1) -> bool:
        at = self._at
        return at.chars > times * MAX_CHARS or len(at.piece.lines) > times * MAX_LINES

    def _roll(self) -> None:
        """Go on with the same code in another piece."""
        language, mode = self._at.piece.language, self._at.mode
        self._close(last=False)
        self._open("code", mode, continues=True)
        self._at.piece.language = language

    def _close(self, *, last: bool = True) -> None:
        at = self._at
        piece, mode = at.piece, at.mode
        at.mode, at.inner, at.chars = "none", None, 0
        if mode == "none":
            return
        piece.last = last
        if mode in {"list", "indented"}:
            while piece.lines and not piece.lines[-1].strip():
                piece.lines.pop()
        if piece.lines or mode == "code":
            self.closed.append(piece)
        at.piece = Piece("markdown")
