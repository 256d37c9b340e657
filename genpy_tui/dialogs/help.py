"""Help: every key and slash command, from the one table."""

from functools import partial
from textwrap import wrap
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from genpy_tui.commands import COMMANDS, Command, Keys
from genpy_tui.dialogs.base import Dialog

TYPING = (
    ("enter", "Send the message."),
    ("ctrl+j", "New line; also shift+enter, alt+enter, or a \\ at the end of the line."),
    ("up, down", "Earlier messages, from the first or last line."),
    ("/", "Commands: up and down choose, tab completes, enter runs."),
    ("ctrl+p", "Palette: every command by name."),
    ("drag", "Select; ctrl+c copies it. Shift+drag selects with the terminal itself."),
)


KEY, SLASH = 13, 16
"""Columns for the key and the slash command."""
BESIDE = KEY + SLASH
UNDER = 4
"""Indent of a description below its key."""
NARROW = 56
"""Columns from which the description is beside the key."""


class HelpPage(Widget):
    """The page; its height is known before it is first drawn."""

    DEFAULT_CSS = "HelpPage { height: auto; }"

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="page")
        self._keys = keys

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """The number of lines at a width."""
        return len(self._text(width).split("\n"))

    def render(self) -> Content:
        """The page at the current width."""
        return self._text(self.size.width)

    def _text(self, width: int) -> Content:
        return help_text(max(20, width), self._keys)


class HelpScreen(Dialog[None]):
    """Every key and command, on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Close"),
        Binding("f1", "leave", id="help"),
    ]

    def __init__(self, keys: Keys) -> None:
        body = VerticalScroll(HelpPage(keys))
        super().__init__("Keys and commands", body, hint="↑↓ scroll   esc close", size="wide tall")


def help_text(width: int, keys: Keys) -> Content:
    """The page; a description that is too long for its line is wrapped below its beginning."""
    row = partial(_row, width)
    command = partial(_command, width, keys)
    parts = [_head(width, "While typing"), *(row(key, "", text) for key, text in TYPING)]
    everywhere = [c for c in COMMANDS if c.where == "everywhere"]
    parts += [Content(""), _head(width, "Everywhere"), *map(command, everywhere)]
    on_block = [c for c in COMMANDS if c.where == "transcript"]
    parts += [
        Content(""),
        _head(
            width,
            f"On a message ({keys.way('cursor_previous')} moves the cursor there, {keys.way('stop')} returns)",
        ),
        *map(command, on_block),
    ]
    return Content("\n").join(parts)


def _head(width: int, text: str) -> Content:
    return Content.styled("\n".join(wrap(text, width)), "bold $primary")


def _command(width: int, keys: Keys, command: Command) -> Content:
    slash = f"/{command.slash} {command.argument}".strip() if command.slash else ""
    return _row(width, keys.key(command.name), slash, command.help)


def _row(width: int, key: str, slash: str, text: str) -> Content:
    if width < NARROW:
        first, more = "", wrap(text, width - UNDER)
        indent, key = UNDER, f"  {key}  " if key else "  "
    else:
        first, *more = wrap(text, width - BESIDE)
        indent, key, slash = BESIDE, f"  {key}".ljust(KEY), slash.ljust(SLASH)
    below = "".join(f"\n{'':{indent}}{line}" for line in more)
    return Content.assemble((key, "bold"), (slash, "$accent"), first, below)
