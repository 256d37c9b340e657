"""Splits the bytes of a chat-completions stream into events; does no input or output.

Everything that servers were seen to send is accepted: lines that end in LF, CRLF or CR, a BOM, UTF-8
split anywhere, a last event without its blank line, an event over several lines, and JSON outside of
events.
"""

import re

from genpy_server.errors import LlmCutOff
from genpy_server.llm import lenient_json
from genpy_server.llm.chunks import ChunkReader

EVENT_BYTES = 8 * 1024 * 1024
"""The largest event, and the longest line; a service that sends more is broken."""
_CR = b"\r"[0]
"""As an integer, which `in` finds in bytes several times as fast as bytes."""
_BOM = b"\xef\xbb\xbf"
_GOES_ON = (b"{", b"[", b",", b":")
"""The ends of a line whose JSON continues in the next one."""
_BEFORE_OBJECT = re.compile(r"[\[\],\s]*(?=\{)")


class EventSplitter:
    """Gives the events in the bytes of one reply to a `ChunkReader`."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._begun = False
        self._between = False
        """Whether the next byte begins an event."""
        self._carriage_return = False
        self._rest = b""
        self._event = b""
        self._data: list[bytes] = []
        self._held = 0
        self._bare: list[bytes] = []
        """Lines without a field name."""
        self._open = 0
        """Opening minus closing braces of these lines, including those in strings."""

    def feed(self, data: bytes) -> None:
        """Parse the bytes of a read; raises `LlmCutOff` for an event that is too large."""
        # Most reads consist of events that differ only in their text.
        if self._between and self._reader.read_framed(data):
            return
        if not self._begun:
            data = self._rest + data
            self._rest = b""
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return
            data = data.removeprefix(_BOM)
            self._begun = True
        if self._carriage_return or _CR in data:  # CR LF may be cut between two reads
            data = data.removeprefix(b"\n") if self._carriage_return else data
            self._carriage_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        data = self._rest + data
        if not (self._data or self._event or self._bare):
            whole, end, data = data.rpartition(b"\n\n")
            if end and not self._reader.read_framed(whole + end):
                for event in whole.split(end):
                    if not self._reader.read_framed(event + end):
                        self._read_event(event)
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            self._line(line)
        if self._held + len(self._rest) > EVENT_BYTES:
            raise LlmCutOff("The model's service sent an event that does not end. Try again.")
        open_ = self._rest or self._data or self._event or self._bare or self._carriage_return
        self._between = not open_

    def end(self) -> None:
        """The stream ended: parse the last event even without a blank line after it."""
        rest = self._rest.removesuffix(b"\r")
        self._rest = b""
        for line in (rest, b""):
            self._line(line)
        self._read_bare(whole=True)

    def _read_event(self, event: bytes) -> None:
        if event.startswith(b"data: ") and b"\n" not in event:
            self._reader.read(event[6:])
            return
        for line in event.split(b"\n"):
            self._line(line)
        self._line(b"")

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            data = line[6:] if line.startswith(b"data: ") else line[5:]
            # Without blank lines between them, each line with a whole value is an event.
            if self._data and data[:1] in (b"{", b"[") and self._data[-1].rstrip()[-1:] == b"}":
                self._dispatch()
            self._data.append(data)
            self._held += len(line)
            if data == b"[DONE]":
                self._dispatch()
        elif not line:
            if self._data or self._event:
                self._dispatch()
        else:
            self._other_line(line)

    def _other_line(self, line: bytes) -> None:
        line = line.strip(b" \t\0").removeprefix(_BOM)
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.removeprefix(b" ")
        if name == b"event":
            self._event = value.strip().lower()
        elif name == b"error":
            self._reader.fail(value)
        elif name == b"data":
            self._line(b"data:" + value)
        elif line and sum(part.count(b"{") - part.count(b"}") for part in self._data) > 0:
            self._data.append(line)  # a chunk was written in several lines
            self._held += len(line)
        elif line and (name not in (b"", b"id", b"retry") or self._bare):
            self._bare.append(line)
            self._open += line.count(b"{") - line.count(b"}")
            self._held += len(line)
            self._read_bare(whole=False)

    def _read_bare(self, *, whole: bool) -> None:
        """Read lines without a field name: JSON in one line or many, or an array object by object."""
        *before, last = self._bare or [b""]
        page = bool(before) and before[0].startswith(b"<")
        if before and not page and before[-1][-1:] not in _GOES_ON and _is_object(last):
            for found in lenient_json.objects(_text(before), whole=True):
                self._reader.read_loose(found)
            self._bare, self._open = [last], 0
        elif not whole and before and (page or self._open > 0):
            return
        text, place = _text(self._bare), 0
        while match := _BEFORE_OBJECT.match(text, place):
            try:
                value, place = lenient_json.first(text, match.end())
            except ValueError:
                break
            self._reader.read_value(value)
        rest = (text[place:].strip("[], \n") if place else text).encode()
        if whole and rest:
            self._reader.read_words(rest)
        self._bare = [rest] if rest and not whole else []
        self._held = len(rest)
        self._open = rest.count(b"{") - rest.count(b"}")

    def _dispatch(self) -> None:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = self._event
        self._data, self._event, self._held = [], b"", 0
        self._reader.read_event(event.decode("utf-8", "replace"), data)


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(lenient_json.loads(line), dict)
    except ValueError:
        return False


def _text(lines: list[bytes]) -> str:
    return b"\n".join(lines).decode("utf-8", "replace")
