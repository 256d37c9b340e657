"""The slash commands that fit what is written, above the prompt; one of them is chosen."""

import re
from collections.abc import Iterable
from typing import Any

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from genpy_tui.commands import BY_SLASH, Command
from genpy_tui.text import one_line

ROWS = 8
"""Commands that are seen at once, in a window that is not low."""
_BEGUN = re.compile(r"/([a-z0-9_-]*)")
_NAME_CELLS = 17


class SlashMenu(Widget):
    """Shown while a slash command is being written."""

    ALLOW_SELECT = False

    fits: reactive[tuple[Command, ...]] = reactive(())
    place: reactive[int] = reactive(0)

    _rows = ROWS
    _left = ""
    """The text for which it was closed."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands = dict(BY_SLASH)
        """By what follows the slash: GenPy's own, and those that were offered."""

    def offer(self, commands: Iterable[Command]) -> None:
        """Take further commands, in the place of those before; none replaces one of GenPy's own."""
        self.commands = {command.slash: command for command in commands} | BY_SLASH

    def look(self, text: str) -> None:
        """Show what fits a text; what is chosen stays chosen while the same commands fit."""
        begun = _BEGUN.fullmatch(text) if text != self._left else None
        fits = tuple(c for name, c in self.commands.items() if begun and name.startswith(begun[1]))
        if fits != self.fits:
            self.place, self.fits = 0, fits
        if begun:
            self._left = ""

    def leave(self, text: str) -> None:
        """Close until another text is written."""
        self._left = text
        self.look(text)

    @property
    def chosen(self) -> Command | None:
        """The command that enter runs and tab completes; None while nothing fits."""
        return self.fits[self.place] if self.fits else None

    def move(self, step: int) -> None:
        """Choose another one."""
        self.place = (self.place + step) % len(self.fits)

    def watch_fits(self, fits: tuple[Command, ...]) -> None:
        """Take the lines that are needed."""
        self.display = bool(fits)
        self._rows = min(ROWS, max(1, self.app.size.height // 3), len(fits))
        self.styles.height = self._rows

    def render(self) -> Content:
        """A line for each command."""
        rows = self._rows
        first = max(0, min(self.place - rows // 2, len(self.fits) - rows))
        lines = [
            self._line(command, chosen=command is self.chosen)
            for command in self.fits[first : first + rows]
        ]
        below = len(self.fits) - first - rows
        for row, count, arrow in ((0, first, "↑"), (rows - 1, below, "↓")):
            if count:
                more = Content.styled(f" {arrow} {count} more", "$genpy-muted")
                room = self.size.width - more.cell_length
                lines[row] = lines[row].truncate(room, ellipsis=True, pad=True) + more
        return Content("\n").join(lines)

    def _line(self, command: Command, *, chosen: bool) -> Content:
        name = f"/{command.slash} {command.argument}".ljust(_NAME_CELLS - 2) + "  "
        about = one_line(command.help, max(8, self.size.width - len(name) - 2))
        style = "bold $accent" if chosen else "$genpy-muted"
        return Content.assemble(("› " if chosen else "  ", style), (name, style), about)
