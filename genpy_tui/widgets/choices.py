"""Lists to choose from: rows with colours of their own, and numbered answers in one line."""

from collections.abc import Iterable

from textual.content import Content
from textual.style import Style
from textual.widget import Widget
from textual.widgets import OptionList


class NumberedAnswers(Widget, can_focus=True):
    """A widget with answers such as "[1] yes", which a digit or a click chooses.

    Digits work while it has the focus, which its text says.
    """

    ALLOW_SELECT = False

    def on_focus(self) -> None:
        """Show that digits answer."""
        self.refresh()

    def on_blur(self) -> None:
        """Show how to get the focus."""
        self.refresh()

    @staticmethod
    def answer_at(x: int, line: str, answers: Iterable[str]) -> int | None:
        """The number, from 1, of the answer at a cell of a line."""
        for number, answer in enumerate(answers, 1):
            before, found, _ = line.rpartition(answer)
            start = Content(before).cell_length
            if found and start <= x < start + len(found):
                return number
        return None


class Choices(OptionList):
    """The highlighted row is reversed if the theme asks for it, so that its colours stay readable."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """As in Textual, which ignores `reverse` (8.2)."""
        style = super().get_visual_style(*component_classes, partial=partial)
        styles = (self.get_component_styles(name).text_style for name in component_classes)
        return style + Style(reverse=any(one.reverse for one in styles) or None)
