"""The head of the screen: the title of the conversation on the left, the state on the right.

Words and glyphs say the state; colours only repeat it.
"""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from genpy_tui.activity import STARTING, Doing
from genpy_tui.text import one_line, plain

SHORTEST = 16
"""Cells of the title that are shown beside a long state."""


class Heading(Widget):
    """One line."""

    ALLOW_SELECT = False

    title: reactive[str] = reactive("")
    doing: reactive[Doing] = reactive(STARTING)

    def render(self) -> Content:
        """The line."""
        width, doing = self.size.width, self.doing
        state = Content.styled(f"{doing.glyph} {doing.words}", doing.style)
        if doing.detail:
            state += plain(f"  {doing.detail}", "$genpy-muted")
        state = state.truncate(max(1, width - SHORTEST - 2), ellipsis=True)
        title = one_line(self.title, width - state.cell_length - 2)
        gap = width - title.cell_length - state.cell_length
        return title + Content(" " * max(2, gap)) + state
