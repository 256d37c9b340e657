"""One line above the prompt that offers to rate the conversation that was left.

A key moves the focus there and a digit rates: most terminals do not report alt with a digit.
"""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from genpy_server.core.models import Session
from genpy_tui.commands import Keys
from genpy_tui.text import one_line
from genpy_tui.widgets.choices import NumberedAnswers

RATINGS = range(1, 6)


class RatingOffer(NumberedAnswers):
    """Shown while `session` is set."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"rate({n})", f"Rate {n}", show=False) for n in RATINGS
    ]

    session: reactive[Session | None] = reactive(None)

    @dataclass
    class Rated(Message):
        """A number was pressed or clicked."""

        rating: int

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="offer")
        self._keys = keys

    def watch_session(self, session: Session | None) -> None:
        """Show or hide it."""
        self.display = session is not None

    def render(self) -> Content:
        """The question and five numbers."""
        if self.session is None:
            return Content("")
        numbers = [self.clickable(Content(f"[{n}]"), f"rate({n})") for n in RATINGS]
        choices = Content(" ").join(numbers).stylize("bold $accent")
        keys = self._keys
        ways = f"{keys.way('rate_left')} answers", "press 1 to 5"
        hints = [f"  {way} · {keys.way('stop')} hides" for way in ways]
        hint = hints[self.has_focus]
        fixed = len("★ How was “”?  ") + choices.cell_length + max(map(len, hints))
        title = one_line(self.session.title, max(8, self.size.width - fixed))
        return Content.assemble(
            ("★ ", "$accent"),
            "How was “",
            title,
            "”?  ",
            choices,
            (hint, "$genpy-muted"),
        )

    def action_rate(self, rating: int) -> None:
        """A digit was pressed, or a number clicked."""
        self.post_message(self.Rated(rating))
