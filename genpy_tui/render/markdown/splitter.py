"""Splits Markdown into pieces that are final as soon as they are closed.

A reply is received in chunks of any size. The parser finds the blocks of the complete lines, of which
all but the last are closed: a closed piece is never rendered again, and its place does not depend on
the chunks. A block that is too large (code, list, table, quote, paragraph) is cut, and the next piece
continues it. The parser then gets a line before those of the piece, which puts it into the block.
"""

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from markdown_it.token import Token

from genpy_server.markdown.dialect import MATH_MARK, fence, math_end, parser

MAX_LINES = 30
"""A larger block is cut at the next suitable place."""
MAX_CHARS = 2_000
SOFT = 1.5
"""At so many times these limits, code is cut anywhere, and not only at a blank line."""
HARD = 3
"""At so many times these limits, a list item is cut anywhere, and a formula needs its end."""

Kind = Literal["markdown", "inline", "code", "table"]


@dataclass(slots=True)
class Fragment:
    """A piece: some lines, and their relation to their block."""

    kind: Kind
    lines: list[str] = field(default_factory=list)
    language: str = ""
    first: bool = True
    """Whether it begins its block."""
    gap: bool = True
    """Whether a blank line is above it."""
    number: int | None = None
    """For a continued list: the number of its first item."""
    pad: int = 0
    """For a continued list item: the columns of its indentation."""
    head: tuple[str, ...] = ()
    """For a continued table: the lines by which its columns are measured."""

    @property
    def source(self) -> str:
        """The Markdown or the code."""
        return "\n".join(self.lines)


DEFINITION = re.compile(r" {0,3}\[[^\]\n]+\]:")
_MARKER = re.compile(r"\s*([-*+]|\d{1,9}[.)])([ \t]+|$)")
_SENTENCE = re.compile(r"[.!?…][\"')\]]*[ \t]+|[。！？]|[ \t]+")
_KINDS: dict[str, Kind] = {"fence": "code", "code_block": "code", "table_open": "table"}
_LISTS = {"bullet_list_open", "ordered_list_open"}
_GOES_ON = {*_LISTS, "code_block"}
"""Blocks that may go on after a blank line."""
_DEFINITIONS = "definitions"
"""The type of a block of definitions of links, for which the parser has no token."""
_THINKS = {"<think>": "</think>", "<thinking>": "</thinking>"}
_JOINT = "x"
"""Put before the rest of a line that was cut, so that it cannot begin a block."""
_CONTENT_COLUMNS = range(1, 5)
"""The possible numbers of columns between a marker and its content."""


class _Block(NamedTuple):
    """An outermost block of some lines: `start` is its first line, `end` the one after its last."""

    type: str
    start: int
    end: int
    tokens: list[Token]


def _indent(line: str) -> int:
    """Columns of white space at the start of a line."""
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4))


def _without(line: str, columns: int) -> str:
    """A line without so many columns of white space; the rest of a tab becomes spaces."""
    at = 0
    while columns > 0:
        width = 4 - at % 4 if line[0] == "\t" else 1
        at, columns, line = at + width, columns - width, line[1:]
    return " " * -columns + line


def _is_large(lines: list[str], times: float = 1) -> bool:
    return len(lines) > times * MAX_LINES or sum(map(len, lines)) + len(lines) > times * MAX_CHARS


def _blocks(lines: list[str]) -> Iterator[_Block]:
    tokens: list[Token] = []
    markdown, at = parser(), 0
    markdown.block.parse("\n".join([*lines, ""]), markdown, {}, tokens)
    places = [n for n, token in enumerate(tokens) if not token.level and token.nesting >= 0]
    for place, following in pairwise([*places, len(tokens)]):
        start, end = tokens[place].map or (at, at)
        yield from _definitions(lines, at, start)
        at = end
        while not lines[end - 1].strip():
            end -= 1
        yield _Block(tokens[place].type, start, end, tokens[place:following])
    yield from _definitions(lines, at, len(lines))


def _definitions(lines: list[str], start: int, end: int) -> Iterator[_Block]:
    """The block of definitions between two other blocks, if there is one."""
    defined = [number for number in range(start, end) if lines[number].strip()]
    if defined:
        yield _Block(_DEFINITIONS, defined[0], defined[-1] + 1, [])


def _items(block: _Block) -> list[int]:
    """The first lines of the items of a list, as indices of its lines."""
    first, *tokens = block.tokens
    starts = (one.map[0] for one in tokens if one.level == 1 and one.nesting == 1 and one.map)
    return [start - (first.map or [0])[0] for start in starts]


def _is_open_formula(lines: list[str]) -> bool:
    """Whether lines begin a formula whose end may follow."""
    closing = math_end(lines[0])
    return (
        closing is not None
        and closing not in lines[0].strip()[MATH_MARK:]
        and all(line.strip() and closing not in line for line in lines[1:])
        and not _is_large(lines, HARD)
    )


def _content_column(line: str) -> int:
    """The column at which the content of a list item begins, by its first line."""
    marker = _MARKER.match(line)
    if marker is None:
        return 0
    space = len(marker[0].expandtabs(4)) - marker.end(1)
    return marker.end(1) + (space if space in _CONTENT_COLUMNS and marker.end() < len(line) else 1)


def _open_fence(tokens: list[Token]) -> Token | None:
    """The fence at the end of a block, if its own end may follow."""
    last = next((token for token in reversed(tokens) if token.nesting >= 0), None)
    if last is None or last.type != "fence" or last.map is None:
        return None
    return last if last.map[1] - last.map[0] == last.content.count("\n") + 1 else None


class Splitter:
    """Splits the text that it is fed; `closed` has the final pieces, `tail()` the open ones."""

    def __init__(self) -> None:
        self.closed: list[Fragment] = []
        self._rest: list[str] = []
        """The incomplete last line, in chunks."""
        self._rest_size = 0
        self._lines: list[str] = []
        """The complete lines that are in no closed piece."""
        self._blank = False
        """Whether the line before them is blank."""
        self._next: Fragment | None = None
        """The continuation of a block that was cut, which the first of them may belong to."""
        self._before: list[str] = []
        """Lines that put the parser into that block."""
        self._joined = False
        """Whether the first of them is the rest of a line that was cut."""
        self._within = False
        """Whether the position is inside a list item that was cut; indented lines are its content."""
        self._pad = 0
        """The columns of its indentation."""
        self._thinks: str | None = None
        """The closing tag of reasoning at the start of the text; empty if there is none."""

    def feed(self, text: str) -> None:
        """Append text."""
        self._rest.append(text)
        self._rest_size += len(text)
        if "\n" in text:
            *lines, rest = "".join(self._rest).split("\n")
            for line in lines:
                self._line(self._chop(line))
            self._rest, self._rest_size = [rest], len(rest)
        if self._rest_size > 2 * MAX_CHARS:
            rest = self._chop("".join(self._rest))
            self._rest, self._rest_size = [rest], len(rest)

    def tail(self) -> list[Fragment]:
        """The open pieces, including the incomplete last line; several blocks may be in one."""
        rest = "".join(self._rest)
        lines = [*self._lines, rest] if rest else self._lines[:]
        if not lines:
            return []
        if (code := self._open_code(lines)) is not None:
            return [code]
        defines = any(map(DEFINITION.match, lines))  # which must not define anything yet
        if not (defines or self._before or self._within or self._joined):
            piece = self._next or Fragment("markdown")
            return [replace(piece, lines=lines)] if any(map(str.strip, lines)) else []
        probe = copy(self)
        probe.closed, probe._lines = [], self._lines[:]  # noqa: SLF001 - of its own kind
        probe.finish()
        return probe.closed

    def finish(self) -> None:
        """The text is complete: close the open pieces."""
        if self._rest_size:
            self._line(self._chop("".join(self._rest)))
        self._rest, self._rest_size = [], 0
        self._close_all()

    # Lines

    def _line(self, line: str) -> None:
        if self._lines or not self._joined:
            if self._thinks is None and line.strip():
                self._thinks = _THINKS.get(line.strip(), "")
            if self._thinks and line.strip() == self._thinks:
                self._close_all()  # a block that the model left open in its reasoning
            if self._within and line.strip() and not _indent(line) >= self._pad > 0:
                self._close_all()
                self._within = _indent(line) > 1
                self._pad = _indent(line) if self._within else 0
            line = _without(line, min(self._pad, _indent(line)))
        self._lines.append(line)
        column = _content_column(self._lines[0])
        inside = 0 < column <= _indent(line)  # of a list item, which is cut later
        ends = not line.strip() and self._open_code(self._lines) is None
        if ends or _is_large(self._lines, HARD if inside else 1):
            self._settle()

    def _chop(self, line: str) -> str:
        """Add all but the end of a line that is too long to wait for its end."""
        while len(line) > 2 * MAX_CHARS:
            ends = (found.end() for found in _SENTENCE.finditer(line, MAX_CHARS, 2 * MAX_CHARS))
            end = next(ends, 2 * MAX_CHARS)
            self._line(line[:end])
            self._settle()
            self._divide_line()
            line = line[end:]
        return line

    # Blocks

    def _parsed(self) -> list[_Block]:
        """The blocks of the lines; `start` of a continued one is before them."""
        lines = [*self._before, *self._lines]
        if self._joined:
            lines[len(self._before)] = _JOINT + self._lines[0]
        skipped = len(self._before)
        return [
            block._replace(start=block.start - skipped, end=block.end - skipped)
            for block in _blocks(lines)
            if block.end > skipped
        ]

    def _open_code(self, lines: list[str]) -> Fragment | None:
        """The open code that all of these lines are in; this takes a tenth of the parser's time."""
        opening, *rest = [*self._before, *lines]
        opened = fence(opening)
        if opened is None or opened.indent or self._joined:
            return None
        for line in rest:
            opened = opened if line.startswith("    ") else opened.after(line)
            if opened is None:
                return None
        piece = self._next or Fragment("code", language=opened.info, pad=self._pad)
        return replace(piece, lines=lines[not self._before :])

    def _settle(self) -> None:
        """Close the blocks that later lines cannot change, and cut the open one if it is too large."""
        blocks = self._parsed() if self._lines else []
        if not blocks:
            if not self._before:
                self._drop(len(self._lines))
            return
        final = self._first_open(blocks)
        for block in blocks[:final]:
            self._close(block)
        start = blocks[final].start if final < len(blocks) else len(self._lines)
        if start > 0:
            self._drop(start)
        if final == len(blocks) - 1 and _is_large(self._lines):
            self._cut(blocks[final]._replace(start=min(start, 0)))

    def _first_open(self, blocks: list[_Block]) -> int:
        """The index of the first block that later lines may change."""
        for number, block in enumerate(blocks):
            if _is_open_formula(self._lines[max(block.start, 0) :]):
                return number
        *_, before, last = [None, *blocks]
        if last.end < len(self._lines) and not (last.type in _GOES_ON or _open_fence(last.tokens)):
            return len(blocks)
        # A line after definitions may turn out to be the title of the last one.
        titled = before is not None and before.type == _DEFINITIONS and before.end == last.start
        return len(blocks) - (2 if titled and not _is_large(self._lines) else 1)

    def _close_all(self) -> None:
        for block in self._parsed() if self._lines else ():
            self._close(block)
        self._drop(len(self._lines))

    def _close(self, block: _Block) -> None:
        lines = self._lines[max(block.start, 0) : block.end]
        kind = _KINDS.get(block.type, "markdown")
        gap = not self._within or self._is_blank(block.start - 1)
        piece = Fragment(kind, gap=gap, pad=self._pad)
        continued = block.start < (0 if self._before else 1)
        if kind == "code":
            piece.language = block.tokens[0].info
            lines = block.tokens[0].content.split("\n")[:-1]
        if continued and self._next is not None:
            piece = self._next
            if kind == "code":
                del lines[: len(self._before) - (block.type == "fence")]
                lines[:1] = [line.removeprefix(_JOINT * self._joined) for line in lines[:1]]
        if lines or piece.first:
            self.closed.append(replace(piece, lines=lines))

    def _is_blank(self, number: int) -> bool:
        return not self._lines[number].strip() if number >= 0 else self._blank

    def _drop(self, count: int) -> None:
        """Remove the first lines, which are closed; the rest begins a block."""
        self._blank = self._is_blank(count - 1)
        del self._lines[:count]
        self._next, self._before, self._joined = None, [], False

    # Blocks that are too large

    def _cut(self, block: _Block) -> None:
        """Cut the open block, if its last line is a suitable place."""
        *earlier, line = self._lines
        fence = _open_fence(block.tokens)
        if _is_open_formula(self._lines):
            return
        if block.type in _LISTS:
            self._cut_list(block, fence)
        elif block.type == "fence":
            code = self._lines if self._before else self._lines[1:]
            if fence is not None and _is_large(code, SOFT if line.strip() else 1):
                self._divide_code(fence)
        elif not line.strip():
            return
        elif block.type == "code_block":
            self._divide(block, "code", "    x")
        elif block.type == "table_open":
            head = tuple(self._lines) if self._next is None else self._next.head
            self._divide(block, "table", *head[:2], head=head)
        elif not _is_large(earlier):
            return
        elif block.type == "blockquote_open":
            self._divide(block, "markdown", "> x", left=1)
        elif block.type in {"paragraph_open", "footnote_open"}:
            self._divide(block, "inline", "x", left=1)
        elif block.type == _DEFINITIONS and DEFINITION.match(line):
            self._divide(block, "markdown", left=1)

    def _cut_list(self, block: _Block, fence: Token | None) -> None:
        *earlier, line = self._lines
        starts = _items(block)
        column = _content_column(self._lines[starts[-1]])
        if starts[-1] == len(earlier):
            if _is_large(earlier):
                begins = block.tokens[0].attrs.get("start", 1)
                number = int(begins if self._next is None else self._next.number or 0)
                number += len(starts) - 1
                ordered = block.type == "ordered_list_open"
                gap = not earlier[-1].strip()
                self._divide(block, "markdown", left=1, gap=gap, number=number if ordered else None)
        elif not line.strip() or not _is_large(earlier, HARD):
            return
        elif fence is not None:
            self._divide_code(fence, min(_indent(line), column))
            self._within = True
        elif _indent(line) < column:
            self._divide(block, "inline", "x", left=1)
        elif not earlier[-1].strip() or _MARKER.match(line):
            self._lines.pop()
            self._close_all()
            outer, self._within, self._pad = self._pad, True, 0
            self._line(" " * outer + line)

    def _divide(self, block: _Block, kind: Kind, *before: str, left: int = 0, **facts: Any) -> None:
        """Close a block but for the lines that are `left`; they and the next ones continue it."""
        self._close(block._replace(end=len(self._lines) - left))
        self._drop(len(self._lines) - left)
        self._next = Fragment(kind, first=False, pad=self._pad, **{"gap": False} | facts)
        self._before = [*before]

    def _divide_code(self, token: Token, pad: int = 0) -> None:
        """Close all; the next lines continue a fence, which is indented by `pad` more columns."""
        opening = f"{token.markup}{token.info}"
        if not token.level:
            opening = (self._before or self._lines)[0]
        opened = fence(opening)
        for line in token.content.split("\n"):
            opened = opened and (opened.after(line) or opened)
        depth = opened.depth if opened is not None else 0
        self._close_all()
        self._pad += pad
        self._next = Fragment("code", language=token.info, first=False, gap=False, pad=self._pad)
        self._before = [opening, *[f"{token.markup}x"] * depth]

    def _divide_line(self) -> None:
        """Close all; what follows is the rest of the last line."""
        blocks = self._parsed() if self._lines else []
        fence = _open_fence(blocks[-1].tokens) if blocks else None
        if fence is not None and not fence.level:
            self._divide_code(fence)
        elif blocks or self._next is None or self._next.kind != "code":
            pad = self._pad
            if blocks and blocks[-1].type in _LISTS:
                pad += _content_column(self._lines[_items(blocks[-1])[-1]])
            self._close_all()
            self._within, self._pad = self._within or pad > 0, pad
            self._next = Fragment("inline", first=False, gap=False, pad=pad)
        self._joined = True
