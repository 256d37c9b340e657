"""Splits the input of a terminal into tokens: characters, escape sequences and pastes.

It reads bytes and does not use Textual. An escape sequence, a paste or an answer of the terminal
that does not end is closed by time or size, so that keys work again. Answers as strings (OSC, DCS,
APC) and mouse reports of the old protocol are dropped.

Terminals without bracketed paste, and programs that type, send a text as keys, each enter of which
would send a message. Several lines in one read are a paste, and so is more than anybody types.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ESCAPE_SECONDS = 0.1
"""After so long without input an escape is the key, and an incomplete character is invalid."""
STRING_SECONDS = 2.0
"""After so long an incomplete string (OSC, DCS, APC) is dropped."""
PASTE_IDLE_SECONDS = 2.0
PASTE_SECONDS = 10.0
"""After so long an incomplete paste is passed on."""
LINES_BYTES = 20
LINE_BYTES = 200
"""An unmarked paste has so many bytes in several lines, or in one."""
SEQUENCE_BYTES = 64
STRING_BYTES = 1 << 20
PASTE_BYTES = 8 << 20

BEGIN, END = b"\x1b[200~", b"\x1b[201~"
_ESC = 0x1B
_OPENS_STRING = rb"\x1b(?:\][0-9lLI]|P[0-9>=!$+]|_G)"
_STRING = re.compile(_OPENS_STRING)
_SEQUENCE = re.compile(
    rb"\x1b\[M.{3}"  # the report of a mouse before SGR: three bytes of any value
    rb"|\x1b\[\[[A-Z]"  # function keys of the Linux console
    rb"|\x1b\[(?![M\[])[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1bO[0-9]?[@-~]"  # SS3
    rb"|" + _OPENS_STRING + rb"[^\x00-\x1f]*"  # a string ends with BEL or ST, or before a key
    rb"(?:\x07|\x1b\\|(?=[\x00-\x06\x08-\x1a\x1c-\x1f]|\x1b[^\\]))"
    rb"|\x1b(?![\x1b\[O\]P_])[\x00-\x7f]|\x1b(?:\][^0-9lLI]|P[^0-9>=!$+]|_[^G])"  # alt and a key
    rb"|\x1b(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})[\x80-\xbf]",
    re.DOTALL,
)
_BEGINNING = re.compile(
    rb"\x1b(?:\[(?:\[|M.{0,2}|[0-?]*[ -/]*)|O[0-9]?|[\]P_]|[\xc2-\xf4][\x80-\xbf]{0,2})?\Z",
    re.DOTALL,
)
_LINES = re.compile(rb"[^\t\r\n][\t\r\n]+[^\t\r\n]")
"""Two lines or columns."""
_PRESSED = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters that are keys rather than pasted text."""
_ABORTED = re.compile(rb"(\x1b(?:\[[0-?]*[ -/]*|O[0-9]?)?)")


@dataclass(frozen=True, slots=True)
class Token:
    """One character, one escape sequence, or a paste; invalid UTF-8 becomes U+FFFD."""

    kind: Literal["character", "sequence", "paste"]
    text: str


class TerminalInput:
    """The tokenizer; call `receive` with bytes that were read, and `tick` while there are none."""

    def __init__(self) -> None:
        self._waiting = b""
        """An incomplete character or sequence."""
        self._begun = 0.0
        self._last = 0.0
        self._paste: bytearray | None = None
        self._paste_begun = 0.0
        self._cut = False
        """Whether a paste was closed before its end: reads of several characters belong to it."""
        self._burst = b""
        """An unmarked paste, which goes on with what is read within `ESCAPE_SECONDS`."""

    def receive(self, data: bytes, now: float, *, early: bool = False) -> list[Token]:
        """The tokens of bytes, after those that are waiting; `now` is in seconds.

        `early` is for lines that were typed before the program read any.
        """
        found: list[Token] = []
        pasted = 0 if early else self._pasted_bytes(data)
        if pasted:
            self._burst += self._waiting + data[:pasted]
            self._waiting, data = b"", data[pasted:]
        if self._burst and (data or len(self._burst) > PASTE_BYTES):
            found.append(self._end_burst())
        if self._cut:
            self._cut = len(data) > 1 and END not in data
            if len(data) > 1 and data[0] != _ESC:
                before, _, data = data.partition(END)
                found.append(Token("paste", _text(before)))
        if not self._waiting:
            self._begun = now
        self._last = now
        data, self._waiting = self._waiting + data, b""
        return found + list(self._tokens(data, now))

    def _pasted_bytes(self, data: bytes) -> int:
        """How much of a read is an unmarked paste, or goes on with one."""
        if self._paste is not None or _PRESSED.search(self._waiting + data):
            return 0
        lines = len(data) >= LINES_BYTES and _LINES.search(data)
        if lines or (self._burst and len(data) > 1):
            return len(data)
        line = len(data.rstrip(b"\t\r\n"))
        return line if line >= LINE_BYTES else 0

    def tick(self, now: float) -> list[Token]:
        """The tokens of incomplete input that has timed out."""
        if self._burst:
            return [self._end_burst()] if now - self._last >= ESCAPE_SECONDS else []
        if self._paste is not None:
            late = now - self._paste_begun >= PASTE_SECONDS
            return [self._cut_paste()] if late or now - self._last >= PASTE_IDLE_SECONDS else []
        waiting = self._waiting
        if _STRING.match(waiting):
            self._waiting = b"" if now - self._begun >= STRING_SECONDS else waiting
            return []
        if not waiting or now - self._last < ESCAPE_SECONDS:
            return []
        self._waiting = b""
        kind: Literal["sequence", "character"] = "sequence" if waiting[0] == _ESC else "character"
        return [Token(kind, _text(waiting))]

    def _tokens(self, data: bytes, now: float) -> Iterator[Token]:
        while data:
            if self._paste is not None:
                known = max(0, len(self._paste) - len(END))
                self._paste += data
                end = self._paste.find(END, known)
                data = b"" if end == -1 else bytes(self._paste[end + len(END) :])
                if end != -1:
                    text, self._paste = _text(self._paste[:end]), None
                    yield Token("paste", text)
                elif len(self._paste) > PASTE_BYTES:
                    yield self._cut_paste()
            elif data[0] != _ESC:
                at = data.find(b"\x1b")
                run, data = (data, b"") if at == -1 else (data[:at], data[at:])
                decoder = getincrementaldecoder("utf-8")("replace")
                characters = decoder.decode(run, final=bool(data))
                self._waiting = decoder.getstate()[0]
                yield from (Token("character", character) for character in characters)
            elif match := _SEQUENCE.match(data):
                data = data[match.end() :]
                yield from self._sequence(match[0], now)
            elif (_BEGINNING.match(data) and len(data) < SEQUENCE_BYTES) or (
                _STRING.match(data) and len(data) < STRING_BYTES
            ):
                self._waiting, data = data, b""
            else:
                aborted = data if _STRING.match(data) else _ABORTED.split(data, maxsplit=1)[1]
                data = data[len(aborted) :]
                if len(aborted) <= len(b"\x1b["):
                    yield Token("sequence", _text(aborted))

    def _sequence(self, sequence: bytes, now: float) -> Iterator[Token]:
        if sequence == BEGIN:
            self._paste, self._paste_begun = bytearray(), now
        elif sequence != END and not sequence.startswith(b"\x1b[M") and not _STRING.match(sequence):
            yield Token("sequence", _text(sequence))

    def _end_burst(self) -> Token:
        text, self._burst = _text(self._burst), b""
        return Token("paste", text)

    def _cut_paste(self) -> Token:
        text, self._paste, self._cut = _text(self._paste or b""), None, True
        return Token("paste", text)


def _text(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "replace")
