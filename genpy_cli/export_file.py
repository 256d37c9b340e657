"""An export as it is read: value by value, and checked whole before any of it is used.

The document may have any layout and encoding. Its values are copied to a temporary file, one a
line, so that conversations of any size can be gone through in another order.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from json import JSONDecodeError, JSONDecoder
from operator import itemgetter
from typing import IO, Any, NamedTuple

import msgspec

from genpy_cli.standard_input import MARKS
from genpy_server.core.export import exported_session
from genpy_server.core.models import Session, SessionMemory

BLOCK_BYTES = 256 * 1024
VALUE_CHARS = 64 * 1024 * 1024
"""Characters of one value (a message, for instance) from which it is not read on."""

_SPACE = re.compile(r"[ \t\r\n]*")


class ExportedSession(NamedTuple):
    """One conversation of an export; its messages come as they are read, by their ids."""

    session: Session
    messages: Iterator[dict[str, Any]]
    messages_count: int
    memory: SessionMemory | None


class _Head(msgspec.Struct, frozen=True):
    session: dict[str, Any]
    memory: SessionMemory | None = None


class _CopiedSession(NamedTuple):
    """Where a conversation stands in the temporary file."""

    last_message_id: int
    messages: int
    head: int
    lines: int
    ordered: bool


class ExportFile:
    """The conversations of an export; raises `ValueError` or `RecursionError` for anything else."""

    def __init__(self, read: Callable[[int], bytes], copy: IO[bytes]) -> None:
        self._copy = copy
        self._json = _Json(_decoding(read))
        self._places = [place for _ in self._sessions() for place in self._copied()]
        self._json.end()

    def __iter__(self) -> Iterator[ExportedSession]:
        """In the order of their last activity; each one's messages are read before the next one."""
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
        """Each session of the document, which is to be read before the next."""
        found = False
        for name in self._json.members():
            if name == "sessions":
                found = True
                yield from self._json.items()
            else:
                self._json.value()
        if not found:
            raise ValueError("it has no sessions")

    def _copied(self) -> Iterator[_CopiedSession]:
        """Copy a session."""
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
                self._copy.write(msgspec.json.encode(message) + b"\n")
        head = self._copy.tell()
        session = exported_session(msgspec.convert(rest, _Head).session)
        self._copy.write(msgspec.json.encode(rest) + b"\n")
        yield _CopiedSession(session.last_message_id, start, head, count, ordered)


def _id(message: dict[str, Any]) -> int:
    return msgspec.convert(message.get("id", 0), int)


def _decoding(read: Callable[[int], bytes]) -> Callable[[int], str]:
    """Reads text; a byte order mark says in which encoding, and is left out."""
    first = read(BLOCK_BYTES)
    mark, encoding = next(
        ((mark, name) for mark, name in MARKS if first.startswith(mark)), (b"", "utf-8")
    )
    decoder = codecs.getincrementaldecoder(encoding)()
    rest = [first.removeprefix(mark)]

    def text(size: int) -> str:
        while True:
            data = rest.pop() if rest else read(size)
            found = decoder.decode(data, final=not data)
            if found or not data:
                return found

    return text


class _Json:
    """A JSON document that is read value by value, of which little is held."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._decode = JSONDecoder().raw_decode
        self._text = ""
        self._at = 0

    def members(self) -> Iterator[str]:
        """The names of an object; the value of each is to be read before the next."""
        self._skip("{")
        if self._peek() != "}":
            while True:
                name = msgspec.convert(self.value(), str)
                self._skip(":")
                yield name
                if self._peek() != ",":
                    break
                self._skip(",")
        self._skip("}")

    def items(self) -> Iterator[None]:
        """The items of an array, each of which is to be read before the next."""
        self._skip("[")
        if self._peek() != "]":
            while True:
                yield
                if self._peek() != ",":
                    break
                self._skip(",")
        self._skip("]")

    def value(self) -> Any:
        """The next value, whole."""
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
        """Nothing follows."""
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
        """Read on; False at the end."""
        held = self._text[self._at :]
        if len(held) > VALUE_CHARS:
            raise ValueError("a part of it does not end")
        more = self._read(max(BLOCK_BYTES, len(held)))
        if more:
            self._text, self._at = held + more, 0
        return bool(more)
