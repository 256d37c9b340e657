"""The texts that up and down go through in the prompt: sent or cleared ones, and the draft."""

LIMIT = 1_000
"""Texts that are kept."""


class _Recalled:
    """A text, and what was made of it since it was recalled."""

    __slots__ = ("edited", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.edited: str | None = None

    @property
    def shown(self) -> str:
        return self.text if self.edited is None else self.edited


class History:
    """Texts from the oldest to the newest, and the draft behind them."""

    def __init__(self) -> None:
        self._texts: list[_Recalled] = []
        self._draft = self._at = _Recalled()

    def add(self, text: str) -> None:
        """A text was sent, or heard to have been; it becomes the newest, once."""
        if not text.strip():
            return
        found = next((one for one in self._texts if one.text == text), None)
        if found is None:
            found = _Recalled(text)
        else:
            self._texts.remove(found)
        self._texts = [*self._texts[1 - LIMIT :], found]

    def add_older(self, texts: list[str]) -> bool:
        """Put texts in front of all others; False when each is there already."""
        known = {one.text for one in self._texts}
        new = [_Recalled(text) for text in dict.fromkeys(texts) if text.strip()]
        new = [one for one in new if one.text not in known]
        self._texts = new + self._texts
        return bool(new)

    def move(self, step: int, written: str) -> str | None:
        """The text before or after the one that is shown, of which `written` was made; or None."""
        ring = [*self._texts, self._draft]
        place = (ring.index(self._at) if self._at in ring else len(ring) - 1) + step
        if not 0 <= place < len(ring):
            return None
        self._at.edited = written
        self._at = ring[place]
        return self._at.shown

    def leave(self) -> str:
        """Return to an empty draft; returns the draft when another text was shown."""
        draft = "" if self._at is self._draft else self._draft.shown
        for one in self._texts:
            one.edited = None
        self._draft = self._at = _Recalled()
        return draft
