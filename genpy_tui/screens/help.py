"""Help: every key and slash command, from the one table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from genpy_tui.commands import COMMANDS, Command
from genpy_tui.text import plain

TYPING = (
    ("enter", "Send the message."),
    ("ctrl+j", "New line."),
    ("up, down", "Earlier messages, from the first or last line."),
    ("tab", "Complete a slash command."),
    ("ctrl+p", "Palette: every command by name."),
    ("drag", "Select; ctrl+c copies it. Shift+drag selects with the terminal itself."),
)


class HelpScreen(ModalScreen[None]):
    """What can be done, on one page."""

    CSS_PATH = "dialog.tcss"

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "leave", "Close")]

    def compose(self) -> ComposeResult:
        """The page."""
        with Vertical(classes="dialog wide"):
            yield Static(plain("Keys and commands", "bold"), classes="question")
            with VerticalScroll():
                yield Static(help_text())
            yield Static(plain("↑↓ scroll   esc close"), classes="hint")

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def help_text() -> Content:
    """The page."""
    parts = [_head("While typing"), *(_row(key, "", text) for key, text in TYPING)]
    everywhere = [c for c in COMMANDS if c.where == "everywhere"]
    parts += [Content(""), _head("Everywhere"), *map(_command, everywhere)]
    on_block = [c for c in COMMANDS if c.where == "transcript"]
    parts += [
        Content(""),
        _head("On a message (alt+up moves the cursor there, esc returns)"),
        *map(_command, on_block),
    ]
    return Content("\n").join(parts)


def _head(text: str) -> Content:
    return Content.styled(text, "bold $primary")


def _command(command: Command) -> Content:
    slash = f"/{command.slash} {command.argument}".strip() if command.slash else ""
    return _row(command.key.split(",")[0].replace("escape", "esc"), slash, command.help)


def _row(key: str, slash: str, text: str) -> Content:
    return Content.assemble((f"  {key:<10}", "bold"), (f"  {slash:<15}", "$accent"), f"  {text}")
