"""A list to choose from, with rows in colours of their own, which may be read page by page."""

from textual.message import Message
from textual.style import Style
from textual.widgets import OptionList

NEAR = 3
"""Rows or lines before the end at which it is near."""


class Choices(OptionList):
    """The highlighted row is reversed if the theme asks for it, so that its colours stay readable."""

    class NearEnd(Message):
        """The last rows are nearly visible, or nearly highlighted."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """As in Textual, which ignores `reverse` (8.2)."""
        style = super().get_visual_style(*component_classes, partial=partial)
        styles = (self.get_component_styles(name).text_style for name in component_classes)
        return style + Style(reverse=any(one.reverse for one in styles) or None)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Look whether the end is near."""
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead()

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Look whether the end is near."""
        super().watch_highlighted(highlighted)
        self._look_ahead()

    def _look_ahead(self) -> None:
        near = (self.highlighted or 0) >= self.option_count - NEAR
        if self.option_count and (near or self.scroll_y >= self.max_scroll_y - NEAR):
            self.post_message(self.NearEnd())
