"""The approval request of a tool, above the prompt: the call and four answers.

A digit answers while the request has the focus. It takes the focus only from an empty prompt, and
ignores digits for a moment, so that nobody allows a call by accident.
"""

import json
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from genpy_server.wire import ApprovalRequested, Decision
from genpy_tui.commands import Keys
from genpy_tui.text import plain
from genpy_tui.widgets.choices import NumberedAnswers

ANSWERS: tuple[tuple[Decision, str], ...] = (
    ("once", "once"),
    ("session", "this conversation"),
    ("always", "always"),
    ("no", "no"),
)
YES_OR_NO: tuple[tuple[Decision, str], ...] = (("once", "yes"), ("no", "no"))
NOTICE_SECONDS = 0.7
"""Seconds in which a request that took the focus by itself ignores digits."""
LINES, LOW_LINES = 8, 3
"""Lines of arguments that are shown: usually, and on a screen of fewer than `LOW` lines."""
LOW = 20
WARNING = "$genpy-text-warning"


class ApprovalRequest(NumberedAnswers):
    """Shown while `request` is set."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(n), f"answer({n})", f"Answer {n}", show=False)
        for n in range(1, len(ANSWERS) + 1)
    ]

    request: reactive[ApprovalRequested | None] = reactive(None, layout=True)

    @dataclass
    class Answered(Message):
        """An answer was chosen."""

        request: ApprovalRequested
        decision: Decision

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="approval")
        self._keys = keys
        self._shown_at = -inf

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
        does = " wants to run" if request.question is None else " asks"
        head = Content.assemble(("⚙ ", WARNING), plain(request.name, "bold"), does)
        if request.question is not None:
            texts = [request.question]
        else:
            texts = [f"{key} = {_json(value)}" for key, value in request.args.items()]
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
                lines.append(
                    plain(
                        f"not all is shown: expand the call above with {self._keys.way('expand')}",
                        WARNING,
                    )
                )
                return lines
            lines.append(shown)
            room -= needed
        return lines

    def _choices(self) -> Content:
        parts = []
        for number, (_, words) in enumerate(self.answers, 1):
            answer = Content.assemble((f"[{number}]", f"bold {WARNING}"), f" {words}")
            parts.append(self.clickable(answer, f"pick({number})"))
        way = self._keys.way("approve")
        hint = () if self.has_focus else ((f"  {way} answers", "$genpy-muted"),)
        return Content.assemble(Content("  ").join(parts), *hint)

    def settle(self) -> None:
        """Accept digits at once: the person moved the focus here."""
        self._shown_at = -inf

    def action_answer(self, number: int) -> None:
        """A digit was pressed."""
        if self.request is not None and monotonic() - self._shown_at >= NOTICE_SECONDS:
            self.action_pick(number)

    def action_pick(self, number: int) -> None:
        """An answer was clicked."""
        if self.request is not None and number <= len(self.answers):
            self.post_message(self.Answered(self.request, self.answers[number - 1][0]))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
