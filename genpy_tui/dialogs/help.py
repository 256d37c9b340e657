"""Help: every key and slash command, from the one table."""

from functools import partial
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genpy_tui.commands import COMMANDS, Command, Keys
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain

TYPING = (
    ("enter", "Send the message."),
    ("ctrl+j", "New line; also shift+enter, alt+enter, or a \\ at the end of the line."),
    ("up, down", "Earlier messages, from the first or last line."),
    ("/", "Commands: up and down choose, tab completes, enter runs."),
    ("ctrl+p", "Palette: every command by name."),
    ("drag", "Select; ctrl+c copies it. Shift+drag selects with the terminal itself."),
)


BESIDE = 28
"""Columns for the key and the slash command."""


class HelpScreen(Dialog[None]):
    """What can be done, on one page."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close"),
        Binding("f1", "leave", id="help"),
    ]

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical(classes="dialog wide"):
            yield Static(plain("Keys and commands", "bold"), classes="question")
            with VerticalScroll():
                yield Static(id="page")
            yield Static(plain("↑↓ scroll   esc close"), classes="hint")

    def on_resize(self) -> None:
        """Wrap again once the width is known."""
        self.call_after_refresh(self._wrap)

    def _wrap(self) -> None:
        page = self.query_one("#page", Static)
        page.update(help_text(max(40, page.container_size.width - 1), self._keys))

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def help_text(width: int, keys: Keys) -> Content:
    """The page; what does not fit in a line goes on below itself."""
    row = partial(_row, width)
    command = partial(_command, width, keys)
    parts = [_head("While typing"), *(row(key, "", text) for key, text in TYPING)]
    everywhere = [c for c in COMMANDS if c.where == "everywhere"]
    parts += [Content(""), _head("Everywhere"), *map(command, everywhere)]
    on_block = [c for c in COMMANDS if c.where == "transcript"]
    parts += [
        Content(""),
        _head(
            f"On a message ({keys.way('cursor_previous')} moves the cursor there, {keys.way('stop')} returns)"
        ),
        *map(command, on_block),
    ]
    return Content("\n").join(parts)


def _head(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _command(width: int, keys: Keys, command: Command) -> Content:
    slash = f"/{command.slash} {command.argument}".strip() if command.slash else ""
    return _row(width, keys.key(command.name), slash, command.help)


def _row(width: int, key: str, slash: str, text: str) -> Content:
    first, *more = wrap(text, max(20, width - BESIDE))
    below = "".join(f"\n{'':{BESIDE}}{line}" for line in more)
    return Content.assemble((f"  {key:<11}", "bold"), (f"{slash:<15}", "$accent"), first, below)
