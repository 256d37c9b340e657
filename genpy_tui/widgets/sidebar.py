"""The sidebar: the person's conversations, newest first."""

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from genpy_server.core.display import age, stars
from genpy_server.core.models import ListedSession, Session
from genpy_tui.text import one_line
from genpy_tui.widgets.choices import Choices

WIDTH = 32


class Sidebar(Choices):
    """A list of sessions; choosing one opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "screen.command('delete')", "Delete"),
        Binding("escape", "screen.focus_prompt", "Back", show=False),
    ]

    class Chosen(Message):
        """The person wants to see this session."""

        def __init__(self, session: str) -> None:
            super().__init__()
            self.session = session

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.sessions: list[ListedSession] = []

    def show(self, sessions: list[ListedSession], current: str, running: set[str]) -> None:
        """List these; `current` is open, and in those of `running` a reply is being written."""
        rows = [self._row(session, current, running) for session in sessions]
        same = [session.id for session in sessions] == [session.id for session in self.sessions]
        self.sessions = sessions
        if same:
            for number, row in enumerate(rows):
                if row != self.get_option_at_index(number).prompt:
                    self.replace_option_prompt_at_index(number, row)
            return
        chosen = self.highlighted_option.id if self.highlighted_option else current
        before = self.highlighted or 0
        self.clear_options()
        self.add_options(
            Option(row, id=session.id) for session, row in zip(sessions, rows, strict=True)
        )
        places = (place for place, session in enumerate(sessions) if session.id == chosen)
        last = len(sessions) - 1
        self.highlighted = next(places, min(before, last) if sessions else None)

    def _row(self, session: Session, current: str, running: set[str]) -> Content:
        width = WIDTH - 4
        mark = "▶ " if session.id in running else "● " if session.id == current else "  "
        style = "bold" if session.id == current else ""
        facts = [age(session.updated_at), stars(session.rating)]
        if session.id in running:
            facts = ["replying", *facts]
        about = session.summary or session.note or f"{session.message_count} messages"
        return Content("\n").join(
            [
                Content.styled(mark, "$primary" if mark.strip() else "")
                + one_line(session.title, width - 2, style),
                Content("  ")
                + one_line(" · ".join(filter(None, facts)), width - 2, "$genpy-muted"),
                Content("  ") + one_line(about, width - 2, "$genpy-muted"),
                Content(""),
            ]
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open a conversation."""
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Chosen(event.option.id))
