"""A lenient reader of the JSON that models and servers write, anywhere in a text.

It also accepts control characters in strings, single quotes, keys without quotes, extra or missing
commas, wide marks and equals signs, comments, Python's None and True, and incomplete JSON.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

DEPTH = 64
"""Values nested deeper than this are not read."""
OBJECTS = 200
"""The most opening braces that are tried in one text."""

_STRICT = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
_SAME = str.maketrans("\uff1a\uff0c=", ":,:")
"""Marks that stand for others between values."""
_WORD = re.compile(r"[^\s,:{}\[\]\"'\uff1a\uff0c=]+")
_NEXT = r"[\"'{}\[\]\d-]|[\w-]+\s*:|true\b|false\b|null\b|None\b|$|//|/\*|#|\.\.\."
_ENDS = rf"\s*(?:[:=\uff1a}}\]]|$|//|/\*|#|[,\uff0c]\s*(?:{_NEXT}))|\s+[\"']"
"""What follows the quote at the end of a string; any other quote belongs to its text."""
_STRING = {
    quote: re.compile(rf"(?:[^{quote}\\]|\\.|{quote}(?!{_ENDS}))*", re.DOTALL) for quote in "\"'"
}
_BARE_QUOTE = re.compile(r'(?<!\\)"')
_WORDS = {"true": True, "false": False, "null": None, "none": None, "undefined": None, "nan": None}


def loads(data: bytes) -> Any:
    """The value of JSON text, with invalid UTF-8 replaced; raises `ValueError` if it is not JSON."""
    try:
        return _STRICT.decode(data.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def first(text: str, place: int) -> tuple[Any, int]:
    """The JSON value that begins at a place, and its end; raises `ValueError` if it is not complete."""
    try:
        return _STRICT.raw_decode(text, place)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def value_of(text: str) -> Any:
    """The value at the beginning of a text, as far as it can be read."""
    return _Reader(text, 0).read()[0]


def objects(
    text: str, *, whole: bool = False, whole_strings: bool = False
) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects of a text, in order; other text is ignored.

    `whole` leaves out an object that is cut off by the end of the text, `whole_strings` one that is
    cut off inside a string.
    """
    place = text.find("{")
    for _ in range(OBJECTS):
        if place < 0:
            return
        try:
            found, end = first(text, place)
        except ValueError:
            reader = _Reader(text, place)
            found, end = reader.read()
            if (whole and reader.cut) or (whole_strings and reader.string_cut):
                return
        if isinstance(found, dict) and (found or end > place + 1):
            yield found
        place = text.find("{", max(end, place + 1))


class _Reader:
    """Reads one value of a text that is not quite JSON."""

    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self._place = place
        self.cut = False
        """Whether the text ended before the value did."""
        self.string_cut = False
        """Whether it ended inside a string."""

    def read(self) -> tuple[Any, int]:
        """The value, and where it ends."""
        return self._value(0), self._place

    def _next(self) -> str:
        space = _SPACE.match(self._text, self._place)
        self._place = space.end() if space else self._place
        return self._text[self._place : self._place + 1].translate(_SAME)

    def _value(self, depth: int) -> Any:
        match self._next():
            case "{" if depth < DEPTH:
                return self._object(depth + 1)
            case "[" if depth < DEPTH:
                return self._array(depth + 1)
            case '"' | "'" as quote:
                return self._string(quote)
            case _:
                return self._word()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for mark in self._members("}", ",:", "{[]"):
            key = self._string(mark) if mark in "\"'" else self._word()
            if self._next() == ":":
                self._place += 1
                if self._next() not in ("", ",", "}"):
                    found[str(key)] = self._value(depth)
        return found

    def _array(self, depth: int) -> list[Any]:
        return [
            self._value(depth) for _ in self._members("]", ",", ":}" if depth < DEPTH else ":}{[")
        ]

    def _members(self, end: str, between: str, others: str) -> Iterator[str]:
        """The first character of each member up to `end`, or to another mark that begins none."""
        self._place += 1
        while (mark := self._next()) and mark not in end + others:
            if mark in between:
                self._place += 1
            else:
                yield mark
        self._place += mark == end
        self.cut = self.cut or not mark

    def _string(self, quote: str) -> str:
        body = _STRING[quote].match(self._text, self._place + 1)
        assert body is not None  # noqa: S101 - it matches the empty text too
        self._place = body.end() + 1
        self.string_cut = self._text[body.end() : self._place] != quote
        self.cut = self.cut or self.string_cut
        raw = body.group()
        if quote == "'":
            raw = raw.replace("\\'", "'")
        raw = _BARE_QUOTE.sub(r'\\"', raw)
        try:
            text = _STRICT.decode(f'"{raw}"')
        except ValueError:
            text = raw
        return str(text)

    def _word(self) -> Any:
        word = _WORD.match(self._text, self._place)
        if word is None:
            return None
        self._place = word.end()
        text = word.group()
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
