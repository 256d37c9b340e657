"""The status line: what happens on the left, the facts on the right.

Words and glyphs say the state; colours only repeat it.
"""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from genpy_tui.activity import STARTING, Doing
from genpy_tui.text import plain

SEPARATOR = " · "


class StatusLine(Widget):
    """One line; facts that have no room are left out from the front."""

    ALLOW_SELECT = False

    doing: reactive[Doing] = reactive(STARTING)
    facts: reactive[tuple[str, ...]] = reactive(())

    def render(self) -> Content:
        """The line."""
        doing = self.doing
        left = Content.styled(f"{doing.glyph} {doing.words}", doing.style)
        if doing.detail:
            left += plain(f"  {doing.detail}", "$genpy-muted")
        left = left.truncate(max(1, self.size.width), ellipsis=True)
        facts = [fact for fact in self.facts if fact]
        room = self.size.width - left.cell_length - 2
        right = plain(SEPARATOR.join(facts), "$genpy-muted")
        while facts and right.cell_length > room:
            del facts[-1 if len(facts) > 1 else 0]
            right = plain(SEPARATOR.join(facts), "$genpy-muted")
        return (
            left
            + Content(" " * max(1, self.size.width - left.cell_length - right.cell_length))
            + right
        )
