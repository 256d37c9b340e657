"""Renders code as lines: highlighted by Pygments, on a background, below its language."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from genpy_tui.render.lines import Lead, Line, Styled, chars, fold

if TYPE_CHECKING:
    from pygments.lexer import Lexer

BAR = "▎ "
LABEL_LIMIT = 24
_TITLE = re.compile(
    r"""\b(?:title|file|filename|name)\s*=\s*(?:["'](?P<quoted>[^"']+)["']|(?P<bare>[^\s}]+))"""
)
_NAME = re.compile(r"[\w./\\~+-]*\.\w+")
_LEXED_LINE = 2_000
"""Code with a longer line is not highlighted, since lexers are slow on such lines."""

_STYLES = (
    ("Comment", "comment"),
    ("Keyword.Type", "type"),
    ("Keyword", "keyword"),
    ("Operator.Word", "keyword"),
    ("Name.Function", "function"),
    ("Name.Class", "type"),
    ("Name.Decorator", "function"),
    ("Name.Builtin", "builtin"),
    ("Name.Exception", "type"),
    ("Name.Tag", "keyword"),
    ("Name.Attribute", "function"),
    ("Literal.String", "string"),
    ("Literal.Number", "number"),
    ("Generic.Inserted", "inserted"),
    ("Generic.Deleted", "deleted"),
    ("Generic.Heading", "keyword"),
    ("Generic.Subheading", "keyword"),
)


def code_lines(
    source: str, info: str, width: int, *, lead: Lead = (), first: bool = True
) -> list[Line]:
    """A block of code, or its next part if not `first`; `info` is the text after its fence."""
    language, title = named(info)
    bar = (*lead, Styled(BAR, "code bar"))
    size = chars(bar)
    room = max(8, width - size)
    lines: list[Line] = []
    if first:
        names = " · ".join(filter(None, (language[:LABEL_LIMIT], title)))
        label = fold([Styled(names or "text", "code label")], room)[0]
        lines.append(Line((*bar, *label), size + chars(label), fill="code"))
    for row in highlighted(source, language):
        for number, part in enumerate(fold(row, room)):
            lines.append(Line((*bar, *part), size, "" if number else "\n", "code"))
    return lines


def named(info: str) -> tuple[str, str]:
    """The language and the title or file name in the text after a fence."""
    attribute = _TITLE.search(info)
    language, _, rest = info.partition(" ")
    language, colon, name = language.partition(":")
    if attribute is not None:
        return language.strip("{.}"), attribute["quoted"] or attribute["bare"]
    if colon and name:
        return language, name
    return language, rest.strip() if _NAME.fullmatch(rest.strip()) else ""


def highlighted(source: str, language: str) -> list[list[Styled]]:
    """The lines of a source as runs."""
    lexer = _lexer(language.lower())
    if lexer is None or any(len(line) > _LEXED_LINE for line in source.split("\n")):
        return [[Styled(line, "code")] for line in source.split("\n")]
    rows: list[list[Styled]] = [[]]
    for kind, text in lexer.get_tokens(source):
        style = _style(kind)
        first, *rest = text.split("\n")
        if first:
            rows[-1].append(Styled(first, style))
        rows += ([Styled(part, style)] if part else [] for part in rest)
    if rows and not rows[-1]:
        rows.pop()
    return [row or [Styled("", "code")] for row in rows] or [[Styled("", "code")]]


@lru_cache(maxsize=64)
def _lexer(language: str) -> "Lexer | None":
    if not language:
        return None
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - only when code is shown
    from pygments.util import ClassNotFound  # noqa: PLC0415 - likewise

    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style(kind: object) -> str:
    name = str(kind).removeprefix("Token.")
    return next((f"code {style}" for prefix, style in _STYLES if name.startswith(prefix)), "code")
