"""The history of the prompt for up and down: sent or cleared texts, and the draft."""

LIMIT = 1_000
"""Most texts of a history."""


class _Recalled:
    """A text of the history, and its edited form since it was recalled."""

    __slots__ = ("edited", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.edited: str | None = None

    @property
    def shown(self) -> str:
        return self.text if self.edited is None else self.edited


class History:
    """Texts from the oldest to the newest, and the draft after them."""

    def __init__(self) -> None:
        self._texts: list[_Recalled] = []
        self._draft = self._at = _Recalled()

    def add(self, text: str) -> None:
        """Add a text as the newest, or move it there."""
        if not text.strip():
            return
        found = next((one for one in self._texts if one.text == text), None)
        if found is None:
            found = _Recalled(text)
        else:
            self._texts.remove(found)
        self._texts = [*self._texts[1 - LIMIT :], found]

    def add_older(self, texts: list[str]) -> bool:
        """Add texts before all others; False if all of them are there already."""
        known = {one.text for one in self._texts}
        new = [_Recalled(text) for text in dict.fromkeys(texts) if text.strip()]
        new = [one for one in new if one.text not in known]
        self._texts = new + self._texts
        return bool(new)

    def move(self, step: int, written: str) -> str | None:
        """The previous or next text, None at the end; stores `written` as the edit of the current one."""
        ring = [*self._texts, self._draft]
        place = (ring.index(self._at) if self._at in ring else len(ring) - 1) + step
        if not 0 <= place < len(ring):
            return None
        self._at.edited = written
        self._at = ring[place]
        return self._at.shown

    def leave(self) -> str:
        """Go to an empty draft; returns the old draft if another text was shown."""
        draft = "" if self._at is self._draft else self._draft.shown
        for one in self._texts:
            one.edited = None
        self._draft = self._at = _Recalled()
        return draft
