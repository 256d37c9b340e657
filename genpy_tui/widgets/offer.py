"""One line above the prompt that offers to rate the conversation that was left; it may be ignored.

A key goes there and a digit rates: alt with a digit does not arrive as such from most terminals.
"""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from genpy_server.core.models import Session
from genpy_tui.commands import Keys
from genpy_tui.text import one_line

RATINGS = range(1, 6)
_CHOICE = "[{}]"


class RatingOffer(Widget, can_focus=True):
    """Shown while `session` is set; a digit or a click on it rates."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"rate({n})", f"Rate {n}", show=False) for n in RATINGS
    ]

    session: reactive[Session | None] = reactive(None)

    class Rated(Message):
        """A number was pressed or clicked."""

        def __init__(self, rating: int) -> None:
            super().__init__()
            self.rating = rating

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="offer")
        self._keys = keys

    def watch_session(self, session: Session | None) -> None:
        """Take a line of the screen, or give it back."""
        self.display = session is not None

    def render(self) -> Content:
        """The question and five numbers."""
        if self.session is None:
            return Content("")
        choices = " ".join(_CHOICE.format(rating) for rating in RATINGS)
        keys = self._keys
        ways = f"{keys.way('rate_left')} answers", "press 1 to 5"
        hints = [f"  {way} · {keys.way('stop')} hides" for way in ways]
        hint = hints[self.has_focus]
        fixed = len("★ How was “”?  ") + len(choices) + max(map(len, hints))
        title = one_line(self.session.title, max(8, self.size.width - fixed))
        return Content.assemble(
            ("★ ", "$accent"),
            "How was “",
            title,
            "”?  ",
            (choices, "bold $accent"),
            (hint, "$genpy-muted"),
        )

    def on_focus(self) -> None:
        """Digits rate now."""
        self.refresh()

    def on_blur(self) -> None:
        """Digits are written again."""
        self.refresh()

    def action_rate(self, rating: int) -> None:
        """A digit was pressed."""
        self.post_message(self.Rated(rating))

    def on_click(self, event: events.Click) -> None:
        """A number rates; what is beside them does nothing."""
        line = self.render()
        for rating in RATINGS:
            before, found, _ = line.plain.rpartition(_CHOICE.format(rating))
            at = Content(before).cell_length
            if found and at <= event.x < at + len(found):
                self.post_message(self.Rated(rating))
