"""The history of the prompt for up and down: sent or cleared texts, and the draft."""

LIMIT = 1_000


class History:
    """Different texts from the oldest to the newest, and the draft, None, after them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._edited: dict[str | None, str] = {}
        """Texts as they were changed since the last message, and the draft."""
        self._at: str | None = None

    def add(self, text: str) -> None:
        """Add a text as the newest, or move it there."""
        if text.strip():
            others = [one for one in self._texts if one != text]
            self._texts = [*others[1 - LIMIT :], text]

    def add_older(self, texts: list[str]) -> bool:
        """Add texts before all others; False if all of them are there already."""
        new = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._texts]
        self._texts = new + self._texts
        return bool(new)

    def move(self, step: int, written: str) -> str | None:
        """The previous or next text, None at the end; stores `written` as the edit of the current one."""
        ring = [*self._texts, None]
        place = (ring.index(self._at) if self._at in ring else len(ring) - 1) + step
        if not 0 <= place < len(ring):
            return None
        self._edited[self._at] = written
        self._at = ring[place]
        return self._edited.get(self._at, self._at or "")

    def leave(self) -> str:
        """Go to an empty draft; returns the old draft if another text was shown."""
        draft = "" if self._at is None else self._edited.get(None, "")
        self._edited.clear()
        self._at = None
        return draft
