"""Markdown cut into pieces that are final as soon as they end, read line by line.

A reply arrives in bits of any size. The splitter decides at ends of lines only, so its pieces do
not depend on the bits: what was streamed and what is read from the store give the same pieces, and
a piece once closed is never rendered again. Cuts lie where CommonMark ends a block whatever
follows, or inside a block that grew too large (code, list, table, paragraph), where the next piece
says what it continues.
"""

from collections.abc import Callable
from dataclasses import replace
from re import Match

from genpy_tui.render.markdown import syntax
from genpy_tui.render.markdown.builder import Builder, Mode
from genpy_tui.render.markdown.piece import HARD, MAX_CHARS, SOFT, Piece

_SPACES = range(1, 5)
"""Columns between a marker and the content that stands behind it."""


class Splitter(Builder):
    """Feed it text; `closed` grows by pieces that are final, and `tail()` is what is open."""

    def __init__(self) -> None:
        super().__init__()
        self._rest: list[str] = []
        self._rest_size = 0

    def feed(self, text: str) -> None:
        """Take in more text."""
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

    def tail(self) -> list[Piece]:
        """The open pieces, with the line that has not ended yet."""
        probe = Splitter()
        probe._at = replace(self._at, piece=replace(self._at.piece, lines=self._at.piece.lines[:]))
        rest = "".join(self._rest)
        if rest:
            probe._line(rest.removesuffix("\r"))
        probe._close(last=probe._at.mode != "code")
        return probe.closed

    def finish(self) -> None:
        """The text is over: close what is open."""
        if self._rest_size:
            self._whole("".join(self._rest))
        self._rest, self._rest_size = [], 0
        self._close()

    # Lines

    def _whole(self, line: str) -> None:
        rest = self._chop(line.removesuffix("\r"))
        self._line(rest)
        self._at.joined = False

    def _chop(self, line: str) -> str:
        """Take all but the end of a line that is too long to wait for."""
        while len(line) > 2 * MAX_CHARS:
            at = next(
                (m.end() for m in syntax.SENTENCE.finditer(line, MAX_CHARS, 2 * MAX_CHARS)),
                2 * MAX_CHARS,
            )
            self._line(line[:at])
            line = line[at:]
            if self._at.mode == "code":
                self._roll()
            elif self._at.mode != "none":
                if self._at.mode == "list":
                    self._at.within, self._at.pad = True, self._at.offset
                self._close(last=False)
                self._open("inline", "text", continues=True)
            else:
                self._open("inline", "text", continues=True)
            self._at.joined = True
        return line

    def _line(self, line: str) -> None:
        at = self._at
        if at.joined:
            self._add(line)
            return
        body = line.lstrip(" \t")
        line = line[: len(line) - len(body)].expandtabs(4) + body
        blank = not line or line.isspace()
        if at.pad and not blank:
            indent = syntax.indent(line)
            if indent < at.pad and at.mode != "none":
                self._close()
        if at.pad and at.mode != "none":
            line = line[min(at.pad, syntax.indent(line)) :]
        while not _MODES[at.mode](self, line, blank):
            pass
        at.blank = blank

    def _in_none(self, line: str, blank: bool) -> bool:  # noqa: FBT001 - a table of modes
        at = self._at
        if blank:
            return True
        at.pad = 0
        if at.within:
            indent = syntax.indent(line)
            at.within = indent > 1
            if at.within:
                at.pad, line = indent, line[indent:]
        if fence := syntax.fence(line):
            at.fence = fence
            self._open("code", "code")
            at.piece.language = fence.language
            return True
        if line.startswith("    "):
            self._open("code", "indented")
            return self._in_indented(line, blank)
        if syntax.HEADING.match(line) or syntax.RULE.match(line):
            self._open("markdown", "text")
            self._add(line)
            self._close()
            return True
        if item := syntax.ITEM.match(line):
            self._open("markdown", "list")
            at.marker, at.items, at.inner = item[2][-1], 0, None
            at.number = int(item[2][:-1]) if item[2][:-1] else 1
            self._item(line, item)
            return True
        self._open("markdown", "quote" if syntax.QUOTE.match(line) else "text")
        self._add(line)
        return True

    def _in_text(self, line: str, blank: bool) -> bool:  # noqa: FBT001
        at = self._at
        if blank or syntax.interrupts(line):
            self._close()
            return blank
        if syntax.SETEXT.match(line):
            self._add(line)
            self._close()
            return True
        if syntax.RULE.match(line) or syntax.QUOTE.match(line):
            self._close()
            return False
        if (
            syntax.DELIMITER.match(line)
            and "|" in at.piece.lines[-1]
            and syntax.columns(line) == syntax.columns(at.piece.lines[-1])
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
        self._add(line)
        if self._large():
            self._close(last=False)
            self._open("inline", "text", continues=True)
        return True

    def _in_quote(self, line: str, blank: bool) -> bool:  # noqa: FBT001
        if blank or (
            not syntax.QUOTE.match(line) and (syntax.interrupts(line) or syntax.RULE.match(line))
        ):
            self._close()
            return blank
        self._add(line)
        if self._large():
            self._close(last=False)
            self._open("markdown", "quote", continues=True)
        return True

    def _in_indented(self, line: str, blank: bool) -> bool:  # noqa: FBT001
        if not blank and not line.startswith("    "):
            self._close()
            return False
        self._add(line[4:])
        if self._large():
            self._roll()
        return True

    def _in_code(self, line: str, blank: bool) -> bool:  # noqa: FBT001
        at = self._at
        if syntax.closes(line, at.fence) and not line.startswith("    "):
            self._close()
            return True
        self._add(line[min(at.fence.indent, syntax.indent(line)) :])
        if self._large() and (blank or self._large(SOFT)):
            self._roll()
        return True

    def _in_table(self, line: str, blank: bool) -> bool:  # noqa: FBT001
        at = self._at
        starts = syntax.interrupts(line) or syntax.RULE.match(line) or syntax.QUOTE.match(line)
        if blank or starts or line.startswith("    "):
            self._close()
            return blank
        self._add(line)
        if self._large():
            head = at.piece.head or tuple(at.piece.lines)
            self._close(last=False)
            self._open("table", "table", continues=True)
            at.piece.head = head
        return True

    def _in_list(self, line: str, blank: bool) -> bool:  # noqa: FBT001, PLR0911
        at = self._at
        if blank:
            self._add(line)
            return True
        indent = syntax.indent(line)
        shut, at.shut = at.shut, False
        if at.inner is not None:
            if indent >= at.offset:
                if syntax.closes(line, at.inner):
                    at.inner, at.shut = None, True
                self._add(line)
                return self._hard(line)
            at.inner = None
            at.blank = True
        if indent >= at.offset:
            if self._large(HARD) and (at.blank or syntax.NESTED.match(line)):
                self._cut_inside()
                return False
            self._open_inner(line[at.offset :])
            self._add(line)
            return True
        item = None if syntax.RULE.match(line) else syntax.ITEM.match(line)
        if item and item[2][-1] == at.marker:
            if self._large():
                gap, number = at.blank, at.number + at.items
                self._close(last=False)
                self._open("markdown", "list", continues=True)
                at.piece.gap = gap
                at.piece.number = number if len(item[2]) > 1 else None
            self._item(line, item)
            return True
        lazy = not (at.blank or shut or item or syntax.interrupts(line) or syntax.RULE.match(line))
        if lazy and not syntax.QUOTE.match(line):
            self._add(line)
            return True
        self._close()
        return False

    # Pieces

    def _item(self, line: str, item: Match[str]) -> None:
        """Add the line that begins a list item."""
        at = self._at
        space = len(item[3].expandtabs(4))
        at.offset = item.end(2) + (space if space in _SPACES and item.end() < len(line) else 1)
        at.items += 1
        self._open_inner(line[at.offset :])
        self._add(line)

    def _open_inner(self, content: str) -> None:
        self._at.inner = syntax.fence(content.lstrip(" "))

    def _cut_inside(self) -> None:
        """Cut inside an item of a list."""
        gap = self._at.blank
        self._close(last=False)
        self._at.within = True
        self._at.blank = gap

    def _hard(self, line: str) -> bool:
        """Cut code inside a list item that is far too long."""
        at = self._at
        if at.inner is not None and self._large(HARD):
            at.fence = at.inner._replace(indent=0)
            self._close(last=False)
            at.within, at.pad = True, min(syntax.indent(line), at.offset)
            self._open("code", "code", continues=True)
        return True


_MODES: dict[Mode, Callable[[Splitter, str, bool], bool]] = {
    "none": Splitter._in_none,  # noqa: SLF001 - the rest of the class
    "text": Splitter._in_text,  # noqa: SLF001
    "quote": Splitter._in_quote,  # noqa: SLF001
    "indented": Splitter._in_indented,  # noqa: SLF001
    "list": Splitter._in_list,  # noqa: SLF001
    "code": Splitter._in_code,  # noqa: SLF001
    "table": Splitter._in_table,  # noqa: SLF001
}
"""What takes a line in each mode; False when it closed its piece and the line comes again."""
