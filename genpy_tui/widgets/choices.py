"""A list to choose from, with rows in colours of their own."""

from textual.style import Style
from textual.widgets import OptionList


class Choices(OptionList):
    """The highlighted row is reversed if the theme asks for it, so that its colours stay readable."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """As in Textual, which ignores `reverse` (8.2)."""
        style = super().get_visual_style(*component_classes, partial=partial)
        styles = (self.get_component_styles(name).text_style for name in component_classes)
        return style + Style(reverse=any(one.reverse for one in styles) or None)
