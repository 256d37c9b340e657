"""Splits Markdown, line by line, into pieces that are final as soon as they are closed.

A reply is received in chunks of any size. The splitter decides only at ends of lines, so that its
pieces do not depend on the chunks: a streamed and a stored text have the same pieces, and a closed
piece is never rendered again. A piece ends where CommonMark ends a block whatever follows, or inside
a block that is too large (code, list, table, paragraph); then the next piece continues it.
"""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from re import Match
from typing import ClassVar, Literal

from genpy_server.markdown.dialect import (
    Fence,
    cells,
    fence,
    is_delimiter,
    is_footnote,
    math_end,
    parser,
)

MAX_LINES = 30
"""A larger block is cut at the next suitable place."""
MAX_CHARS = 2_000
SOFT = 1.5
"""At so many times these limits, code is cut anywhere, and not only at a blank line."""
HARD = 3
"""At so many times these limits, a list item or a quote is cut anywhere."""

Kind = Literal["markdown", "inline", "code", "table"]
Mode = Literal["none", "text", "quote", "indented", "list", "code", "table", "math"]


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


_ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)")
_NESTED = re.compile(r"\s*([-*+]|\d{1,9}[.)])\s")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_QUOTE = re.compile(r" {0,3}>")
_TITLE = re.compile(r"\s*[\"'(]")
DEFINITION = re.compile(r" {0,3}\[[^\]\n]+\]:")
_SENTENCE = re.compile(r"[.!?…][\"')\]]*[ \t]+|[。！？]|[ \t]+")


NO_FENCE = Fence("", 0, 0, "")


def _indent(line: str) -> int:
    """Spaces at the start of a line."""
    return len(line) - len(line.lstrip(" "))


def _without(line: str, columns: int) -> str:
    """A line without so many columns of white space; the rest of a tab becomes spaces."""
    at = 0
    while columns > 0:
        width = 4 - at % 4 if line[0] == "\t" else 1
        at, columns, line = at + width, columns - width, line[1:]
    return " " * -columns + line


def _interrupts(line: str) -> bool:
    """Whether a line ends a paragraph: a fence, heading, formula, footnote or list begins."""
    if _HEADING.match(line) or fence(line) or math_end(line) or is_footnote(line):
        return True
    item = _ITEM.match(line)
    return bool(
        item
        and item.end() < len(line)
        and (len(item[2]) == 1 or item[2][:-1] == "1")
        and not _RULE.match(line)
    )


def _begins(line: str) -> bool:
    """Whether a line ends a quote or a table: a block begins, or any list item."""
    return bool(_ITEM.match(line) or _RULE.match(line)) or _interrupts(line)


@dataclass(slots=True)
class _State:
    """The state of the splitter between two lines."""

    mode: Mode = "none"
    piece: Fragment = field(default_factory=lambda: Fragment("markdown"))
    chars: int = 0
    fence: Fence = NO_FENCE
    """The open fence."""
    inner: Fence | None = None
    """The open fence inside a list item."""
    shut: bool = False
    """Whether the line before is a list item without content so far."""
    closing: str = ""
    """The closing mark of the open formula."""
    marker: str = ""
    """The marker of the open list: its bullet, or the character after its numbers."""
    offset: int = 0
    """The column at which the content of the open list item begins."""
    number: int = 1
    items: int = 0
    blank: bool = False
    """Whether the line before was blank."""
    pad: int = 0
    within: bool = False
    """Whether the position is inside a list item that was cut; indented lines are its content."""
    joined: bool = False
    """Whether the line continues one that was cut, so that it cannot begin a block."""


_THINKS = {"<think>": "</think>", "<thinking>": "</thinking>"}
_SPACES = range(1, 5)
"""The possible numbers of columns between a marker and its content."""


class Splitter:
    """Splits the text that it is fed; `closed` has the final pieces, `tail()` the open ones."""

    def __init__(self) -> None:
        self.closed: list[Fragment] = []
        self._at = _State()
        self._rest: list[str] = []
        self._rest_size = 0
        self._thinks: str | None = None
        """The closing tag of reasoning at the start of the text; empty if there is none."""
        self._raw = self._expanded = ""
        """The current line with its tabs, and with leading tabs replaced by spaces."""

    def feed(self, text: str) -> None:
        """Append text."""
        self._rest.append(text)
        self._rest_size += len(text)
        if "\n" in text:
            *lines, rest = "".join(self._rest).split("\n")
            for line in lines:
                self._whole(line)
            self._rest, self._rest_size = [rest], len(rest)
        if self._rest_size > 2 * MAX_CHARS:
            rest = self._chop("".join(self._rest))
            self._rest, self._rest_size = [rest], len(rest)

    def tail(self) -> list[Fragment]:
        """The open pieces, including the incomplete last line."""
        probe = Splitter()
        probe._thinks = self._thinks
        probe._at = replace(self._at, piece=replace(self._at.piece, lines=self._at.piece.lines[:]))
        rest = "".join(self._rest)
        if rest:
            probe._line(rest)
        probe._close()
        return probe.closed

    def finish(self) -> None:
        """The text is complete: close the open piece."""
        if self._rest_size:
            self._whole("".join(self._rest))
        self._rest, self._rest_size = [], 0
        self._close()

    # Lines

    def _whole(self, line: str) -> None:
        rest = self._chop(line)
        self._line(rest)
        self._at.joined = False

    def _chop(self, line: str) -> str:
        """Process all but the end of a line that is too long to wait for its end."""
        while len(line) > 2 * MAX_CHARS:
            at = next(
                (m.end() for m in _SENTENCE.finditer(line, MAX_CHARS, 2 * MAX_CHARS)),
                2 * MAX_CHARS,
            )
            self._line(line[:at])
            line = line[at:]
            if self._at.mode == "code":
                self._roll()
            elif self._at.mode != "none":
                if self._at.mode == "list":
                    self._at.within, self._at.pad = True, self._at.offset
                self._close()
                self._open("inline", "text", continues=True)
            else:
                self._open("inline", "text", continues=True)
            self._at.joined = True
        return line

    def _line(self, line: str) -> None:
        at = self._at
        if at.joined:
            self._raw = self._expanded = line
            self._add(line)
            return
        body = line.lstrip(" \t")
        self._raw, line = line, line[: len(line) - len(body)].expandtabs(4) + body
        self._expanded = line
        blank = not line or line.isspace()
        if self._thinks is None and not blank:
            self._thinks = _THINKS.get(body.strip(), "")
        if self._thinks and body.strip() == self._thinks:
            self._close()  # a block that the model left open in its reasoning
        if at.pad and not blank:
            indent = _indent(line)
            if indent < at.pad and at.mode != "none":
                self._close()
        if at.pad and at.mode != "none":
            line = line[min(at.pad, _indent(line)) :]
        while not self._takers[at.mode](self, line, blank):
            pass
        at.blank = blank

    def _in_none(self, line: str, blank: bool) -> bool:  # noqa: FBT001, PLR0911 - a table of modes
        at = self._at
        if blank:
            return True
        at.pad = 0
        if at.within:
            indent = _indent(line)
            at.within = indent > 1
            if at.within:
                at.pad, line = indent, line[indent:]
        if opened := fence(line):
            at.fence = opened
            self._open("code", "code")
            at.piece.language = opened.info
            return True
        if line.startswith("    "):
            self._open("code", "indented")
            return self._in_indented(line, blank)
        if _HEADING.match(line) or _RULE.match(line):
            self._open("markdown", "text")
            self._add(line)
            self._close()
            return True
        if item := _ITEM.match(line):
            self._open("markdown", "list")
            at.marker, at.items, at.inner = item[2][-1], 0, None
            at.number = int(item[2][:-1]) if item[2][:-1] else 1
            self._item(line, item)
            return True
        closing = math_end(line)
        if closing is not None:
            self._open("markdown", "math")
            at.closing = closing
            return self._in_math(line, blank)
        self._open("markdown", "quote" if _QUOTE.match(line) else "text")
        self._add(line)
        return True

    def _in_math(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        at = self._at
        if blank:
            self._reread()
            return False
        self._add(line)
        if self._is_formula():
            self._close()
        elif at.closing in self._last_of_formula() or self._large(HARD):
            self._reread()
        return True

    def _last_of_formula(self) -> str:
        """The last line of the open formula, without its opening mark."""
        *before, line = self._at.piece.lines
        return line if before else line.strip()[len(self._at.closing) :]

    def _is_formula(self) -> bool:
        """Whether the open formula has its end."""
        return self._last_of_formula().rstrip().endswith(self._at.closing)

    def _reread(self) -> None:
        """Process the lines of a formula without an end as text."""
        at = self._at
        first, *lines = at.piece.lines
        read = self._raw, self._expanded
        at.mode, at.joined, at.piece.lines = "text", False, [first]
        for line in lines:
            self._line(" " * at.pad + line)
        self._raw, self._expanded = read

    def _in_text(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        at = self._at
        if blank or _interrupts(line) or self._follows_definitions(line):
            self._close()
            return blank
        if _SETEXT.match(line) and not is_footnote(at.piece.lines[0]):
            self._add(line)
            if not DEFINITION.match(at.piece.lines[0]) or parser().parse(at.piece.source):
                self._close()
            return True
        if _RULE.match(line) or _QUOTE.match(line):
            self._close()
            return False
        if (
            is_delimiter(line)
            and "|" in at.piece.lines[-1]
            and not at.piece.lines[-1].expandtabs(4).startswith("    ")
            and len(cells(at.piece.lines[-1], len(cells(line)))) == len(cells(line))
        ):
            head = at.piece.lines.pop()
            if at.piece.lines:
                self._close()
            else:
                at.mode = "none"
            self._open("table", "table")
            self._add(head)
            self._add(line)
            return True
        if self._large():
            self._close()
            self._open("inline", "text", continues=True)
        self._add(line)
        return True

    def _in_quote(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        if blank or not (_QUOTE.match(line) or (not _begins(line) and self._takes(line))):
            self._close()
            return blank
        if self._large():
            self._close()
            self._open("markdown", "quote", continues=True)
        self._add(line)
        return True

    def _in_indented(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        if not blank and not line.startswith("    "):
            self._close()
            return False
        self._add(line[4:])
        if self._large():
            self._roll()
        return True

    def _in_code(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        at = self._at
        if not line.startswith("    "):
            after = at.fence.after(line)
            if after is None:
                self._close()
                return True
            at.fence = after
        self._add(line[min(at.fence.indent, _indent(line)) :])
        if self._large() and (blank or self._large(SOFT)):
            self._roll()
        return True

    def _in_table(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - one signature
        at = self._at
        if blank or _begins(line) or _QUOTE.match(line) or line.startswith("    "):
            self._close()
            return blank
        self._add(line)
        if self._large():
            head = at.piece.head or tuple(at.piece.lines)
            self._close()
            self._open("table", "table", continues=True)
            at.piece.head = head
        return True

    def _in_list(self, line: str, blank: bool) -> bool:  # noqa: FBT001, PLR0911 - one signature, and a case a return
        at = self._at
        shut, at.shut = at.shut, False
        if blank:
            if shut:
                at.offset = sys.maxsize  # an item that begins with a blank line is empty
            self._add(line)
            return True
        indent = _indent(line)
        if at.inner is not None:
            if indent >= at.offset:
                at.inner = at.inner.after(line[at.offset :])
                self._add(line)
                return self._hard(line)
            at.inner = None
        if indent >= at.offset:
            if self._large(HARD) and (at.blank or _NESTED.match(line)):
                self._cut_inside()
                return False
            self._open_inner(line[at.offset :])
            self._add(line)
            return True
        item = None if _RULE.match(line) else _ITEM.match(line)
        if item and item[2][-1] == at.marker:
            if self._large():
                gap, number = at.blank, at.number + at.items
                self._close()
                self._open("markdown", "list", continues=True)
                at.piece.gap = gap
                at.piece.number = number if len(item[2]) > 1 else None
            self._item(line, item)
            return True
        if at.blank or item or _begins(line) or _QUOTE.match(line) or not self._takes(line):
            self._close()
            return False
        if self._large(HARD):
            at.within, at.pad = True, at.offset
            self._close()
            self._open("inline", "text", continues=True)
        self._add(line)
        return True

    def _follows_definitions(self, line: str) -> bool:
        """Whether a line is the first one after definitions of links, which are not a paragraph."""
        lines = self._at.piece.lines
        if not DEFINITION.match(lines[0]) or DEFINITION.match(line) or _TITLE.match(line):
            return False
        tokens = parser().parse("\n".join((*lines, line)))
        return bool(tokens and tokens[0].map and tokens[0].map[0] == len(lines))

    def _takes(self, line: str) -> bool:
        """Whether a line without marker or indentation continues a paragraph of a list or quote."""
        lines = self._at.piece.lines
        tokens = parser().parse("\n".join((*lines, line)))
        return any(
            token.map and token.map[0] < len(lines) < token.map[1]
            for token in tokens
            if not token.level
        )

    # Fragments

    def _open(self, kind: Kind, mode: Mode, *, continues: bool = False) -> None:
        at = self._at
        at.mode, at.chars = mode, 0
        gap = not continues and (at.blank or not at.within)
        at.piece = Fragment(kind, first=not continues, gap=gap, pad=at.pad)

    def _add(self, line: str) -> None:
        removed = len(self._expanded) - len(line)
        if self._expanded.endswith(line) and removed <= _indent(self._expanded):
            line = _without(self._raw, removed)
        if self._at.joined and self._at.piece.lines:
            self._at.piece.lines[-1] += line
        else:
            self._at.piece.lines.append(line)
        self._at.chars += len(line) + 1

    def _large(self, times: float = 1) -> bool:
        at = self._at
        return at.chars > times * MAX_CHARS or len(at.piece.lines) > times * MAX_LINES

    def _roll(self) -> None:
        """Continue the code in another piece."""
        language, mode = self._at.piece.language, self._at.mode
        self._close()
        self._open("code", mode, continues=True)
        self._at.piece.language = language

    def _close(self) -> None:
        at = self._at
        while at.mode == "math" and not self._is_formula():
            self._reread()
        piece, mode = at.piece, at.mode
        at.mode, at.inner, at.chars = "none", None, 0
        if mode == "none":
            return
        if mode in {"list", "indented"}:
            while piece.lines and not piece.lines[-1].strip():
                piece.lines.pop()
        if piece.lines or mode == "code":
            self.closed.append(piece)
        at.piece = Fragment("markdown")

    def _item(self, line: str, item: Match[str]) -> None:
        """Add the line that begins a list item."""
        at = self._at
        space = len(item[0].expandtabs(4)) - item.end(2)
        at.offset = item.end(2) + (space if space in _SPACES and item.end() < len(line) else 1)
        at.items += 1
        at.shut = item.end() == len(line)
        self._open_inner(line[at.offset :])
        self._add(line)

    def _open_inner(self, content: str) -> None:
        self._at.inner = fence(content.lstrip(" "))

    def _cut_inside(self) -> None:
        """Cut inside an item of a list."""
        gap = self._at.blank
        self._close()
        self._at.within = True
        self._at.blank = gap

    def _hard(self, line: str) -> bool:
        """Cut code inside a list item if it is far too long."""
        at = self._at
        if at.inner is not None and self._large(HARD):
            at.fence = at.inner._replace(indent=0)
            self._close()
            at.within, at.pad = True, min(_indent(line), at.offset)
            self._open("code", "code", continues=True)
        return True

    _takers: ClassVar[dict[Mode, Callable[["Splitter", str, bool], bool]]] = {
        "none": _in_none,
        "text": _in_text,
        "quote": _in_quote,
        "indented": _in_indented,
        "list": _in_list,
        "code": _in_code,
        "math": _in_math,
        "table": _in_table,
    }
    """The method for each mode; it returns False if it closed the piece and did not use the line."""
