"""Renders one piece of Markdown as lines.

Images are shown as their description, links with their address.
"""

import re
from collections.abc import Iterable, Iterator, MutableMapping
from functools import lru_cache
from typing import Any

from markdown_it.tree import SyntaxTreeNode

from genpy_server.markdown.dialect import parser
from genpy_server.markdown.tex import readable
from genpy_tui.render.lines import BLANK, PLACE, Lead, Line, Styled, chars, text_of, wrap
from genpy_tui.render.markdown.code import code_lines
from genpy_tui.render.markdown.splitter import Fragment
from genpy_tui.render.markdown.table import Cell, table_lines

BULLETS = "•◦▪"
QUOTE = "▌ "
_PLACE = re.compile(r"[0-9a-f]{8}#\d{1,18}")
_BOX = re.compile(r"\[([ xX])\](?:\s+|$)")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_URL = re.compile(r"https?://[^\s<>\"'`|]*[^\s<>\"'`|.,;:!?)\]}]")

Env = MutableMapping[str, Any]
"""The `env` of markdown-it, which contains the definitions of reference links."""


def render(piece: Fragment, width: int, env: Env | None = None) -> list[Line]:
    """The lines of a piece, without the blank line above it."""
    env = {} if env is None else env
    pad = min(piece.pad, width // 2)
    lead = (Styled(" " * pad),) if pad else ()
    if piece.kind == "code":
        return code_lines(piece.source, piece.language, width, lead=lead, first=piece.first)
    if piece.kind == "table" and not piece.first:
        source = "\n".join((*piece.head[:2], piece.source))
        rows = _table(SyntaxTreeNode(parser().parse(source, env)).children[0])
        measure = [*_rows(piece.head), *rows]
        return table_lines(rows, width, lead, measure=measure, head=False)
    if piece.kind == "inline":
        node = SyntaxTreeNode(parser().parseInline(piece.source, env))
        return wrap(list(_inline(node.children[0].children)), width, lead)
    node = SyntaxTreeNode(parser().parse(piece.source, env))
    if piece.number is not None and node.children and node.children[0].type == "ordered_list":
        node.children[0].attrs["start"] = piece.number
    out: list[Line] = []
    _Blocks(width, out).blocks(node.children, lead, lead, loose=True)
    return out


def code_blocks(text: str) -> list[str]:
    """The code of every fence and indented block of a text, in order."""
    return [
        token.content.removesuffix("\n")
        for token in parser().parse(text)
        if token.type in {"fence", "code_block"}
    ]


class _Blocks:
    """Renders block nodes; `lead` begins the first line of a block, `rest` the others."""

    def __init__(self, width: int, out: list[Line]) -> None:
        self.width = width
        self.out = out
        self.depth = 0

    def blocks(
        self, nodes: Iterable[SyntaxTreeNode], lead: Lead, rest: Lead, *, loose: bool
    ) -> None:
        for number, node in enumerate(nodes):
            if number and (loose or node.type in {"fence", "code_block", "table", "heading"}):
                self.out.append(_blank(rest))
            self.block(node, rest if number else lead, rest)

    def block(self, node: SyntaxTreeNode, lead: Lead, rest: Lead) -> None:
        match node.type:
            case "heading":
                style = f"h{node.tag[1:]}"
                runs = list(_inline(node.children[0].children, style))
                self.out += wrap(runs or [Styled("", style)], self.width, lead, rest)
            case "paragraph":
                runs = list(_inline(node.children[0].children))
                self.out += wrap(runs, self.width, lead, rest)
            case "bullet_list" | "ordered_list":
                self.list(node, lead, rest)
            case "blockquote":
                bar = Styled(QUOTE, "quote bar")
                first, after = (*lead, bar), (*rest, bar)
                mark = len(self.out)
                self.blocks(node.children, first, after, loose=True)
                if len(self.out) == mark:
                    self.out.append(Line(first, chars(first)))
            case "fence" | "code_block":
                code = node.content.removesuffix("\n")
                lines = code_lines(code, node.info.strip(), self.width, lead=rest)
                if lead != rest and lines:
                    lines[0] = lines[0]._replace(runs=(*lead, *lines[0].runs[len(rest) :]))
                self.out += lines
            case "hr":
                room = self.width - chars(lead)
                self.out.append(Line((*lead, Styled("─" * max(3, room), "rule")), chars(lead)))
            case "table":
                self.out += table_lines(_table(node), self.width, rest)
            case "math_block":
                runs = [Styled(readable(node.info), "math", source=node.content)]
                indent = Styled("  ")
                self.out += wrap(runs, self.width, (*lead, indent), (*rest, indent))
            case "footnote":
                label = f"{_number(node.info)} "
                runs = list(_inline(node.children[0].children))
                after = (*rest, Styled(" " * len(label)))
                self.out += wrap(runs, self.width, (*lead, Styled(label, "target")), after)
            case _:
                self.out += wrap([Styled(node.content)], self.width, lead, rest)

    def list(self, node: SyntaxTreeNode, lead: Lead, rest: Lead) -> None:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        loose = any(
            not child.hidden
            for item in node.children
            for child in item.children
            if child.type == "paragraph"
        )
        widest = len(str((number or 0) + len(node.children) - 1)) + 2
        self.depth += 1
        for index, item in enumerate(node.children):
            if number is None:
                mark = f"{BULLETS[min(self.depth, len(BULLETS)) - 1]} "
            else:
                mark = f"{number + index}. ".rjust(widest)
            if index and loose:
                self.out.append(_blank(rest))
            first = (*(rest if index else lead), Styled(mark, "bullet"))
            after = (*rest, Styled(" " * len(mark)))
            if number is None and (box := _task(item)):
                first = (*first[:-1], Styled(box, "bullet"))
            if item.children:
                self.blocks(item.children, first, after, loose=loose)
            else:
                self.out.append(Line(first, chars(first)))
        self.depth -= 1


def _task(item: SyntaxTreeNode) -> str:
    """The check box of a task list's item, which is removed from its text; empty if it has none."""
    inline = item.children[0].children if item.children else []
    text = inline[0].children[:1] if inline and inline[0].type == "inline" else []
    if not text or text[0].type != "text" or text[0].token is None:
        return ""
    found = _BOX.match(text[0].content)
    if found is None:
        return ""
    text[0].token.content = text[0].content[found.end() :]
    return "☐ " if found[1] == " " else "☑ "


def _number(label: str) -> str:
    """A footnote's label as it is shown in the text."""
    return label.translate(_RAISED) if label.isdecimal() else f"[{label}]"


def _blank(lead: Lead) -> Line:
    """An empty line inside a quote or list."""
    return Line(lead, chars(lead)) if any(run.style for run in lead) else BLANK


def _inline(nodes: Iterable[SyntaxTreeNode], style: str = "") -> Iterator[Styled]:
    for node in nodes:
        match node.type:
            case "text":
                yield from _text(node.content, style)
            case "code_inline":
                code = node.content.replace("\n", " ")
                link = f"{PLACE}:{code}" if _PLACE.fullmatch(code) else ""
                yield Styled(code, f"{style} inline-code".strip(), link)
            case "softbreak":
                yield Styled(" ", style)
            case "hardbreak":
                yield Styled("\n", style)
            case "strong" | "em" | "s":
                yield from _inline(node.children, f"{style} {node.type}".strip())
            case "math":
                shown = readable(node.info).replace("\n", " ")
                yield Styled(shown, f"{style} math".strip(), source=node.content)
            case "script":
                mark = "^" if node.tag == "sup" else "_"
                yield Styled(readable(f"{mark}{{{node.info}}}"), style, source=node.content)
            case "footnote_ref":
                yield Styled(_number(node.info), f"{style} target".strip(), source=node.content)
            case "link":
                yield from _link(node, style)
            case "image":
                yield Styled(f"▣ {node.content or 'image'}", f"{style} em".strip())
                yield from _target(str(node.attrs.get("src", "")), style)
            case _:
                yield Styled(node.content, style)


def _text(text: str, style: str) -> Iterator[Styled]:
    at = 0
    for match in _URL.finditer(text):
        if match.start() > at:
            yield Styled(text[at : match.start()], style)
        yield Styled(match[0], f"{style} link".strip(), match[0])
        at = match.end()
    if at < len(text):
        yield Styled(text[at:], style)


def _link(node: SyntaxTreeNode, style: str) -> Iterator[Styled]:
    target = str(node.attrs.get("href", ""))
    runs = list(_inline(node.children, f"{style} link".strip()))
    yield from (run._replace(link=target) for run in runs)
    if not _says(text_of(runs), target):
        yield from _target(target, style)


def _says(text: str, target: str) -> bool:
    """Whether a text is the target; only behind the host it may have letters that are no ASCII."""
    host = target.partition("//")[2].partition("/")[0]
    return target in {text, f"mailto:{text}"} or (
        bool(host) and f"//{host}/" in text and parser().normalizeLink(text) == target
    )


def _target(target: str, style: str) -> Iterator[Styled]:
    if target:
        yield Styled(f" ({target})", f"{style} target".strip(), target)


@lru_cache(maxsize=4)
def _rows(source: tuple[str, ...]) -> list[list[Cell]]:
    """The rows by which the columns of a table's later parts are measured."""
    return _table(SyntaxTreeNode(parser().parse("\n".join(source))).children[0])


def _table(node: SyntaxTreeNode) -> list[list[Cell]]:
    """Rows of cells: their runs and their alignment, "left", "right" or "center"."""
    rows = []
    for part in node.children:
        for row in part.children:
            cells = []
            for cell in row.children:
                align = str(cell.attrs.get("style", "")).removeprefix("text-align:")
                style = "th" if cell.type == "th" else ""
                runs = list(_inline(cell.children[0].children, style))
                cells.append((runs, align or "left"))
            rows.append(cells)
    return rows
