"""The lines of Markdown that begin or end blocks, told apart one by one."""

import re
from typing import NamedTuple

ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)")
NESTED = re.compile(r"\s*([-*+]|\d{1,9}[.)])\s")
RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
QUOTE = re.compile(r" {0,3}>")
SENTENCE = re.compile(r"[.!?…][\"')\]]*[ \t]+|[。！？]|[ \t]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\n]*)$")
_COLUMN = re.compile(r"(?<!\\)\|")


class Fence(NamedTuple):
    """A line that opens a block of code."""

    character: str
    length: int
    indent: int
    language: str


NO_FENCE = Fence("", 0, 0, "")


def fence(line: str) -> Fence | None:
    """The fence that a line opens."""
    match = _FENCE.match(line)
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return None
    language = match[2].split(maxsplit=1)[0] if match[2].strip() else ""
    return Fence(match[1][0], len(match[1]), indent(line), language)


def closes(line: str, opened: Fence) -> bool:
    """Whether a line closes a fence."""
    bare = line.strip(" \t")
    return len(bare) >= opened.length and set(bare) == {opened.character}


def indent(line: str) -> int:
    """Spaces at the start of a line."""
    return len(line) - len(line.lstrip(" "))


def interrupts(line: str) -> bool:
    """Whether a line ends a paragraph by beginning a block: a fence, a heading or a list."""
    if HEADING.match(line) or fence(line):
        return True
    item = ITEM.match(line)
    return bool(
        item
        and item.end() < len(line)
        and (len(item[2]) == 1 or item[2][:-1] == "1")
        and not RULE.match(line)
    )


def columns(line: str) -> int:
    """Columns of a row of a table."""
    return len(_COLUMN.split(line.strip().strip("|")))
