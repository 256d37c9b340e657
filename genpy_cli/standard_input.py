"""Reading of files and pipes: text in UTF-8, or in UTF-16 with its byte order mark."""

import codecs
import sys
from threading import Timer

from genpy_cli import output

WAIT_SECONDS = 1.0
"""After which a command prints that it waits for input."""


def encoding_of(data: bytes) -> str:
    """The encoding that a byte order mark at the start of a text states; else UTF-8."""
    return "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def piped_text(hint: str) -> str:
    """All of standard input, or nothing from a terminal; `hint` is printed if it does not end soon.

    It is decoded as a byte order mark states, else as UTF-8; what is invalid becomes U+FFFD, which is
    told on standard error.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    timer = Timer(WAIT_SECONDS, output.note, [hint])
    timer.daemon = True
    timer.start()
    try:
        data = sys.stdin.buffer.read()
    finally:
        timer.cancel()
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        output.note("Standard input is not all text: what is not has become �.")
        return data.decode(encoding, "replace")
