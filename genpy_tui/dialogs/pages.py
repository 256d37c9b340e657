"""What is read over the conversation: help, its summary, its memory, and what will be sent of it."""

from collections.abc import Awaitable, Callable
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets.option_list import Option

from genpy_server.core.display import stars
from genpy_server.core.metrics import statistics
from genpy_server.core.models import MemoryNote, RequestContext, Session, SessionMemory
from genpy_tui.commands import COMMANDS, Keys
from genpy_tui.dialogs.base import Dialog
from genpy_tui.text import plain
from genpy_tui.widgets.choices import Choices

if TYPE_CHECKING:
    from genpy_server.client.http_records import RemoteRecords

SCROLLS = "↑↓ scroll   esc close"


class Page(Dialog[None]):
    """A dialog that q closes too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "Close")]


# Help, on F1

TYPING = (
    ("enter", "Send the message."),
    ("ctrl+j", "New line; also shift+enter, alt+enter, or a \\ at the end of the line."),
    ("up, down", "Earlier messages, from the first or last line."),
    ("/", "Commands: up and down choose, tab completes, enter runs."),
    ("ctrl+p", "Palette: every command by name."),
    ("drag", "Select; ctrl+c copies it. Shift+drag selects with the terminal itself."),
)
KEY, SLASH = 13, 16
"""Columns for the key and the slash command."""
UNDER = 4
"""Indent of a description below its key."""
NARROW = 56
"""Columns from which the description is beside the key."""


class HelpScreen(Page):
    """Every key and command, on one page."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "leave", id="help")]

    def __init__(self, keys: Keys) -> None:
        body = VerticalScroll(HelpText(keys))
        super().__init__("Keys and commands", body, hint=SCROLLS, size="wide tall")


class HelpText(Widget):
    """The keys and commands of the one table; the height is known before it is first drawn."""

    DEFAULT_CSS = "HelpText { height: auto; }"

    def __init__(self, keys: Keys) -> None:
        super().__init__(id="page")
        self._keys = keys

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """The number of lines at a width."""
        return len(self._text(width).split("\n"))

    def render(self) -> Content:
        """The page at the current width."""
        return self._text(self.size.width)

    def _text(self, width: int) -> Content:
        keys, width = self._keys, max(20, width)
        to, back = keys.way("cursor_previous"), keys.way("stop")
        parts = [
            _head(width, "While typing"),
            *(_row(width, key, "", text) for key, text in TYPING),
        ]
        for where, head in (
            ("everywhere", "Everywhere"),
            ("transcript", f"On a message ({to} moves the cursor there, {back} returns)"),
        ):
            parts += [Content(""), _head(width, head)]
            for one in COMMANDS:
                if one.where == where:
                    slash = f"/{one.slash} {one.argument}".strip() if one.slash else ""
                    parts.append(_row(width, keys.key(one.name), slash, one.help))
        return Content("\n").join(parts)


def _head(width: int, text: str) -> Content:
    return Content.styled("\n".join(wrap(text, width)), "bold $primary")


def _row(width: int, key: str, slash: str, text: str) -> Content:
    """A command; a description that is too long for its line is wrapped below its beginning."""
    indent = KEY + SLASH
    if width < NARROW:
        first, more = "", wrap(text, width - UNDER)
        indent, key = UNDER, f"  {key}  " if key else "  "
    else:
        first, *more = wrap(text, width - indent)
        key, slash = f"  {key}".ljust(KEY), slash.ljust(SLASH)
    below = "".join(f"\n{'':{indent}}{line}" for line in more)
    return Content.assemble((key, "bold"), (slash, "$accent"), first, below)


# The summary, on F4

FACES = {"positive": "☺ positive", "neutral": "○ neutral", "negative": "☹ negative"}


class SummaryScreen(Page):
    """The summary of a conversation, its metrics and its rating; 1 to 5 rate, r writes it again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f4", "leave", id="summary"),
        Binding("r", "regenerate", "Again"),
        *(Binding(str(n), f"rate({n})", f"Rate {n}", show=False) for n in range(1, 6)),
    ]

    def __init__(self, records: "RemoteRecords", ref: str) -> None:
        body = VerticalScroll(Static(id="about"), Grid(id="facts"))
        hint = "1–5 rate   r summarise again   esc close"
        super().__init__("Summary", body, hint=hint, size="wide")
        self._records = records
        self._ref = ref

    def on_mount(self) -> None:
        """Read the stored summary."""
        self._do(partial(self._records.session, self._ref), "Reading…")

    def action_regenerate(self) -> None:
        """Write the summary again."""
        self._do(partial(self._records.regenerate, self._ref), "Writing the summary…")

    def action_rate(self, rating: int) -> None:
        """Rate the conversation."""
        self._do(partial(self._records.rate, self._ref, rating), "Rating…")

    def _do(self, work: Callable[[], Awaitable[Session]], meanwhile: str) -> None:
        self.show_question(f"Summary   {meanwhile}")
        self.load(work, self._show)

    def _show(self, session: Session) -> None:
        self.show_question(session.title)
        about = plain(
            session.summary or session.note or "", "" if session.summary else "$genpy-text-warning"
        )
        if session.status == "active" and not (session.summary or session.note):
            about = plain("This conversation has not ended. r ends it and writes its summary.")
        self.query_one("#about", Static).update(about)
        table = self.query_one("#facts", Grid)
        table.query("*").remove()
        for name, value in facts(session):
            table.mount(Static(plain(name, "$genpy-muted")), Static(plain(value)))


def facts(session: Session) -> list[tuple[str, str]]:
    """Topics, sentiment, outcomes, rating and metrics of a session: their names and values."""
    rated = f"{stars(session.rating)} {session.rating} of 5" if session.rating else "not rated yet"
    found = [
        ("Topics", " · ".join(session.topics)),
        ("Sentiment", FACES[session.sentiment] if session.sentiment else ""),
        ("Outcomes", "\n".join(f"• {outcome}" for outcome in session.outcomes)),
        ("Rating", rated),
    ]
    metrics = [] if session.metrics is None else statistics(session.metrics, None)
    return [row for row in (*found, *metrics) if row[1]]


# The notes of the memory

NO_NOTES = "No notes. They are made when a conversation outgrows what is sent to the model."


class MemoryScreen(Page):
    """The notes of a conversation; f forgets the marked one, o switches the memory off or on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,delete", "forget", "Forget"),
        Binding("o", "switch", "Off or on"),
    ]

    def __init__(self, records: "RemoteRecords", ref: str) -> None:
        hint = "↑↓ mark   f forget   o off or on   esc close"
        self._none = Static("", classes="detail")
        super().__init__("Memory   Reading…", self._none, Choices(), hint=hint, size="wide")
        self._records = records
        self._ref = ref
        self._on: bool | None = None

    def on_mount(self) -> None:
        """Read the notes."""
        self.load(partial(self._records.memory, self._ref), self._show)

    def action_forget(self) -> None:
        """Forget the marked note."""
        marked = self.query_one(Choices).highlighted_option
        if marked is not None and marked.id is not None:
            change = partial(self._records.change_memory, self._ref, forget=int(marked.id))
            self.load(change, self._show)

    def action_switch(self) -> None:
        """Switch the memory off, or on again."""
        if self._on is not None:
            change = partial(self._records.change_memory, self._ref, on=not self._on)
            self.load(change, self._show)

    def _show(self, memory: SessionMemory) -> None:
        self._on = memory.on
        self.show_question(f"Memory   {'on' if memory.on else 'off'}")
        self._none.display = not memory.notes
        self._none.update(plain(NO_NOTES))
        choices = self.query_one(Choices)
        marked = choices.highlighted or 0
        choices.set_options(Option(_note(note), id=str(note.number)) for note in memory.notes)
        choices.highlighted = marked


def _note(note: MemoryNote) -> Content:
    """A note, and below it the beginning of its message."""
    if note.message_id is None:
        return plain(note.text)
    quote = f": {note.said}" if note.said else ""
    source = Content.styled("\n  from message ", "$genpy-muted")
    return plain(note.text) + source + plain(f"{note.message_id}{quote}")


# The context, on F9

BAR = 24
"""Cells of the bar of a whole budget."""


class ContextScreen(Page):
    """What will be sent to the model with the text in the prompt: tokens by part, and all messages."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f9", "leave", id="context")]

    def __init__(self, records: "RemoteRecords", session: str, text: str) -> None:
        self._about = Static(plain("Reading…"), classes="reading")
        body = VerticalScroll(self._about)
        super().__init__("What will be sent", body, hint=SCROLLS, size="wide tall")
        self._request = partial(records.context, session, text)

    def on_mount(self) -> None:
        """Ask the server."""
        self.load(self._request, self._show)

    def _show(self, context: RequestContext) -> None:
        whole = f"{context.total:,} of {context.budget:,} tokens"
        if context.window is not None:
            whole += f"; the model takes {context.window:,}"
        parts = [plain(whole), Content("")]
        for name, tokens in context.tokens.items():
            bar = "█" * round(BAR * tokens / max(context.budget, 1)) or ("▏" if tokens else "")
            count = f"{tokens:>9,}  "
            parts.append(
                Content.assemble((f"{name:<15}", "$genpy-muted"), plain(count), (bar, "$primary"))
            )
        if context.recalled:
            parts.append(plain(f"Earlier messages among it: {context.recalled}", "$genpy-muted"))
        for message in context.messages:
            parts += [Content(""), Content.styled(message.role, "bold"), plain(message.content)]
        self._about.update(Content("\n").join(parts))
