"""Reads an export value by value, so that its size is not limited by the memory.

The document may have any layout and encoding. Its values are copied to a temporary file, one per
line, because conversations are imported in another order than they are read.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from json import JSONDecodeError, JSONDecoder
from operator import itemgetter
from typing import IO, Any, NamedTuple

import msgspec

from genpy_cli.standard_input import encoding_of
from genpy_server.core.export import exported_session
from genpy_server.core.models import Session, SessionMemory

BLOCK_BYTES = 256 * 1024
VALUE_CHARS = 64 * 1024 * 1024
"""Longest value (a message, for instance) that is read."""

_SPACE = re.compile(r"[ \t\r\n]*")


class ExportedSession(NamedTuple):
    """One conversation of an export; its messages are read one by one, in the order of their ids."""

    session: Session
    messages: Iterator[dict[str, Any]]
    messages_count: int
    memory: SessionMemory | None


class _Head(msgspec.Struct, frozen=True):
    session: dict[str, Any]
    memory: SessionMemory | None = None


class _CopiedSession(NamedTuple):
    """Where a conversation is in the temporary file; `messages` and `head` are byte offsets."""

    last_message_id: int
    messages: int
    head: int
    lines: int
    """Number of messages, each a line."""
    ordered: bool
    """Whether the messages are in the order of their ids."""


class ExportFile:
    """The conversations of an export; `found` is called for each message that is read.

    Raises `ValueError` or `RecursionError` for a document that is not an export.
    """

    def __init__(
        self, read: Callable[[int], bytes], copy: IO[bytes], found: Callable[[], object]
    ) -> None:
        self._copy = copy
        self._found = found
        self._json = _Json(_decoding(read))
        self._places = [self._copied() for _ in self._sessions()]
        self._json.end()
        self.messages_count = sum(place.lines for place in self._places)

    def __iter__(self) -> Iterator[ExportedSession]:
        """In the order of their last activity; read the messages of one before the next one."""
        for place in sorted(self._places, key=itemgetter(0)):
            self._copy.seek(place.head)
            head = msgspec.json.decode(self._copy.readline(), type=_Head)
            session = exported_session(head.session)
            yield ExportedSession(session, self._messages(place), place.lines, head.memory)

    def _messages(self, place: _CopiedSession) -> Iterator[dict[str, Any]]:
        self._copy.seek(place.messages)
        lines = (self._copy.readline() for _ in range(place.lines))
        messages = (msgspec.json.decode(line, type=dict[str, Any]) for line in lines)
        return messages if place.ordered else iter(sorted(messages, key=_id))

    def _sessions(self) -> Iterator[None]:
        """Yields at each session of the document; the caller reads it before it goes on."""
        found = False
        for name in self._json.members():
            if name == "sessions":
                found = True
                yield from self._json.items()
            else:
                self._json.value()
        if not found:
            raise ValueError("it has no sessions")

    def _copied(self) -> _CopiedSession:
        """Copy the session that comes next to the temporary file."""
        rest: dict[str, Any] = {}
        start = self._copy.tell()
        count, last, ordered = 0, 0, True
        for name in self._json.members():
            if name != "messages":
                rest[name] = self._json.value()
                continue
            for _ in self._json.items():
                message = msgspec.convert(self._json.value(), dict[str, Any])
                ordered &= _id(message) > last
                last = _id(message)
                count += 1
                self._found()
                self._copy.write(msgspec.json.encode(message) + b"\n")
        head = self._copy.tell()
        session = exported_session(msgspec.convert(rest, _Head).session)
        self._copy.write(msgspec.json.encode(rest) + b"\n")
        return _CopiedSession(session.last_message_id, start, head, count, ordered)


def _id(message: dict[str, Any]) -> int:
    return msgspec.convert(message.get("id", 0), int)


def _decoding(read: Callable[[int], bytes]) -> Callable[[int], str]:
    """A function that reads text, in the encoding that a byte order mark states, else in UTF-8."""
    first = read(BLOCK_BYTES)
    decoder = codecs.getincrementaldecoder(encoding_of(first))()
    rest = [first]

    def text(size: int) -> str:
        while True:
            data = rest.pop() if rest else read(size)
            found = decoder.decode(data, final=not data)
            if found or not data:
                return found

    return text


class _Json:
    """A JSON document that is read value by value, in bounded memory."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._decode = JSONDecoder().raw_decode
        self._text = ""
        self._at = 0

    def members(self) -> Iterator[str]:
        """The names of an object; the caller reads the value of each before the next."""
        for _ in self.items("{", "}"):
            name = msgspec.convert(self.value(), str)
            self._skip(":")
            yield name

    def items(self, start: str = "[", end: str = "]") -> Iterator[None]:
        """Yields at each item of an array; the caller reads it before it goes on."""
        self._skip(start)
        if self._peek() != end:
            while True:
                yield
                if self._peek() != ",":
                    break
                self._skip(",")
        self._skip(end)

    def value(self) -> Any:
        """The next value, decoded."""
        self._peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except JSONDecodeError:
                if not self._more():
                    raise
            else:
                if end < len(self._text) or not self._more():  # a number may go on
                    self._at = end
                    return value

    def end(self) -> None:
        """Raise `ValueError` where more follows."""
        if self._peek():
            raise ValueError("more follows its end")

    def _skip(self, sign: str) -> None:
        if self._peek() != sign:
            raise ValueError(f"{sign!r} is missing")
        self._at += 1

    def _peek(self) -> str:
        """The next character that is not a space; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read more of the document; False at its end."""
        held = self._text[self._at :]
        if len(held) > VALUE_CHARS:
            raise ValueError(f"a value has more than {VALUE_CHARS:,} characters")
        more = self._read(max(BLOCK_BYTES, len(held)))
        if more:
            self._text, self._at = held + more, 0
        return bool(more)
