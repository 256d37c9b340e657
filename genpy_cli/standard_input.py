"""Reading of files and pipes: text in UTF-8, or in UTF-16 with its byte order mark."""

import codecs
import sys
from threading import Timer

from genpy_cli import output

WAIT_SECONDS = 1.0
"""After which a command prints that it waits for input."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks and their encodings."""


def decoded(data: bytes, errors: str = "strict") -> str:
    """Decode bytes, in the encoding that a byte order mark states, else in UTF-8."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding, errors)
    return data.decode("utf-8", errors)


def piped_bytes(hint: str) -> bytes:
    """All of standard input, or nothing from a terminal; `hint` is printed if it does not end soon."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    timer = Timer(WAIT_SECONDS, output.note, [hint])
    timer.daemon = True
    timer.start()
    try:
        return sys.stdin.buffer.read()
    finally:
        timer.cancel()
