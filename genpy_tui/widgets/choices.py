"""Lists to choose from: rows with colours of their own, and numbered answers in one line."""

from textual.content import Content
from textual.reactive import var
from textual.style import Style
from textual.widget import Widget
from textual.widgets import OptionList


class NumberedAnswers(Widget, can_focus=True):
    """A widget with answers such as "[1] yes", which a digit or a click chooses.

    Digits work while it has the focus, which its text says.
    """

    ALLOW_SELECT = False
    auto_links = var(default=False)  # they have a style of their own

    def on_focus(self) -> None:
        """Show that digits answer."""
        self.refresh()

    def on_blur(self) -> None:
        """Show how to get the focus."""
        self.refresh()

    @staticmethod
    def clickable(answer: Content, action: str) -> Content:
        """An answer that runs an action of the widget when it is clicked."""
        return answer.stylize(Style.from_meta({"@click": action}))


class Choices(OptionList):
    """The highlighted row is reversed if the theme asks for it, so that its colours stay readable."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """As in Textual, which ignores `reverse` (8.2)."""
        style = super().get_visual_style(*component_classes, partial=partial)
        styles = (self.get_component_styles(name).text_style for name in component_classes)
        return style + Style(reverse=any(one.reverse for one in styles) or None)
