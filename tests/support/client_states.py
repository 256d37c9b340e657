"""Every state of the terminal client, and how it comes about."""

from collections.abc import Awaitable, Callable

import msgspec
from support.hostile_text import HOSTILE
from support.scripted_server import SESSION, ScriptedServer
from support.staged_client import SESSIONS, Case, a_session
from support.terminal import Terminal

from genpy_server.client.reconnect import Link
from genpy_server.core.models import MessageMeta, Session, Usage
from genpy_server.errors import Unauthorized
from genpy_server.wire import (
    ApprovalRequested,
    ErrorFrame,
    Notice,
    Reasoning,
    ToolFinished,
    ToolStarted,
)
from genpy_tui.dialogs.leave import LeaveScreen
from genpy_tui.dialogs.questions import Item, Pick
from genpy_tui.dialogs.setup import FirstChoice
from genpy_tui.widgets.transcript import TranscriptView

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
FENCE = "```python\n" + "\n".join(f"value_{n} = compute({n})  # step {n}" for n in range(150))
LIST = "\n".join(f"{n + 1}. item number {n + 1} with **some** words" for n in range(150))
TABLE = "| n | value |\n|--:|---|\n" + "\n".join(f"| {n} | value {n} |" for n in range(150))


def conversation(server: ScriptedServer, text: str = REPLY, *, tools: bool = True) -> None:
    """One turn, with a tool."""
    server.title = "Generators in Python"
    server.start(server.message("How do generators work?"), intent="tutorial")
    if tools:
        server.emit(ToolStarted(0, "run-1", "a", "search_chat_history", {"query": "generator"}))
        result = "\n".join(f"- **{n}** times on Monday" for n in range(3))
        server.emit(ToolFinished(0, "run-1", "a", ok=True, ms=12.0, result=result))
    server.stream(text)
    usage = Usage(812, 194)
    server.finish(message_id=2, usage=usage, quota={"tokens_left": 5821})


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
    server.message("How do generators work in Python?", meta=MessageMeta(replaces=first))
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


def reasoning(server: ScriptedServer) -> None:
    """The model thought before it answered."""
    server.start(server.message("Why is the sky blue?"), intent="tutorial")
    thought = "The person asks about Rayleigh scattering.\nShort waves scatter more than long ones."
    server.emit(Reasoning(0, "run-1", 0, thought))
    server.stream("Air scatters **short** waves of light more than long ones.")
    server.finish(message_id=2, first_token_ms=12_300.0)


async def thought(tui: Terminal, server: ScriptedServer) -> None:
    """What it thought is opened."""
    await tui.shows("▸ thought 12 s")
    await tui.press("ctrl+t")
    await tui.shows("│ Short waves")


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
    await server.vanish()
    await tui.says("reconnecting")
    await tui.type("And what about decorators?")
    await tui.shows("waiting to be sent")


async def offline(tui: Terminal, server: ScriptedServer) -> None:
    """Nobody has answered for a while."""
    await away(tui, server)
    tui.chat.conversation.address = "genpy.example:8765"
    tui.chat.receiver.link_changed(Link("reconnecting", 7, 20.0))
    await tui.says("no connection")


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
    tui.chat.status.update(replay_until=server.log[-1].seq + 14)
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
    tui.chat.receiver.link_changed(Link("refused", error=error))
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
    await tui.until(lambda: "┃ Earlier" in tui.transcript)
    await tui.press("ctrl+home")
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
    if not tui.chat.list.panel.display:
        await tui.press("ctrl+b")
    await tui.shows("▶ Docker build cache")


async def offered(tui: Terminal, server: ScriptedServer) -> None:
    """A conversation that was ended was left."""
    await tui.says("ready")
    tui.chat.rating.offer.session = msgspec.convert(a_session(*SESSIONS[2]), Session)
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


async def no_model(tui: Terminal, server: ScriptedServer) -> None:
    """The way to a model, on a machine with one model server."""
    await tui.says("ready")
    server.api["/api/setup"] = {
        "has_model": False,
        "allowed": True,
        "servers": [{"name": "ollama", "url": "http://127.0.0.1:11434/v1", "models": 1}],
    }
    records = tui.chat.conversation.records
    assert records is not None
    tui.app.push_screen(FirstChoice(tui.chat.prompt, records))
    await tui.shows("ollama on this machine")


async def picking(tui: Terminal, server: ScriptedServer) -> None:
    """A list with a filter."""
    await tui.says("ready")
    items = [
        Item("a", "groq/openai/gpt-oss-120b", "131,072 · tools, reasoning"),
        Item("b", "groq/openai/gpt-oss-20b", "131,072 · tools, reasoning"),
        Item("c", "ollama/llama3.2", "8,192"),
    ]
    tui.app.push_screen(Pick("Which model?", items, chosen="b"))
    await tui.shows("ollama/llama3.2")
    await tui.press(*"gpt")
    await tui.until(lambda: "llama3.2" not in tui.screen)


def sized(server: ScriptedServer) -> None:
    """What would be sent is known."""
    conversation(server)
    server.api[f"/api/session/{SESSION}/context"] = {
        "context": {
            "budget": 8_000,
            "window": 131_072,
            "total": 4_120,
            "tokens": {"system": 320, "memory": 600, "turns": 3_000, "question": 200},
            "recalled": 2,
            "messages": [{"role": "system", "content": "You are GenPy."}],
        }
    }


def remembered(server: ScriptedServer) -> None:
    """The conversation has notes."""
    conversation(server)
    notes = [
        {"number": 1, "text": "Learns Python", "message_id": 1, "said": "How do generators work?"},
        {"number": 2, "text": "Wants examples that can be run, and no lectures on style"},
    ]
    memory = {"session_id": SESSION, "on": True, "notes": notes}
    server.api[f"/api/session/{SESSION}/memory"] = memory


def permission(server: ScriptedServer) -> None:
    """A tool that acts wants to run."""
    server.start(server.message("Deploy the site"))
    args = {"to": "production", "files": ["index.html", "a.css"], "note": "From\nhere"}
    server.emit(ToolStarted(0, "run-1", "a", "deploy", args))
    server.emit(ApprovalRequested(0, "run-1", "a", "deploy", args))


def newer(server: ScriptedServer) -> None:
    """A server that says what this client does not know."""
    server.start(server.message("Hi"))
    server.stream("Hello")
    server.finish()


async def sending(tui: Terminal, server: ScriptedServer) -> None:
    """A message is on its way."""
    await tui.says("ready")
    server.acknowledges = False
    await tui.type("And what about decorators?")
    await tui.says("sending")


async def closed(tui: Terminal, server: ScriptedServer) -> None:
    """The conversation was deleted elsewhere."""
    await tui.says("ready")
    await server.cut(1000)
    await tui.says("closed")


async def leaving(tui: Terminal, server: ScriptedServer) -> None:
    """Quitting while something waits to be sent."""
    await away(tui, server)
    await tui.press("ctrl+q")
    await tui.shows("Leave anyway?")


async def farewell(tui: Terminal, server: ScriptedServer) -> None:
    """The conversation is ended on the way out."""
    await tui.says("ready")
    tui.app.push_screen(LeaveScreen(tui.chat))
    await tui.shows("any key leaves")


async def link(tui: Terminal, server: ScriptedServer) -> None:
    """A link was clicked."""
    await tui.says("ready")
    tui.chat.view.post_message(TranscriptView.LinkClicked("https://docs.python.org/3/tutorial/"))
    await tui.shows("Open this link?")


def written(text: str, shows: str) -> Callable[[Terminal, ScriptedServer], Awaitable[None]]:
    """Something stands in the prompt and is not sent."""

    async def play(tui: Terminal, server: ScriptedServer) -> None:
        await tui.says("ready")
        tui.chat.prompt.insert(text)
        await tui.shows(shows)

    return play


def silent(server: ScriptedServer) -> None:
    """Somebody listens there and says nothing."""
    server.silent = True


def final(text: str) -> Callable[[ScriptedServer], None]:
    """A long reply that is over."""
    return lambda server: conversation(server, text, tools=False)


CASES = (
    Case("empty"),
    Case("starting", play=until("starting")),
    Case("connecting", silent, until("connecting")),
    Case("conversation", conversation),
    Case("tools-expanded", conversation, expanded),
    Case("tool-running", running_tools, until("asking")),
    Case("tools-failed", running_tools, asking),
    Case("sending", conversation, sending),
    Case("thinking", replying(""), until("thinking")),
    Case("reasoning", reasoning),
    Case("reasoning-opened", reasoning, thought),
    Case("streaming", replying(REPLY[:300]), until("replying")),
    Case("fence-streaming", replying(FENCE), until("replying")),
    Case("list-streaming", replying(LIST), until("replying")),
    Case("table-streaming", replying(TABLE), until("replying")),
    Case("fence-final", final(FENCE + "\n```")),
    Case("list-final", final(LIST)),
    Case("table-final", final(TABLE)),
    Case("stopping", replying("One, two, three"), stopping),
    Case("stopped", ended("stopped")),
    Case("failed", ended("error", "The model's answer was cut off."), until("server error")),
    Case("server-error", conversation, unsaved),
    Case("reconnecting", replying("Half of a"), away),
    Case("offline", replying("Half of a"), offline),
    Case("replaying", replying("Half of a"), replayed),
    Case("rate-limited", replying(""), limited),
    Case("refused", play=refused),
    Case("closed", conversation, closed),
    Case("newer-server", newer, unknown),
    Case("scrolled-up", replying("Paragraph.\n\n" * 80), scrolled),
    Case("resumed", conversation, resumed),
    Case("search", conversation, searching),
    Case("summary", conversation, summary),
    Case("rating", conversation, opened("/rate", "How was this conversation?")),
    Case("rating-offer", conversation, offered),
    Case("delete", conversation, opened("/delete", "cannot be undone")),
    Case("approval", permission, until("waits for you")),
    Case("memory", remembered, opened("/memory", "Wants examples")),
    Case("leaving", replying("Half of a"), leaving),
    Case("farewell", conversation, farewell),
    Case("link", conversation, link),
    Case("mode", conversation, opened("f5", "Which mode?")),
    Case("rename", conversation, opened("f2", "Title of this conversation")),
    Case("replying-elsewhere", conversation, elsewhere),
    Case("editing", conversation, opened("/edit", "esc cancels")),
    Case("edited", edited),
    Case("long-prompt", conversation, written("\n".join(map(str, range(14))), "13")),
    Case("commands", conversation, written("/s", "› /sessions")),
    Case("no-model", play=no_model),
    Case("pick", conversation, picking),
    Case("context", sized, opened("f9", "What will be sent")),
    Case("help", play=opened("f1", "Keys and commands")),
    Case("palette", play=opened("ctrl+p", "Search for commands")),
    Case("world", final(WORLD)),
    Case("hostile", final("\n\n".join(HOSTILE[:8]))),
)
