"""The line of keys at the bottom."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

PADDING = 3
"""Cells around a key and what it does."""


class KeysLine(Footer):
    """The keys that can be pressed now, as many as can be written out; last the palette's."""

    def compose(self) -> ComposeResult:
        """Each key whole, or not at all."""
        room = self.app.size.width
        for key in super().compose():
            if isinstance(key, FooterKey):
                room -= cell_len(f"{key.key_display}{key.description}") + PADDING
            if room >= 0:
                yield key

    def on_resize(self) -> None:
        """Another number of keys fits."""
        self.refresh(recompose=True)
