"""The footer with the keys."""

from collections.abc import Callable, Collection

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

PADDING = 3


class KeysLine(Footer):
    """The active keys, as many as fit; the palette's is the last."""

    def __init__(self, useless: Callable[[], Collection[str]]) -> None:
        """`useless` returns the actions that would do nothing now."""
        super().__init__()
        self._useless = useless
        self._shown: object = None
        """The width and keys that are shown."""

    def compose(self) -> ComposeResult:
        """The keys that fit as a whole."""
        room = self.app.size.width
        useless = self._useless()
        for key in super().compose():
            if isinstance(key, FooterKey):
                if key.action in useless:
                    continue
                room -= cell_len(f"{key.key_display}{key.description}") + PADDING
            if room >= 0:
                yield key

    async def recompose(self) -> None:
        """Compose again only if the keys or the width have changed."""
        if not self.is_attached or not self._bindings_ready:
            return
        keys = [
            (one.binding, one.enabled, one.tooltip)
            for one in self.screen.active_bindings.values()
            if one.binding.show
        ]
        shown = (self.app.size.width, keys, self._useless())
        if shown != self._shown:
            self._shown = shown
            await super().recompose()

    def on_resize(self) -> None:
        """Fit the keys to the new width."""
        self.refresh(recompose=True)
