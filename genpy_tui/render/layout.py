"""Computes the position of each line; heights are exact near the visible part, else estimated.

Estimates are corrected when their blocks come near the visible part. An anchor (block, part, line)
keeps the visible lines in place while heights change around them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import NamedTuple, Protocol

from genpy_tui.render.lines import Line


@dataclass(slots=True, eq=False)
class BlockPart:
    """Lines that are made when needed, and cached for one width."""

    make: Callable[[int], list[Line]]
    chars: int = 0
    newlines: int = 0
    indent: int = 0
    _lines: list[Line] | None = field(default=None, init=False)
    _width: int = field(default=0, init=False)

    def lines(self, width: int) -> list[Line]:
        """The lines at a width."""
        if self._lines is None or self._width != width:
            self._lines, self._width = self.make(max(8, width - self.indent)), width
        return self._lines

    def height(self, width: int) -> int:
        """The number of lines at a width, estimated if they are not made yet."""
        if self._lines is not None and self._width == width:
            return len(self._lines)
        return self.newlines + 1 + self.chars // max(8, width - self.indent)

    def forget(self) -> None:
        """Drop the lines; they are made again when needed."""
        self._lines = None


class Block(Protocol):
    """A block of the layout; its parts are below each other."""

    marked: bool
    """Whether the cursor is beside it."""

    @property
    def parts(self) -> list[BlockPart]:
        """The parts; this may parse the text, so it is used only near the visible part."""

    def height(self, width: int) -> int:
        """The height, exact or estimated, without parsing any text."""


class Anchor(NamedTuple):
    """A place in the conversation that remains valid when heights change."""

    block: Block
    part: int
    share: float
    """The position in the part, from 0 to 1."""
    line: int


class Row(NamedTuple):
    """A line with its block and part."""

    block: Block
    part: BlockPart
    line: Line
    number: int
    """The index of the line in its part."""


class Layout:
    """Blocks below each other, at one width."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self.blocks: list[Block] = []
        self._tops: list[int] = [0]

    @property
    def height(self) -> int:
        """The number of lines of all blocks."""
        return self._tops[-1]

    def measure(self, start: int = 0) -> None:
        """Compute positions again, from the block with this index on."""
        start = max(0, min(start, len(self._tops) - 1))
        heights = (block.height(self.width) for block in self.blocks[start:])
        self._tops[start:] = accumulate(heights, initial=self._tops[start])

    def top(self, index: int) -> int:
        """The first line of a block."""
        return self._tops[index]

    def index_at(self, y: int) -> int:
        """The index of the block with line `y`."""
        return max(0, min(bisect_right(self._tops, y) - 1, len(self.blocks) - 1))

    def _parts(self, y: int) -> Iterator[tuple[Block, int, BlockPart, int]]:
        """The parts from line `y` on: block, index in it, part, and its lines above `y`."""
        for index in range(self.index_at(y), len(self.blocks)):
            block, skip = self.blocks[index], max(0, y - self._tops[index])
            for number, part in enumerate(block.parts):
                height = part.height(self.width)
                if skip < height:
                    yield block, number, part, skip
                skip = max(0, skip - height)

    def anchor(self, y: int) -> Anchor | None:
        """The place at line `y`."""
        for block, number, part, line in self._parts(y):
            return Anchor(block, number, line / part.height(self.width), line)
        return None

    def settle(self, anchor: Anchor | None, rows: int, *, rewrapped: bool = False) -> int:
        """Make `rows` lines from an anchor on; returns the line of the anchor now."""
        if anchor is None or anchor.block not in self.blocks:
            return self.settle_end(rows)
        index = self.blocks.index(anchor.block)
        parts = anchor.block.parts
        number = min(anchor.part, len(parts) - 1)
        height = len(parts[number].lines(self.width))
        line = int(anchor.share * height) if rewrapped else anchor.line
        line = max(0, min(line, height - 1))
        need = rows + line
        below = (part for block in self.blocks[index + 1 :] for part in block.parts)
        for part in chain(parts[number:], below):
            need -= len(part.lines(self.width))
            if need <= 0:
                break
        self.measure(index)
        above = sum(part.height(self.width) for part in parts[:number])
        return self._tops[index] + above + line

    def settle_end(self, rows: int) -> int:
        """Make the last `rows` lines; returns the height of all blocks."""
        first = len(self.blocks)
        while first and rows > 0:
            first -= 1
            for part in reversed(self.blocks[first].parts):
                rows -= len(part.lines(self.width))
                if rows <= 0:
                    break
        self.measure(first)
        return self.height

    def rows(self, y: int, count: int) -> list[Row]:
        """`count` lines from line `y` on."""
        out: list[Row] = []
        for block, _, part, skip in self._parts(y):
            lines = part.lines(self.width)
            out += (Row(block, part, line, skip + n) for n, line in enumerate(lines[skip:]))
            if len(out) >= count:
                break
        return out[:count]
