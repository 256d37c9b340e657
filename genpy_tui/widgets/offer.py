"""One line above the prompt that offers to rate the conversation that was left; it may be ignored."""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from genpy_server.core.models import Session
from genpy_tui.text import one_line

RATINGS = range(1, 6)
_CHOICE = "[{}]"
_HINT = "  alt+1…5 · esc hides"


class RatingOffer(Widget):
    """Shown while `session` is set; a click on a number rates it."""

    ALLOW_SELECT = False

    session: reactive[Session | None] = reactive(None)

    class Rated(Message):
        """A number was clicked."""

        def __init__(self, rating: int) -> None:
            super().__init__()
            self.rating = rating

    def watch_session(self, session: Session | None) -> None:
        """Take a line of the screen, or give it back."""
        self.display = session is not None

    def render(self) -> Content:
        """The question and five numbers."""
        if self.session is None:
            return Content("")
        choices = " ".join(_CHOICE.format(rating) for rating in RATINGS)
        fixed = len("★ How was “”?  ") + len(choices) + len(_HINT)
        title = one_line(self.session.title, max(8, self.size.width - fixed))
        return Content.assemble(
            ("★ ", "$accent"),
            "How was “",
            title,
            "”?  ",
            (choices, "bold $accent"),
            (_HINT, "$genpy-muted"),
        )

    def on_click(self, event: events.Click) -> None:
        """A number rates; what is beside them does nothing."""
        line = self.render()
        for rating in RATINGS:
            before, found, _ = line.plain.partition(_CHOICE.format(rating))
            at = Content(before).cell_length
            if found and at <= event.x < at + len(found):
                self.post_message(self.Rated(rating))
