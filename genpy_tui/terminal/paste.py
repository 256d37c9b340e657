"""Pastes, each as one text whatever is in it.

Textual (8.2) leaves a bracketed paste at the first escape inside of it and takes the rest for
keys: of a coloured log, each line would be sent, and a control character would be a command.
"""

import sys
from collections.abc import Iterable

from textual._xterm_parser import XTermParser
from textual.message import Message

BEGIN, END = "\x1b[200~", "\x1b[201~"
SHOWN_ESCAPE = "\u241b"
DRIVERS = ("textual.drivers.linux_driver", "textual.drivers.win32")


class PasteParser(XTermParser):
    """Reads what a terminal sends; an escape within a paste becomes the sign for one."""

    def __init__(self, debug: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Textual
        super().__init__(debug)
        self._pasting = False
        self._before = ""
        """The last characters outside of a paste: the beginning of one may come in two reads."""
        self._held = ""
        """The last characters of a paste that may be the beginning of its end."""

    def feed(self, data: str) -> Iterable[Message]:
        """See `Parser.feed`, to which no data at all is the end."""
        harmless = self._harmless(data)
        return () if data and not harmless else super().feed(harmless)

    def _harmless(self, data: str) -> str:
        done = ""
        while data:
            if self._pasting:
                inside, end, rest = (self._held + data).partition(END)
                self._held = "" if end else _beginning_of_end(inside)
                inside = inside[: len(inside) - len(self._held)]
                done += inside.replace("\x1b", SHOWN_ESCAPE) + end
                self._pasting, data = not end, rest
            else:
                known = len(self._before)
                outside, begin, rest = (self._before + data).partition(BEGIN)
                done += (outside + begin)[known:]
                self._before = "" if begin else outside[1 - len(BEGIN) :]
                self._pasting, data = bool(begin), rest
        return done


def _beginning_of_end(text: str) -> str:
    lengths = range(len(END) - 1, 0, -1)
    return next((END[:length] for length in lengths if text.endswith(END[:length])), "")


def install() -> None:
    """Let the terminal's driver, which is imported by now, read with this parser."""
    for name in DRIVERS:
        if name in sys.modules:
            sys.modules[name].XTermParser = PasteParser  # type: ignore[attr-defined]
