"""The line of keys at the bottom."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

PADDING = 3
"""Cells around a key and what it does."""


class KeysLine(Footer):
    """The keys that can be pressed now, as many as can be written out; last the palette's."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None
        """What the keys were made of."""

    def compose(self) -> ComposeResult:
        """Each key whole, or not at all."""
        room = self.app.size.width
        for key in super().compose():
            if isinstance(key, FooterKey):
                if not key.has_class("-command-palette"):
                    # It would begin compact, and be given its styles once more for the change.
                    key.set_reactive(FooterKey.compact, self.compact)
                room -= cell_len(f"{key.key_display}{key.description}") + PADDING
            if room >= 0:
                yield key

    async def recompose(self) -> None:
        """Make the keys where others are to be shown than before."""
        if not self.is_attached or not self._bindings_ready:
            return
        keys = [
            (one.binding, one.enabled, one.tooltip)
            for one in self.screen.active_bindings.values()
            if one.binding.show
        ]
        shown = (self.app.size.width, keys)
        if shown != self._shown:
            self._shown = shown
            await super().recompose()

    def on_resize(self) -> None:
        """Another number of keys fits."""
        self.refresh(recompose=True)
