"""Questions above the prompt with numbered answers: a tool's request, and the offer to rate.

A digit answers while the question has the focus; most terminals do not report alt with a digit.
"""

import json
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive, var
from textual.style import Style
from textual.widget import Widget

from genpy_server.core.models import Session
from genpy_server.wire import ApprovalRequested, Decision
from genpy_tui.commands import Keys
from genpy_tui.text import one_line, plain

ANSWERS: tuple[tuple[Decision, str], ...] = (
    ("once", "once"),
    ("session", "this conversation"),
    ("always", "always"),
    ("no", "no"),
)
YES_OR_NO: tuple[tuple[Decision, str], ...] = (("once", "yes"), ("no", "no"))
RATINGS = range(1, 6)
NOTICE_SECONDS = 0.7
"""Seconds in which a request that took the focus by itself ignores digits."""
LINES, LOW_LINES = 8, 3
"""Lines of arguments that are shown: usually, and on a screen of fewer than `LOW` lines."""
LOW = 20
WARNING = "$genpy-text-warning"


class NumberedAnswers(Widget, can_focus=True):
    """A widget with answers such as "[1] yes", which a digit or a click chooses."""

    ALLOW_SELECT = False
    auto_links = var(default=False)  # they have a style of their own
    has_focus = reactive(default=False)  # which the text tells

    def __init__(self, keys: Keys, name: str) -> None:
        super().__init__(id=name)
        self._keys = keys

    @staticmethod
    def clickable(answer: Content, action: str) -> Content:
        """An answer that runs an action of the widget when it is clicked."""
        return answer.stylize(Style.from_meta({"@click": action}))


class RatingOffer(NumberedAnswers):
    """One line that offers to rate a conversation that was left, while `session` is set."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"screen.rate_left({n})", show=False) for n in RATINGS
    ]

    session: reactive[Session | None] = reactive(None)

    def watch_session(self, session: Session | None) -> None:
        """Show or hide it."""
        self.display = session is not None

    def render(self) -> Content:
        """The question and five numbers."""
        if self.session is None:
            return Content("")
        numbers = [self.clickable(Content(f"[{n}]"), f"screen.rate_left({n})") for n in RATINGS]
        choices = Content(" ").join(numbers).stylize("bold $accent")
        keys = self._keys
        ways = f"{keys.way('rate_left')} answers", "press 1 to 5"
        hints = [f"  {way} · {keys.way('stop')} hides" for way in ways]
        fixed = len("★ How was “”?  ") + choices.cell_length + max(map(len, hints))
        title = one_line(self.session.title, max(8, self.size.width - fixed))
        hint = (hints[self.has_focus], "$genpy-muted")
        return Content.assemble(("★ ", "$accent"), "How was “", title, "”?  ", choices, hint)


class ApprovalRequest(NumberedAnswers):
    """The call of a tool and its answers, while `request` is set.

    It takes the focus only from an empty prompt, and then ignores digits for a moment, so that nobody
    allows a call by accident.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"answer({n})", show=False) for n in range(1, len(ANSWERS) + 1)
    ]

    request: reactive[ApprovalRequested | None] = reactive(None, layout=True)

    _shown_at = -inf

    @dataclass
    class Answered(Message):
        """An answer was chosen."""

        request: ApprovalRequested
        decision: Decision

    @property
    def answers(self) -> tuple[tuple[Decision, str], ...]:
        """The answers with their labels."""
        asks = self.request is not None and self.request.question is not None
        return YES_OR_NO if asks else ANSWERS

    def watch_request(self, request: ApprovalRequested | None) -> None:
        """Show or hide it."""
        self.display = request is not None
        self._shown_at = monotonic()

    def render(self) -> Content:
        """The call with its arguments, and the answers."""
        request = self.request
        if request is None:
            return Content("")
        does, texts = " asks", [request.question or ""]
        if request.question is None:
            args = request.args.items()
            texts = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in args]
            does = " wants to run"
        head = Content.assemble(("⚙ ", WARNING), plain(request.name, "bold"), does)
        return Content("\n").join([head, *self._fitted(texts), self._choices()])

    def _fitted(self, texts: list[str]) -> list[Content]:
        """The texts as far as they fit, and a line that says where the rest is."""
        width = max(20, self.size.width)
        room = LOW_LINES if self.app.size.height < LOW else LINES
        lines: list[Content] = []
        for text in texts:
            shown = plain(text, "$foreground")
            needed = -(-shown.cell_length // width)
            if needed > room:
                if room:
                    lines.append(shown.truncate(room * width, ellipsis=True))
                way = self._keys.way("expand")
                rest = f"not all is shown: expand the call above with {way}"
                return [*lines, plain(rest, WARNING)]
            lines.append(shown)
            room -= needed
        return lines

    def _choices(self) -> Content:
        parts = []
        for number, (_, words) in enumerate(self.answers, 1):
            answer = Content.assemble((f"[{number}]", f"bold {WARNING}"), f" {words}")
            parts.append(self.clickable(answer, f"pick({number})"))
        way = "" if self.has_focus else f"  {self._keys.way('approve')} answers"
        return Content.assemble(Content("  ").join(parts), (way, "$genpy-muted"))

    def settle(self) -> None:
        """Accept digits at once: the person moved the focus here."""
        self._shown_at = -inf

    def action_answer(self, number: int) -> None:
        """A digit was pressed."""
        if monotonic() - self._shown_at >= NOTICE_SECONDS:
            self.action_pick(number)

    def action_pick(self, number: int) -> None:
        """An answer was clicked."""
        if self.request is not None and number <= len(self.answers):
            self.post_message(self.Answered(self.request, self.answers[number - 1][0]))
