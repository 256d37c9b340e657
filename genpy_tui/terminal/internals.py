"""The internals of Textual that GenPy uses; `INTERNALS` lists them with fingerprints.

Textual's driver fails at invalid UTF-8, inserts unknown sequences as text, and ends a paste at the
first escape inside it. Here its parser gets only complete known sequences, read by `TerminalInput`.
A test compares the fingerprints: when one differs after an update of Textual, read the change,
correct this file and update the table.
"""

import contextlib
import os
import re
import select
import signal
import sys
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from itertools import accumulate
from time import monotonic
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from textual import _compositor as compositor
from textual import _xterm_parser as xterm
from textual import constants, events, screen
from textual._widget_navigation import Direction
from textual.app import App
from textual.driver import Driver
from textual.geometry import Region, Size
from textual.keys import Keys
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList

from genpy_tui.terminal.graphemes import doubtful, parts
from genpy_tui.terminal.input import ESCAPE_SECONDS, TerminalInput, Token

INTERNALS = {
    "textual._xterm_parser:XTermParser.__init__": "eb8d975102a5",
    "textual._xterm_parser:XTermParser.feed": "1a75b06dfb91",
    "textual._xterm_parser:XTermParser.parse": "f9837587f177",
    "textual._xterm_parser:XTermParser._sequence_to_key_events": "fd21105b54cc",
    "textual._parser:Parser.feed": "a202ae130ca2",
    "textual.drivers.linux_driver:LinuxDriver": "e12f854c4884",
    "textual.drivers._writer_thread:WriterThread": "26d7af6ad3d4",
    "textual._compositor:ChopsUpdate": "7d4f0f7d44c9",
    "textual._compositor:Compositor.full_map": "78eecc4a9cba",
    "textual._compositor:Compositor.reflow": "0ab52ea19663",
    "textual._compositor:LayoutUpdate": "dfcdda0a46ae",
    "textual._compositor:Compositor.render_partial_update": "b61a8d739101",
    "textual.scroll_view:ScrollView.refresh_lines": "79417f3bc22e",
    "textual.widgets._text_area:TextArea._toggle_cursor_blink_visible": "3f06dbe61f2f",
    "textual.widgets._text_area:TextArea._watch__cursor_visible": "5afb5af5fbf6",
    "textual.widgets._text_area:TextArea._on_key": "a8a9f974cb9b",
    "textual.widgets._text_area:TextArea._on_paste": "73e449b4f431",
    "textual.widgets._text_area:TextArea._replace_via_keyboard": "b481bb8a938d",
    "textual.widgets._text_area:TextArea._delete_via_keyboard": "9abbe1f91cba",
    "textual.widgets._text_area:TextArea._delete_cursor_line": "654e16d0d23d",
    "textual.widgets._text_area:TextArea._validate_selection": "63578b5c060b",
    "textual.widgets._text_area:TextArea._refresh_size": "6b3843536005",
    "textual.widgets._text_area:TextArea._undo_batch": "24f44acc5dd9",
    "textual.widgets._text_area:TextArea._render_line": "6775317462bb",
    "textual.widgets._text_area:TextArea.edit": "84ba524599e3",
    "textual.widgets._option_list:OptionList._move_page": "dd3227dd4e84",
    "textual.widget:Widget.refresh": "9224b76d276f",
    "textual.widget:Widget._get_box_model": "862640e50f91",
    "textual.widget:Widget._size_updated": "2819b3f84f2a",
    "textual.scroll_view:ScrollView._size_updated": "641e3f6ed6fb",
    "textual.widget:Widget._scroll_update": "14e335e8d272",
    "textual.app:App._fatal_error": "8ea137f9297a",
    "textual.app:App._refresh_notifications": "200863c1513d",
    "textual.app:App._handle_exception": "ebf01bf0d7ba",
    "textual.drivers.win32:EventMonitor": "949823cdd307",
}
"""`module:name` of each part, and the first 12 digits of the SHA-256 of its source."""

_READ_BYTES = 1 << 16
_FRAME_WRITES = 4
"""Writes of one frame to the terminal, at most."""
_ALT_ENTER = {"\x1b\r", "\x1b\n"}
_MODIFIED = "\x1b[27;"
"""Prefix of xterm's keys with modifiers, unless it is set to CSI u."""
_KITTY_KEY = re.compile(
    r"\x1b\[(?P<code>\d+)(?::(?P<shifted>\d*)(?::(?P<standard>\d*))?)?"
    r"(?:;(?P<modifiers>\d*)(?::(?P<event>\d+))?(?:;(?P<text>[\d:]*))?)?(?P<end>[u~A-HPQS])"
)
_ALTERNATE_KEYS = "\x1b[=4;2u"
"""Requests from a terminal with kitty's protocol the key on the standard layout with each key."""
_RELEASED = "3"


class TerminalParser(xterm.XTermParser):
    """Textual's parser, which gets only complete known sequences."""

    def __init__(self, debug: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Textual
        super().__init__(debug)
        self._input = TerminalInput()

    def feed(self, data: str) -> Iterable[Message]:
        """The events of characters; for Textual no data is the end of the input."""
        return self.receive(data.encode("utf-8", "replace")) if data else super().feed(data)

    def receive(self, data: bytes, *, early: bool = False) -> Iterator[Message]:
        """The events of bytes; `early` ones were typed before the start."""
        for token in self._input.receive(data, monotonic(), early=early):
            yield from self._events(token)

    def tick(self) -> Iterator[Message]:
        """The events of incomplete input that has timed out."""
        for token in self._input.tick(monotonic()):
            yield from self._events(token)

    def _events(self, token: Token) -> Iterator[Message]:
        text = token.text
        if token.kind == "paste":
            yield events.Paste(text)
        elif token.kind == "character":
            yield from self._keys(text)
        elif text == "\x1b":
            yield events.Key("escape", text)
        elif text in _ALT_ENTER:
            yield events.Key("alt+enter", None)
        elif text.startswith(_MODIFIED) and text.endswith("~"):
            modifiers, _, code = text[len(_MODIFIED) : -1].partition(";")
            yield from self._keys(f"\x1b[{code};{modifiers}u")
        elif match := _KITTY_KEY.fullmatch(text):
            yield from self._kitty_keys(match.groupdict(default=""))
        elif keys := self._keys(text):
            yield from keys
        elif len(text) == len("\x1bx"):
            yield from self._keys(text[1], alt=True)
        elif self._is_report(text):
            yield from super().feed(text)

    def _keys(self, sequence: str, *, alt: bool = False) -> list[events.Key]:
        """The keys of a character or a sequence; none for an unknown one."""
        try:
            found = list(self._sequence_to_key_events(sequence, alt=alt))
        except (ValueError, OverflowError):  # not the number of a character
            return []
        return [key for key in found if key.key != Keys.Ignore]

    def _kitty_keys(self, key: dict[str, str]) -> list[events.Key]:
        """The keys of kitty's protocol; a letter of another script counts as the standard key."""
        code, text = key["code"], key["text"]
        if key["event"] == _RELEASED or int(code) > sys.maxunicode:
            return []
        if key["standard"] and not text and not chr(int(code)).isascii():
            code = key["standard"]
        elif not text and key["modifiers"] == "2":
            text = key["shifted"]
        fields = f"{code};{key['modifiers']};{text}".rstrip(";")
        return self._keys(f"\x1b[{fields}{key['end']}")

    @staticmethod
    def _is_report(sequence: str) -> bool:
        """Whether it is a report of the mouse, focus, size, cursor position or a mode."""
        reports = (
            "mouse_event",
            "terminal_mode_response",
            "cursor_position",
            "in_band_window_resize",
        )
        return sequence in {xterm.FOCUSIN, xterm.FOCUSOUT} or any(
            getattr(xterm, f"_re_{name}").fullmatch(sequence) for name in reports
        )


def _placed(strip: Strip, x: int, y: int, console: Console) -> str:
    """The bytes of a strip; where terminals disagree about cells, its parts are put into place.

    The rest of the row would otherwise be shifted, and what is shifted would never be cleared.
    """
    if not doubtful(strip.text):
        return strip.render(console)
    segments = [(segment.text, segment.style) for segment in strip]
    starts = list(accumulate((cell_len(text) for text, _ in segments), initial=x))
    blank = (Segment(" " * cell_len(text), style) for text, style in segments)
    out = [Strip(blank).render(console)]
    for part in parts(text for text, _ in segments):
        text, style = segments[part.number]
        if part.placed:
            at = starts[part.number] + cell_len(text[: part.start])
            out.append(Control.move_to(at, y).segment.text)
        out.append(Strip([Segment(part.text, style)]).render(console))
    out.append(Control.move_to(x + strip.cell_length, y).segment.text)
    return "".join(out)


class PlacedUpdate(compositor.LayoutUpdate):
    """An update of a region, whose cells are where Textual counts them."""

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        out: list[str] = []
        for y, line in enumerate(self.strips, self.region.y):
            x = self.region.x
            out.append(Control.move_to(x, y).segment.text)
            for strip in line:
                out.append(_placed(strip, x, y, console))
                x += strip.cell_length
        return "".join(out)


class CroppedUpdate(compositor.ChopsUpdate):
    """An update that writes only the changed cells, not the whole row before them."""

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        out: list[str] = []
        for y, start, stop in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(x, start), min(end, stop)
                if strip is not None and left < right:
                    if doubtful(strip.text):  # what is beside the changed cells may be covered
                        left, right = x, end
                    out.append(Control.move_to(left, y).segment.text)
                    out.append(_placed(strip.crop(left - x, right - x), left, y, console))
        return "".join(out)


class WholeCompositor(compositor.Compositor):
    """Tells widgets of every change since they were told last.

    Textual compares with a map that it may have made for a lookup since then: a change is lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told = self._full_map

    def reflow(self, parent: Widget, size: Size) -> compositor.ReflowResult:
        """Lay out; the widgets that are hidden, shown and resized."""
        self._full_map = self._told
        changes = super().reflow(parent, size)
        self._told = self._full_map
        return changes


_textual_move_page = OptionList._move_page  # noqa: SLF001 - listed above


def _move_page(options: OptionList, direction: Direction) -> None:
    """Move by a page, unless the options are not laid out yet: Textual fails at that."""
    with contextlib.suppress(KeyError, IndexError):
        _textual_move_page(options, direction)


_textual_refresh = Widget.refresh


def _refresh(widget: Widget, *regions: Region, layout: bool = False, **options: bool) -> Widget:
    """Request a refresh, and force a new measurement at the next layout.

    Textual otherwise keeps a measurement that it took between two requests.
    """
    if layout and widget._layout_required:  # noqa: SLF001 - listed above
        widget._layout_updates += 1  # noqa: SLF001
    return _textual_refresh(widget, *regions, layout=layout, **options)


def driver(base: type[Driver]) -> type[Driver]:
    """The driver to use instead of Textual's; also patches the compositor and widgets."""
    setattr(screen, "Compositor", WholeCompositor)  # noqa: B010 - Textual exports it nowhere
    compositor.ChopsUpdate = CroppedUpdate  # type: ignore[misc]  # a class in place of a class
    compositor.LayoutUpdate = PlacedUpdate  # type: ignore[misc]  # the same
    setattr(OptionList, "_move_page", _move_page)  # noqa: B010 - listed above
    setattr(Widget, "refresh", _refresh)  # noqa: B010 - a method, which mypy forbids to assign
    if sys.platform == "win32":
        if (module := sys.modules.get("textual.drivers.win32")) is not None:
            module.XTermParser = TerminalParser  # type: ignore[attr-defined]  # a module has what its file defines
        return base
    return TerminalDriver if base is LinuxDriver else base


def is_behind(app: App[Any]) -> bool:
    """Whether more than one frame waits until a slow terminal takes it."""
    writer = getattr(app._driver, "_writer_thread", None)  # noqa: SLF001 - Textual has no other way to its driver
    return writer is not None and writer._queue.qsize() > _FRAME_WRITES  # noqa: SLF001 - listed above


class _Lossy:
    """The terminal, without what cannot be written: the thread that writes must not end.

    Textual writes to standard error, which may be a file where standard output is the terminal.
    """

    def __init__(self) -> None:
        assert isinstance(sys.__stdout__, TextIOWrapper)  # noqa: S101 - a terminal is attached
        self._file = sys.__stdout__
        self._file.reconfigure(errors="replace")

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


def _read(file: int) -> bytes:
    """The input of the terminal; empty when it is closed."""
    try:
        return os.read(file, _READ_BYTES)
    except OSError:
        return b""


if sys.platform != "win32":
    import fcntl
    import termios

    from textual.drivers.linux_driver import LinuxDriver

    def _waiting_bytes(file: int) -> int:
        """The number of bytes typed before the start, in which enter is a line feed."""
        try:
            count = fcntl.ioctl(file, termios.FIONREAD, bytes(4))
        except OSError:
            return 0
        return int.from_bytes(count, sys.byteorder)

    class TerminalDriver(LinuxDriver):
        """Reads bytes, and ignores errors of writing to a closed terminal."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._file = _Lossy()  # type: ignore[assignment]  # it has what Textual uses of a file

        def run_input_thread(self) -> None:
            """Read until the end; an exception is passed to the application."""
            parser = TerminalParser()
            early = _waiting_bytes(self.fileno)
            try:
                while not self.exit_event.is_set():
                    found: list[Message] = []
                    if select.select([self.fileno], [], [], ESCAPE_SECONDS)[0]:
                        if not (data := _read(self.fileno)):
                            os.kill(os.getpid(), signal.SIGHUP)
                            return
                        typed = data[:early].replace(b"\n", b"\r")
                        early -= len(typed)
                        found = [
                            *parser.receive(typed, early=True),
                            *parser.receive(data[len(typed) :]),
                        ]
                    for event in (*found, *parser.tick()):
                        self.process_message(event)
            except Exception as error:  # noqa: BLE001 - handed on
                self._app.call_later(self._app._handle_exception, error)  # noqa: SLF001 - listed above

        def start_application_mode(self) -> None:
            """Start, and request the keys of the standard layout."""
            super().start_application_mode()  # type: ignore[no-untyped-call]  # as in Textual
            if not constants.DISABLE_KITTY_KEY:
                self.write(_ALTERNATE_KEYS)
                self.flush()

        def stop_application_mode(self) -> None:
            """Restore the terminal, including the mode of pixel reports."""
            if self._mouse_pixels:
                self.write("\x1b[?1016l")
            super().stop_application_mode()
