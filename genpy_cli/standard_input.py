"""What is read from files and pipes: text in UTF-8, or in UTF-16 with its byte order mark."""

import codecs
import sys
from threading import Timer

from genpy_cli import output

WAIT_SECONDS = 1.0
"""After which a person is told what a command waits for."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks, and the encodings that they stand for."""


def decoded(data: bytes, errors: str = "strict") -> str:
    """The text of some bytes; a byte order mark says in which encoding, and is left out."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding, errors)
    return data.decode("utf-8", errors)


def piped_bytes(hint: str) -> bytes:
    """What stands on standard input, nothing from a terminal; `hint` when it takes long to end."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    timer = Timer(WAIT_SECONDS, output.note, [hint])
    timer.daemon = True
    timer.start()
    try:
        return sys.stdin.buffer.read()
    finally:
        timer.cancel()
