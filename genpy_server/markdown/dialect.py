r"""Markdown as models write it: CommonMark with tables, and what CommonMark leaves out.

Formulas between `\( \)`, `\[ \]`, `$ $` and `$$ $$`, footnotes, emphasis beside Chinese, Japanese
and Korean punctuation, table rows of which no cell is dropped, and blocks of code within a block of
Markdown, such as a README. HTML is text, except for what Markdown has no mark for: line breaks, keys,
raised and lowered text, and the ends of folded text.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from genpy_server.core.patterns import lazy_pattern

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.ruler import RuleOptionsType
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_MATH = re.compile(
    r" {0,3}(\\\[|\$\$|\\begin\{(?P<name>(?:equation|align|alignat|flalign|gather|multline|eqnarray"
    r"|displaymath|math|aligned|gathered|split|cases|array|smallmatrix|[pbBvV]?matrix)\*?)\})(.*)"
)
_CLOSING = {r"\[": r"\]", "$$": "$$"}
MATH_CHARS = 999
"""Characters of a formula within a text; a longer one is text, as the search takes quadratic time."""
MATH_LINES = 100
"""Lines of a formula of its own; a longer one is text, for the same reason."""
MATH_MARK = 2
"""Characters of what begins a formula, at least."""
_INLINE = re.compile(
    rf"\\\((?P<round>.{{1,{MATH_CHARS}}}?)\\\)|\\\[(?P<square>.{{1,{MATH_CHARS}}}?)\\\]"
    rf"|\$\$(?P<double>[^$]{{1,{MATH_CHARS}}})\$\$"
    # One dollar is money, unless both stand close to what is between them, as in Pandoc. Letters of
    # other scripts may stand beside it: Chinese, Japanese and Thai have no spaces between words.
    r"|(?<![A-Za-z0-9_$\\])\$(?![\s$])(?P<single>(?:\\.|[^$\\\n`])+?)(?<![\s\\])\$(?![A-Za-z0-9_$])",
    re.DOTALL,
)
_NESTING = frozenset({"markdown", "md", "mdx"})
_TEX = re.compile(r"[\\^_{}=]")
_PROSE = re.compile(r"\d.*(?:[^\W\d_]{3}|[ ,][^\W\d_]{2,}[ ,])", re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\n]*)$")
_FOOTNOTE = re.compile(r"\[\^([^\]\s\[]{1,64})\](:?)")
_ELEMENT = re.compile(
    # A break beside a word or at the edge of a line; between two spaces it is talked about.
    r"(?P<br>(?:(?<![ \t])<br\s*/?>|<br\s*/?>(?![ \t]+\S))[ \t]*\n?[ \t]*)"
    r"|<kbd>(?P<kbd>[^<\n]+)</kbd>|<sub>(?P<sub>[^<\n]+)</sub>|<sup>(?P<sup>[^<\n]+)</sup>",
    re.IGNORECASE,
)
_FOLD = re.compile(
    r"(?=<)(?:</?details(?:\s[^<>\n]*)?>[ \t]*)*"
    r"(?:<summary>[ \t]*(?P<title>[^\n]{1,300}?)[ \t]*</summary>[ \t]*)?(?:\n[ \t]*|\Z)",
    re.IGNORECASE,
)
"""A line with nothing but what begins or ends folded text, perhaps with its title."""
_TITLE_MARK = re.compile(r"</?(?:b|strong|i|em|code|h[1-6])>|\*\*|`", re.IGNORECASE)
_WIDE = lazy_pattern(
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)
_CODE = re.compile(r"(?<!`)(`++).*?(?<!`)\1(?!`)")
_CODE_OR_MATH = re.compile(rf"{_CODE.pattern}|{_INLINE.pattern}")
_PIPE = re.compile(r"(?<!\\)\|")
_CELL_BREAK = re.compile(_CODE.pattern + r"|(?<![ \t])[ \t]*<br\s*/?>[ \t]*", re.IGNORECASE)
MOST_COLUMNS = 1_000
"""A table with more is text."""
FILLED_CELLS = 10_000
"""Empty cells that are added to the short rows of a table; then it ends, as its size could explode."""
_DELIMITER = re.compile(
    r" {0,3}(?!-?[ \t])\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$"
)


@lru_cache(maxsize=1)
def parser() -> "MarkdownIt":
    """The parser of the terminal."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - after the first paint

    return extended(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]))


def extended(markdown: "MarkdownIt") -> "MarkdownIt":
    """A parser with the rules of this dialect added to its own."""
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    markdown.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    markdown.block.ruler.at("fence", _fence, interrupts)
    markdown.block.ruler.before("fence", "math", _math_block, interrupts)
    markdown.block.ruler.before("reference", "footnote", _footnote_block, interrupts)
    markdown.inline.ruler.at("emphasis", _emphasis)
    markdown.inline.ruler.before("escape", "math", _math)
    markdown.inline.ruler.before("link", "footnote", _footnote)
    markdown.inline.ruler.before("autolink", "element", _element)
    markdown.inline.ruler.before("element", "fold", _fold)
    markdown.core.ruler.after("inline", "folds", _without_folds)
    return markdown


class Fence(NamedTuple):
    """A line that opens a block of code."""

    character: str
    length: int
    indent: int
    info: str
    depth: int = 0
    """The blocks of code that are open within a block of Markdown."""

    def after(self, line: str) -> "Fence | None":
        """The fence after a line of its block; None if the line closes it.

        Models write Markdown in a block with fences that are not longer than those within it.
        """
        bare = line.strip(" \t")
        if len(bare) >= self.length and set(bare) == {self.character}:
            return self._replace(depth=self.depth - 1) if self.depth else None
        if self.info.partition(" ")[0].lower() in _NESTING and (inner := fence(line)):
            opens = inner.info and inner.character == self.character and inner.length >= self.length
            return self._replace(depth=self.depth + 1) if opens else self
        return self


def fence(line: str) -> Fence | None:
    """The fence that a line opens."""
    match = _FENCE.match(line)
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return None
    return Fence(match[1][0], len(match[1]), match.start(1), match[2].strip())


def math_end(line: str) -> str | None:
    """The closing mark of the formula that begins in a line; None if none begins."""
    opened = _MATH.match(line)
    if opened is None:
        return None
    closing = rf"\end{{{opened['name']}}}" if opened["name"] else _CLOSING[opened[1]]
    _, closed, rest = opened[3].partition(closing)
    return closing if not closed or not rest.strip() else None


def cells(row: str, columns: int | None = None) -> list[str]:
    """The cells of a table row; no text is dropped.

    A pipe inside code or a formula divides cells, as in other renderers, unless there are then more
    cells than columns. If there are still too many, the rest is in the last cell.
    """
    row = row.strip()
    row = row.removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    found = _PIPE.split(row)
    if columns is not None and len(found) > columns:
        found = _PIPE.split(_CODE_OR_MATH.sub(lambda part: _PIPE.sub(r"\\|", part[0]), row))
        if len(found) > columns:
            rest = r" \| ".join(cell.strip() for cell in found[columns - 1 :])
            found = [*found[: columns - 1], rest]
    return [cell.strip().replace(r"\|", "|") for cell in found]


def _line(state: "StateBlock", number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _fence(state: "StateBlock", first: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - theirs
    opened: Fence | None = None if state.is_code_block(first) else fence(_line(state, first))
    if opened is None:
        return False
    if silent:
        return True
    number, closed = _fence_end(state, opened, first + 1, end)
    state.line = number + closed
    token = state.push("fence", "code", 0)
    token.info, token.markup = opened.info, opened.character * opened.length
    token.content = state.getLines(first + 1, number, state.sCount[first], True)  # noqa: FBT003 - theirs
    token.map = [first, state.line]
    return True


def _fence_end(state: "StateBlock", opened: Fence, number: int, end: int) -> tuple[int, bool]:
    """The line after the code of a fence, and whether it closes the fence."""
    while number < end and (state.isEmpty(number) or state.sCount[number] >= state.blkIndent):
        if not state.is_code_block(number):
            after = opened.after(_line(state, number))
            if after is None:
                return number, True
            opened = after
        number += 1
    return number, False


def _table(state: "StateBlock", first: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - theirs
    below = first + 1
    if below >= end or min(state.sCount[first], state.sCount[below]) < state.blkIndent:
        return False
    if state.is_code_block(first) or state.is_code_block(below):
        return False
    head, rule = _line(state, first), _line(state, below)
    # Dashes alone underline a heading.
    if "|" not in head or not ("|" in rule or ":" in rule) or not _DELIMITER.match(rule):
        return False
    marks = cells(rule)
    names = cells(head, len(marks))
    stops = state.md.block.ruler.getRules("blockquote")
    if not len(names) == len(marks) <= MOST_COLUMNS or _stops(state, stops, first, end):
        return False
    if silent:
        return True
    alignment = [_alignment(mark) for mark in marks]
    table = state.push("table_open", "table", 1)
    state.push("thead_open", "thead", 1)
    _row(state, "th", first, names, alignment)
    state.push("thead_close", "thead", -1)
    parent, state.parentType = state.parentType, "table"
    number, filled = first + 2, 0
    state.push("tbody_open", "tbody", 1)
    while number < end and state.sCount[number] >= state.blkIndent:
        text = _line(state, number).strip()
        if not text or state.is_code_block(number) or _stops(state, stops, number, end):
            break
        row = cells(text, len(marks))
        missing = len(marks) - len(row)
        filled += missing
        if filled > FILLED_CELLS:
            break
        _row(state, "td", number, row + [""] * missing, alignment)
        number += 1
    state.push("tbody_close", "tbody", -1)
    state.push("table_close", "table", -1)
    state.parentType, state.line, table.map = parent, number, [first, number]
    return True


def _stops(
    state: "StateBlock",
    rules: "list[Callable[[StateBlock, int, int, bool], bool]]",
    number: int,
    end: int,
) -> bool:
    return any(rule(state, number, end, True) for rule in rules)  # noqa: FBT003 - theirs


def _alignment(mark: str) -> str:
    if mark.endswith(":"):
        return "center" if mark.startswith(":") else "right"
    return "left"


def _row(state: "StateBlock", tag: str, number: int, row: list[str], alignment: list[str]) -> None:
    state.push("tr_open", "tr", 1)
    for cell, align in zip(row, alignment, strict=True):
        state.push(f"{tag}_open", tag, 1).attrs = {"style": f"text-align:{align}"}
        inline = state.push("inline", "", 0)
        inline.content = _CELL_BREAK.sub(lambda found: found[0] if found[1] else "<br>", cell)
        inline.children, inline.map = [], [number, number + 1]
        state.push(f"{tag}_close", tag, -1)
    state.push("tr_close", "tr", -1)


def _math_block(state: "StateBlock", first: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - how it is called
    """A formula; without an end it is text, but begins a new paragraph, since its end may follow."""
    closing = math_end(_line(state, first))
    if closing is None or state.is_code_block(first):
        return False
    if silent:
        return True
    last = first
    while closing not in _line(state, last)[MATH_MARK if last == first else 0 :]:
        last += 1
        if last >= min(end, first + MATH_LINES) or state.sCount[last] < state.blkIndent:
            return False
        if state.isEmpty(last):
            return False
    if not _line(state, last).rstrip().endswith(closing):
        return False
    source = "\n".join(_line(state, number) for number in range(first, last + 1)).strip()
    token = state.push("math_block", "", 0)
    token.content, token.map = source, [first, last + 1]
    is_environment = closing.startswith(r"\end")
    token.info = source if is_environment else source[MATH_MARK:-MATH_MARK].strip()
    state.line = last + 1
    return True


def _math(state: "StateInline", silent: bool) -> bool:  # noqa: FBT001 - how it is called
    if state.src[state.pos] not in "\\$":
        return False
    found = _INLINE.match(state.src, state.pos)
    if found is None or _is_money(found["single"] or ""):
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content, token.info = found[0], found[str(found.lastgroup)].strip()
    state.pos = found.end()
    return True


def _is_money(between: str) -> bool:
    """Whether two dollars are those of prices: words or half of a bracket are between them."""
    if sum(map(between.count, "([")) != sum(map(between.count, ")]")):
        return True
    return not _TEX.search(between) and _PROSE.match(between) is not None


def _footnote_block(state: "StateBlock", first: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - how it is called
    found = _FOOTNOTE.match(_line(state, first))
    if found is None or not found[2] or state.is_code_block(first):
        return False
    if silent:
        return True
    parent, state.parentType = state.parentType, "paragraph"
    lines = [_line(state, first)[found.end() :].strip()]
    number = first + 1
    stops = state.md.block.ruler.getRules("paragraph")
    while number < end and not state.isEmpty(number) and not _stops(state, stops, number, end):
        lines.append(_line(state, number).strip())
        number += 1
    state.parentType = parent
    opened = state.push("footnote_open", "", 1)
    opened.info, opened.map = found[1], [first, number]
    inline = state.push("inline", "", 0)
    inline.content, inline.children, inline.map = "\n".join(lines), [], [first, number]
    state.push("footnote_close", "", -1)
    state.line = number
    return True


def _footnote(state: "StateInline", silent: bool) -> bool:  # noqa: FBT001 - how it is called
    found = _FOOTNOTE.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        token = state.push("footnote_ref", "", 0)
        token.content, token.info = found[0], found[1]
    state.pos = found.end(1) + 1
    return True


def _element(state: "StateInline", silent: bool) -> bool:  # noqa: FBT001 - how it is called
    found = _ELEMENT.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        tag = str(found.lastgroup)
        if tag == "br":
            state.pending = state.pending.rstrip(" ")
        kind = {"br": "hardbreak", "kbd": "code_inline"}.get(tag, "script")
        token = state.push(kind, "code" if tag == "kbd" else tag, 0)
        token.content, token.info = found[tag] if tag == "kbd" else found[0], found[tag]
    state.pos = found.end()
    return True


def _fold(state: "StateInline", silent: bool) -> bool:  # noqa: FBT001 - how it is called
    found = _FOLD.match(state.src, state.pos)
    if found is None or state.src[: state.pos].rpartition("\n")[2].strip(" \t"):
        return False
    if not silent and found["title"]:
        state.push("strong_open", "strong", 1)
        state.push("text", "", 0).content = f"▾ {_TITLE_MARK.sub('', found['title'])}"
        state.push("strong_close", "strong", -1)
        if found.end() < state.posMax:
            state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _without_folds(state: "StateCore") -> None:
    """Remove the paragraphs that only begin or end folded text."""
    kept: list[Token] = []
    for token in state.tokens:
        if token.type == "paragraph_close" and kept[-1].type == "inline" and not kept[-1].children:
            del kept[-2:]
        else:
            kept.append(token)
    state.tokens = kept


def _emphasis(state: "StateInline", silent: bool) -> bool:  # noqa: FBT001 - how it is called
    """CommonMark's emphasis, except that a wide character counts as the edge of a word.

    CommonMark allows no bold between a letter and a bracket, as in 含**「重点」**内容.
    """
    from markdown_it.rules_inline.state_inline import Delimiter  # noqa: PLC0415 - with the parser

    start, marker = state.pos, state.src[state.pos]
    if silent or marker not in "*_":
        return False
    scanned = state.scanDelims(start, marker == "*")
    opens, closes = scanned.can_open, scanned.can_close
    before = state.src[start - 1 : start]
    after = state.src[start + scanned.length : start + scanned.length + 1]
    if marker == "*":
        opens = opens or bool(_WIDE.match(before) and after and not after.isspace())
        closes = closes or bool(_WIDE.match(after) and before and not before.isspace())
        if _WIDE.match(before) and _WIDE.match(after):
            opens = closes = True
    for _ in range(scanned.length):
        token = state.push("text", "", 0)
        token.content = marker
        place = len(state.tokens) - 1
        state.delimiters.append(
            Delimiter(ord(marker), scanned.length, place, -1, open=opens, close=closes)
        )
    state.pos += scanned.length
    return True
