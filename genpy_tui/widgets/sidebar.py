"""The sidebar: the person's conversations, newest first, and a filter over them."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from genpy_server.core.display import age, count, stars
from genpy_server.core.identity import is_question
from genpy_server.core.models import ListedSession
from genpy_tui.text import one_line
from genpy_tui.widgets.choices import Choices

WIDTH = 32
QUESTIONS = "Single questions"


class SessionFilter(Input):
    """The filter of the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.leave_filter", "Back", show=False),
        Binding("down", "app.focus('sessions')", "List", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(
            placeholder="Filter conversations", compact=True, id="filter", select_on_focus=False
        )


class Sidebar(Choices):
    """The list of sessions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "screen.command('delete')", "Delete"),
        Binding("escape", "app.focus('prompt')", "Back", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """A session is to be opened."""

        session: str

    def __init__(self) -> None:
        super().__init__(id="sessions")
        self.sessions: list[ListedSession] = []
        self._current = ""

    def show(self, sessions: list[ListedSession], current: str) -> None:
        """Show sessions, single questions below conversations; `current` is the open one."""
        self._current = current
        asked = {one.id for one in sessions if is_question(one.id, one.message_count)}
        sessions = sorted(sessions, key=lambda session: session.id in asked)
        first = len(sessions) - len(asked)
        rows = [self._row(session, current, question=session.id in asked) for session in sessions]
        if asked:
            rows[first] = Content.assemble((f"{QUESTIONS}\n", "$genpy-muted"), rows[first])
        same = [session.id for session in sessions] == [session.id for session in self.sessions]
        self.sessions = sessions
        if same:
            for number, row in enumerate(rows):
                if row != self.get_option_at_index(number).prompt:
                    self.replace_option_prompt_at_index(number, row)
            return
        chosen = self.highlighted_option.id if self.highlighted_option else current
        before, scrolled = self.highlighted or 0, self.scroll_y
        self.set_options(
            Option(row, id=session.id) for session, row in zip(sessions, rows, strict=True)
        )
        places = (place for place, session in enumerate(sessions) if session.id == chosen)
        self.highlighted = next(places, before)
        self.scroll_to(y=scrolled, animate=False)

    def _draw_again(self) -> None:
        self.show(self.sessions, self._current)

    def watch_show_vertical_scrollbar(self) -> None:
        """Fit the rows: the scroll bar takes a part of the width."""
        self.call_after_refresh(self._draw_again)

    def watch_has_focus(self, value: bool) -> None:  # noqa: FBT001 - as in Textual
        """Redraw: the row of the open conversation is shaded unless the cursor is on it."""
        super().watch_has_focus(value)
        self._draw_again()

    def _row(self, session: ListedSession, current: str, *, question: bool) -> Content:
        width = WIDTH - (6 if self.show_vertical_scrollbar else 5)
        opened = session.id == current
        title = one_line(session.title, width - 2, "bold" if opened else "")
        if question:
            return Content.styled("? ", "$genpy-muted") + title
        mark = "▶ " if session.running else "● " if opened else "  "
        when = "replying" if session.running else age(session.updated_at)
        facts = filter(None, (when, stars(session.rating)))
        about = session.summary or session.note or count(session.message_count, "message")
        lines = [
            Content.styled(mark, "$primary" if mark.strip() else "") + title,
            Content("  ") + one_line(" · ".join(facts), width - 2, "$genpy-muted"),
            Content("  ") + one_line(about, width - 2, "$genpy-muted"),
        ]
        marked = self.has_focus and self.highlighted_option
        if opened and not (marked and marked.id == session.id):
            padded = (line.pad_right(width - line.cell_length) for line in lines)
            lines = [line.stylize_before("on $surface") for line in padded]
        return Content("\n").join([*lines, Content("")])

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Redraw the row that the cursor left or reached."""
        event.stop()
        self._draw_again()

    def on_key(self, event: events.Key) -> None:
        """Type into the filter."""
        if event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            line = self.screen.query_one(SessionFilter)
            line.focus()
            line.cursor_position = len(line.value)
            line.insert_text_at_cursor(event.character)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open a conversation."""
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Chosen(event.option.id))
