"""What the client looks like in every state, as pictures that were looked at before they were kept.

`pytest tests/tui/test_snapshots.py --snapshot-update` makes them anew. Everything that moves stands
still: the clock, the cursor, the delay of the connection, and the time until the next attempt.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import servers
from escapes import HOSTILE
from scripted import SESSION, ScriptedServer
from terminal import Terminal
from textual.pilot import Pilot

from genpy_server.client import SessionClient
from genpy_server.core.models import Session
from genpy_server.errors import Unauthorized
from genpy_server.link import Backoff, Link
from genpy_server.wire import ErrorFrame, Notice, ToolFinished, ToolStarted
from genpy_tui.app import GenPyApp
from genpy_tui.screens import telling

SMALL, MIDDLE, LARGE = (80, 24), (120, 34), (200, 50)
REPLY = """\
A **generator** is a function that *yields* values one at a time, so that nothing is computed before
it is needed. See the [tutorial](https://docs.python.org/3/tutorial/classes.html#generators).

```python
def countdown(n: int):
    \"\"\"Count down to one.\"\"\"
    while n > 0:
        yield n
        n -= 1
```

| call | gives | memory |
|---|:-:|--:|
| `list(countdown(3))` | 3, 2, 1 | 3 items |
| `next(countdown(3))` | 3 | 1 item |

1. It keeps its place between two values.
2. It ends by returning.
   - `for` notices that by itself.

> Generators are lazy.
"""
WORLD = """\
日本語の文章は空白なしで続くので、どこでも折り返せる必要があります。それでも表の幅は正しく揃います。

| 言語 | emoji | عربي |
|---|---|---|
| 中文字符 | 🎉👍🏽 | مرحبا بالعالم |
|한국어 | 👨‍👩‍👧 | שלום עולם |

Zürich, naïve, Ελληνικά, кириллица, e\u0301\u0301 and ﬁnally.
"""
SESSIONS = [
    (SESSION, "Generators in Python", "active", None, None),
    ("22222222-2222-4222-8222-222222222222", "Docker build cache", "completed", 4, "Layers."),
    (
        "33333333-3333-4333-8333-333333333333",
        "A trip to Rome in spring",
        "completed",
        5,
        "A week in Rome was planned, with the Forum first.",
    ),
]


def a_session(identity: str, title: str, status: str, rating: Any, summary: Any) -> dict[str, Any]:
    """A session as the server lists it."""
    at = "2026-01-02T10:00:00+00:00"
    return {
        "id": identity,
        "user_id": "local",
        "title": title,
        "status": status,
        "started_at": at,
        "updated_at": at,
        "last_message_id": 2,
        "message_count": 4,
        "rating": rating,
        "summary": summary,
    }


async def nothing(tui: Terminal, server: ScriptedServer) -> None:
    """Only wait until it is ready."""
    await tui.says("ready")


def conversation(server: ScriptedServer, text: str = REPLY, *, tools: bool = True) -> None:
    """One turn, with a tool."""
    server.title = "Generators in Python"
    server.start(server.message("How do generators work?"), intent="tutorial")
    if tools:
        server.emit(ToolStarted(0, "run-1", "a", "search_chat_history", {"query": "generator"}))
        result = "\n".join(f"- **{n}** times on Monday" for n in range(3))
        server.emit(ToolFinished(0, "run-1", "a", ok=True, ms=12.0, result=result))
    server.stream(text)
    usage = {"prompt_tokens": 812, "completion_tokens": 194}
    server.finish(message_id=2, usage=usage, quota={"remaining_tokens": 5821})


@dataclass(frozen=True)
class Case:
    """One picture."""

    name: str
    size: tuple[int, int] = SMALL
    theme: str = "genpy-dark"
    prepare: Callable[[ScriptedServer], None] = lambda _: None
    play: Callable[[Terminal, ScriptedServer], Awaitable[None]] = nothing


async def expanded(tui: Terminal, server: ScriptedServer) -> None:
    """Tools are expanded."""
    await tui.says("ready")
    await tui.press("alt+up", "x")
    await tui.shows('"query": "generator"')


def running_tools(server: ScriptedServer) -> None:
    """One tool failed, one runs."""
    server.start(server.message("How many messages are there?"))
    server.emit(ToolStarted(0, "run-1", "a", "get_session_stats", {"days": 7}))
    failed = "The database did not answer in time."
    server.emit(ToolFinished(0, "run-1", "a", ok=False, ms=5000.0, error=failed))
    server.emit(ToolStarted(0, "run-1", "b", "get_all_sessions"))


async def asking(tui: Terminal, server: ScriptedServer) -> None:
    """The failed tool is expanded."""
    await tui.says("asking")
    await tui.press("alt+up", "x")
    await tui.shows("did not answer in time")


def edited(server: ScriptedServer) -> None:
    """A turn that was edited away, and the one in its place."""
    first = server.message("How do generators wrok in Pyhton?")
    server.reply(REPLY)
    server.message("How do generators work in Python?", meta={"replaces": first})
    server.start(2, "run-2", "tutorial")
    server.stream("A **generator** is a function that *yields* values one at a time.", "run-2")
    server.finish("run-2")


def replying(text: str) -> Callable[[ScriptedServer], None]:
    """A reply in mid-stream."""

    def prepare(server: ScriptedServer) -> None:
        server.start(server.message("Go on"), intent="code_assistant")
        server.stream(text)

    return prepare


def until(state: str) -> Callable[[Terminal, ScriptedServer], Awaitable[None]]:
    """Wait until the status line says it."""

    async def play(tui: Terminal, server: ScriptedServer) -> None:
        await tui.says(state)
        await tui.until(lambda: not tui.chat.view.pending)

    return play


FENCE = "```python\n" + "\n".join(f"value_{n} = compute({n})  # step {n}" for n in range(150))
LIST = "\n".join(f"{n + 1}. item number {n + 1} with **some** words" for n in range(150))
TABLE = "| n | value |\n|--:|---|\n" + "\n".join(f"| {n} | value {n} |" for n in range(150))


def ended(status: str, error: str = "") -> Callable[[ScriptedServer], None]:
    """A reply that did not end well."""

    def prepare(server: ScriptedServer) -> None:
        server.start(server.message("Go on"))
        server.stream("Here is the beginning of")
        if error:
            server.emit(ErrorFrame("llm_cut_off", error, run="run-1"))
        server.finish(status=status)

    return prepare


async def away(tui: Terminal, server: ScriptedServer) -> None:
    """The connection is lost in mid-reply, and something was typed meanwhile."""
    await tui.says("replying")
    server.refusing = True
    await server.cut()
    await tui.says("reconnecting")
    await tui.type("And what about decorators?")
    await tui.shows("waiting to be sent")


async def offline(tui: Terminal, server: ScriptedServer) -> None:
    """Nobody has answered for a while."""
    await away(tui, server)
    tui.chat._connection(Link("reconnecting", 7, 20.0))
    await tui.says("offline")


async def limited(tui: Terminal, server: ScriptedServer) -> None:
    """The model asks to wait."""
    await tui.says("thinking")
    server.emit(Notice(0, "llm_rate_limited", "Groq asks to wait; it goes on by itself.", 24.0))
    await tui.says("rate limited")
    await tui.shows("Groq asks to wait")


async def stopping(tui: Terminal, server: ScriptedServer) -> None:
    """Esc was pressed."""
    await tui.says("replying")
    await tui.press("escape")
    await tui.says("stopping")


async def replayed(tui: Terminal, server: ScriptedServer) -> None:
    """The connection is back, and what was missed still comes."""
    await tui.says("replying")
    tui.chat.replay_until = server.log[-1].seq + 14
    tui.chat.facts()
    await tui.says("replaying")


async def unsaved(tui: Terminal, server: ScriptedServer) -> None:
    """The server could not answer the last message again."""
    await tui.says("ready")
    error = "The database did not answer in time. Nothing is lost; try again in a moment."
    server.tell(ErrorFrame("store_timeout", error, retryable=True, re="retry"))
    await tui.says("server error")
    await tui.shows("Nothing is lost")


async def unknown(tui: Terminal, server: ScriptedServer) -> None:
    """A frame of another version came."""
    await tui.says("ready")
    server.tell(ErrorFrame("bad_frame", "Unknown frame."))
    await tui.shows("newer than this client")


async def refused(tui: Terminal, server: ScriptedServer) -> None:
    """The server wants a token."""
    await tui.says("ready")
    error = Unauthorized("This server asks for a token. Set GENPY_TOKEN to yours.")
    tui.chat._connection(Link("refused", error=error))
    await tui.says("refused")
    await tui.shows("GENPY_TOKEN")


async def scrolled(tui: Terminal, server: ScriptedServer) -> None:
    """Reading above while more arrives below."""
    await tui.says("replying")
    await tui.until(lambda: not tui.chat.view.pending and tui.chat.view.max_scroll_y > 0)
    await tui.press("pageup")
    server.stream("\n\nMore arrives\n\nbelow.")
    await tui.shows("new lines")


async def resumed(tui: Terminal, server: ScriptedServer) -> None:
    """An earlier conversation with its summary."""
    await tui.shows("┃ Earlier")


async def searching(tui: Terminal, server: ScriptedServer) -> None:
    """Hits of a search."""
    await tui.says("ready")
    await tui.press("f3", *"rome")
    await tui.shows("2 hits")


async def summary(tui: Terminal, server: ScriptedServer) -> None:
    """The summary page."""
    await tui.says("ready")
    await tui.press("f4")
    await tui.shows("Sentiment")


async def elsewhere(tui: Terminal, server: ScriptedServer) -> None:
    """A reply is written in another conversation of the list."""
    await tui.says("ready")
    await tui.shows("▶ Docker build cache")


async def offered(tui: Terminal, server: ScriptedServer) -> None:
    """A conversation that was ended was left."""
    await tui.says("ready")
    tui.chat.offer.session = msgspec.convert(a_session(*SESSIONS[2]), Session)
    await tui.shows("[1] [2] [3] [4] [5]")


def opened(command: str, shows: str) -> Callable[[Terminal, ScriptedServer], Awaitable[None]]:
    """What a slash command opens."""

    async def play(tui: Terminal, server: ScriptedServer) -> None:
        await tui.says("ready")
        if command.startswith("/"):
            await tui.type(command)
        else:
            await tui.press(command)
        await tui.shows(shows)

    return play


def newer(server: ScriptedServer) -> None:
    """A server that says what this client does not know."""
    server.start(server.message("Hi"))
    server.stream("Hello")
    server.finish()


CASES = (
    Case("empty"),
    Case("empty-light", MIDDLE, "genpy-light"),
    Case("conversation", MIDDLE, prepare=conversation),
    Case("conversation-light", MIDDLE, "genpy-light", prepare=conversation),
    Case("conversation-16", MIDDLE, "ansi-dark", prepare=conversation),
    Case("conversation-large", LARGE, prepare=conversation),
    Case("conversation-small", prepare=conversation),
    Case("tools-expanded", MIDDLE, prepare=conversation, play=expanded),
    Case("tools-failed", prepare=running_tools, play=asking),
    Case("thinking", prepare=replying(""), play=until("thinking")),
    Case("fence-streaming", prepare=replying(FENCE), play=until("replying")),
    Case("list-streaming", prepare=replying(LIST), play=until("replying")),
    Case("table-streaming", prepare=replying(TABLE), play=until("replying")),
    Case("stopping", prepare=replying("One, two, three"), play=stopping),
    Case("stopped", prepare=ended("stopped")),
    Case(
        "failed",
        prepare=ended("error", "The model's answer was cut off."),
        play=until("server error"),
    ),
    Case("reconnecting", prepare=replying("Half of a"), play=away),
    Case("offline-light", SMALL, "genpy-light", prepare=replying("Half of a"), play=offline),
    Case("replaying", prepare=replying("Half of a"), play=replayed),
    Case("server-error", prepare=conversation, play=unsaved),
    Case("rate-limited", prepare=replying(""), play=limited),
    Case("refused", play=refused),
    Case("scrolled-up", prepare=replying("Paragraph.\n\n" * 40), play=scrolled),
    Case("resumed", LARGE, prepare=conversation, play=resumed),
    Case("search", MIDDLE, prepare=conversation, play=searching),
    Case("summary", MIDDLE, prepare=conversation, play=summary),
    Case("rating", prepare=conversation, play=opened("/rate", "How was this conversation?")),
    Case("rating-offer", prepare=conversation, play=offered),
    Case("rating-offer-light", MIDDLE, "genpy-light", prepare=conversation, play=offered),
    Case("delete", prepare=conversation, play=opened("/delete", "cannot be undone")),
    Case("replying-elsewhere", MIDDLE, prepare=conversation, play=elsewhere),
    Case("editing", prepare=conversation, play=opened("/edit", "esc cancels")),
    Case("edited", prepare=edited),
    Case("edited-light", MIDDLE, "genpy-light", prepare=edited),
    Case("help", MIDDLE, play=opened("f1", "Keys and commands")),
    Case("palette", MIDDLE, play=opened("ctrl+p", "Begin a new conversation")),
    Case("world", MIDDLE, prepare=lambda s: conversation(s, WORLD, tools=False)),
    Case("hostile", MIDDLE, prepare=lambda s: conversation(s, "\n\n".join(HOSTILE[:8]))),
    Case("newer-server", prepare=newer, play=unknown),
)


class Staged(GenPyApp):
    """The application with a scripted server in its own loop."""

    def __init__(self, case: Case, folder: Path) -> None:
        super().__init__(settings=servers.configure(folder / "genpy.db"), server="")
        self.case = case
        self.scripted = ScriptedServer()
        self.scripted.status = "completed" if case.name == "resumed" else "active"
        listed = [a_session(*session) for session in SESSIONS] if case.prepare else []
        if case.name == "replying-elsewhere":
            listed[1]["running"] = True
        rome = {
            "message": {
                "id": 2,
                "session_id": SESSIONS[2][0],
                "role": "assistant",
                "text": "The Forum is best in the morning; Rome wakes late in spring.",
                "at": "2026-01-02T10:00:00+00:00",
            },
            "session_title": "A trip to Rome in spring",
            "score": 2.0,
        }
        metrics = {
            "messages": 4,
            "user_messages": 2,
            "assistant_messages": 2,
            "user_words": 9,
            "assistant_words": 120,
            "duration_seconds": 184.0,
            "tools": {"search_chat_history": 1},
            "intents": {"tutorial": 2},
        }
        told = a_session(SESSION, "Generators in Python", "completed", 4, "How generators work.")
        told |= {
            "topics": ["Python", "generators"],
            "sentiment": "positive",
            "outcomes": ["The person knows when a generator ends."],
            "metrics": metrics,
        }
        asked = rome | {
            "message": rome["message"] | {"role": "user", "text": "What is Rome like in spring?"}
        }
        self.scripted.api = {
            "/api/sessions": {"sessions": listed},
            "/api/search": {"hits": [rome, asked]},
        }
        if case.name in {"resumed", "summary"}:
            self.scripted.api[f"/api/session/{SESSION}"] = told
        case.prepare(self.scripted)

    async def _connect(self) -> None:
        context = self.scripted.running()
        running = await context.__aenter__()
        self.context = context
        self.server = running.url
        await super()._connect()

    async def on_unmount(self) -> None:
        """Stop the server."""
        self.chat.release()
        await self.context.__aexit__(None, None, None)


def half_a_minute(backoff: Backoff, at_least: float = 0.0) -> float:
    """The wait before the next attempt, without chance."""
    backoff.failures += 1
    return 30.0


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves."""
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    monkeypatch.setattr(telling, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(SessionClient, "latency_ms", 3.0)
    monkeypatch.setattr(Backoff, "next", half_a_minute)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_looks_as_it_did(case: Case, tmp_path: Path, snap_compare: Any) -> None:
    """The screen is the picture that was looked at."""
    app = Staged(case, tmp_path)
    app.animation_level = "none"
    app.theme = case.theme

    async def play(pilot: Pilot[int]) -> None:
        tui = Terminal(app, pilot)
        app.chat.prompt.cursor_blink = False
        await tui.shows("f1 Help")
        await case.play(tui, app.scripted)
        await tui.until(lambda: not app.chat.view.pending)
        anchor = app.chat.view.reading_place()
        assert tui.transcript  # every line is made, so that the scroll bar tells no guess
        app.chat.view.place(anchor)
        before = ""
        while before != (before := app.export_screenshot()):
            await pilot.pause()

    assert snap_compare(app, terminal_size=case.size, run_before=play)
