"""The heading of the screen: the title of the conversation on the left, the state on the right.

Words and glyphs show the state; colours only repeat it.
"""

from typing import NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from genpy_tui.text import one_line, plain

SHORTEST = 16
"""Cells that a long state leaves for the title."""


class ShownState(NamedTuple):
    """A state in words, with glyph and colour; `detail` is shown dim beside it."""

    words: str
    glyph: str
    style: str
    detail: str = ""


STARTING = ShownState("starting", "◌", "$genpy-text-warning")


class Heading(Widget):
    """One line with title and state."""

    ALLOW_SELECT = False

    title: reactive[str] = reactive("")
    state: reactive[ShownState] = reactive(STARTING)

    def render(self) -> Content:
        """The line."""
        width, state = self.size.width, self.state
        right = Content.styled(f"{state.glyph} {state.words}", state.style)
        if state.detail:
            right += plain(f"  {state.detail}", "$genpy-muted")
        right = right.truncate(max(1, width - SHORTEST - 2), ellipsis=True)
        title = one_line(self.title, width - right.cell_length - 2)
        gap = width - title.cell_length - right.cell_length
        return title + Content(" " * max(2, gap)) + right
