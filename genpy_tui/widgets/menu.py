"""The menu of slash commands that match the typed text, above the prompt."""

import re
from collections.abc import Iterable

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from genpy_tui.commands import BY_SLASH, Command
from genpy_tui.text import one_line

ROWS = 8
_BEGUN = re.compile(r"/([a-z0-9_-]*)")
_NAME_CELLS = 17


class SlashMenu(Widget):
    """Shown while a slash command is typed."""

    ALLOW_SELECT = False

    fits: reactive[tuple[Command, ...]] = reactive(())
    place: reactive[int] = reactive(0)

    _rows = ROWS
    _left = ""
    """The text for which the menu was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.commands = dict(BY_SLASH)
        """All slash commands by name, including offered ones."""

    def offer(self, commands: Iterable[Command]) -> None:
        """Replace the offered commands; they do not override the built-in ones."""
        self.commands = {command.slash: command for command in commands} | BY_SLASH

    def look(self, text: str) -> None:
        """Show the commands that match a text; keeps the chosen one while they are the same."""
        begun = _BEGUN.fullmatch(text) if text != self._left else None
        fits = tuple(c for name, c in self.commands.items() if begun and name.startswith(begun[1]))
        if fits != self.fits:
            self.place, self.fits = 0, fits
        if begun:
            self._left = ""

    def leave(self, text: str) -> None:
        """Close until the text changes."""
        self._left = text
        self.look(text)

    @property
    def chosen(self) -> Command | None:
        """The command that enter runs and tab completes; None without a match."""
        return self.fits[self.place] if self.fits else None

    def move(self, step: int) -> None:
        """Choose another one."""
        self.place = (self.place + step) % len(self.fits)

    def watch_fits(self, fits: tuple[Command, ...]) -> None:
        """Fit the height to the matches."""
        self.display = bool(fits)
        self._rows = min(ROWS, max(1, self.app.size.height // 3), len(fits))
        self.styles.height = self._rows

    def render(self) -> Content:
        """A line for each command."""
        rows = self._rows
        first = max(0, min(self.place - rows // 2, len(self.fits) - rows))
        lines = []
        for command in self.fits[first : first + rows]:
            name = f"/{command.slash} {command.argument}".ljust(_NAME_CELLS - 2) + "  "
            about = one_line(command.help, max(8, self.size.width - len(name) - 2))
            style = "bold $accent" if command is self.chosen else "$genpy-muted"
            sign = "› " if command is self.chosen else "  "
            lines.append(Content.assemble((sign + name, style), about))
        below = len(self.fits) - first - rows
        for row, count, arrow in ((0, first, "↑"), (rows - 1, below, "↓")):
            if count:
                more = Content.styled(f" {arrow} {count} more", "$genpy-muted")
                room = self.size.width - more.cell_length
                lines[row] = lines[row].truncate(room, ellipsis=True, pad=True) + more
        return Content("\n").join(lines)
