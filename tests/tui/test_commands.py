"""Every key and every slash command of the one table does what its help says."""

import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from support import running_server
from support.scripted_server import AT, SESSION, ScriptedServer
from support.terminal import Terminal, terminal
from textual.widgets._footer import FooterKey

from genpy_server.core.models import Session
from genpy_server.wire import (
    ApprovalRequested,
    Cancel,
    End,
    Reasoning,
    Retry,
    Send,
    ToolFinished,
    ToolStarted,
)
from genpy_tui.commands import COMMANDS, Command
from genpy_tui.widgets.keys import KeysLine

README = (Path(running_server.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CODE = "print('teapot')"
LONG = "\n\n".join(f"Paragraph {number}" for number in range(40))
REPLY = f"{LONG}\n\n```python\n{CODE}\n```\n\nThe end."
RECORD = {
    "session_id": SESSION,
    "user_id": "local",
    "title": "Teapots",
    "status": "active",
    "start_time": AT,
    "updated_at": AT,
    "last_message_id": 2,
}

CONTEXT = {"budget": 5_000, "total": 120, "tokens": {}, "recalled": 0, "messages": []}
MODELS = {
    "default": "groq/a",
    "models": [
        {"name": name, "provider": "p", "context_tokens": None, "abilities": []}
        for name in ("groq/a", "ollama/b")
    ],
    "providers": [],
}

Step = Callable[[Terminal, ScriptedServer], Awaitable[None]]


class Effect(NamedTuple):
    """What proves that a command was carried out, and what must be so before."""

    seen: Step
    before: Step | None = None


def shows(*texts: str) -> Step:
    """The screen shows these."""

    async def step(tui: Terminal, _: ScriptedServer) -> None:
        await tui.shows(*texts)

    return step


def holds(condition: Callable[[Terminal], object]) -> Step:
    """Something holds of the terminal."""

    async def step(tui: Terminal, _: ScriptedServer) -> None:
        await tui.until(lambda: condition(tui))

    return step


def asks(kind: type) -> Step:
    """The server is asked for it."""

    async def step(_: Terminal, server: ScriptedServer) -> None:
        await server.until(kind)

    return step


def pressed(*keys: str) -> Step:
    """Keys are pressed first."""

    async def step(tui: Terminal, _: ScriptedServer) -> None:
        await tui.press(*keys)

    return step


async def answered_twice(tui: Terminal, server: ScriptedServer) -> None:
    """The last message was answered again, and the cursor is on the answer."""
    server.reply("Another answer.", run="run-2")
    await tui.shows("answer 2 of 2", "Another answer.")
    await tui.press("alt+up")


async def replying(tui: Terminal, server: ScriptedServer) -> None:
    """A reply is being written."""
    server.start(server.message("Go on"), "run-2")
    server.stream("Half", "run-2")
    await tui.says("replying")


async def waiting(tui: Terminal, server: ScriptedServer) -> None:
    """A tool waits for permission while something stands in the prompt."""
    tui.chat.prompt.insert("typed")
    server.start(server.message("Do it"), "run-2")
    server.emit(ToolStarted(0, "run-2", "call-2", "open_ticket"))
    server.emit(ApprovalRequested(0, "run-2", "call-2", "open_ticket"))
    await tui.says("f8 answers")


async def left(tui: Terminal, _: ScriptedServer) -> None:
    """A conversation that was ended was left."""
    tui.chat.rating.offer.session = msgspec.convert(RECORD, Session)
    await tui.shows("[1] [2] [3] [4] [5]")


async def scrolled(tui: Terminal, _: ScriptedServer) -> None:
    """The conversation is scrolled up."""
    await tui.press("pageup", "pageup")
    await tui.until(lambda: not tui.chat.view.follow)


async def written(tui: Terminal, _: ScriptedServer) -> None:
    """The editor changed what was being written."""
    await tui.until(lambda: tui.chat.prompt.text == "typed, and edited")


async def attached_again(_: Terminal, server: ScriptedServer) -> None:
    """Another session was asked for."""
    await server.attach(2)


async def draft(tui: Terminal, _: ScriptedServer) -> None:
    """Something is being written."""
    tui.chat.prompt.insert("typed")


EFFECTS = {
    "help": Effect(shows("Keys and commands")),
    "new": Effect(attached_again),
    "sessions": Effect(holds(lambda tui: tui.chat.list.sidebar.has_focus)),
    "search": Effect(shows("Search every conversation")),
    "summary": Effect(shows("1–5 rate")),
    "memory": Effect(shows("f forget   o off or on")),
    "context": Effect(shows("What will be sent", "120 of 5,000 tokens")),
    "rename": Effect(shows("Title of this conversation")),
    "stop": Effect(asks(Cancel), replying),
    "retry": Effect(asks(Retry)),
    "edit_last": Effect(shows("✎ editing your last message")),
    "mode": Effect(shows("Which mode?")),
    "rate": Effect(shows("How was this conversation?")),
    "approve": Effect(holds(lambda tui: tui.chat.approval.panel.has_focus), waiting),
    "rate_left": Effect(shows("press 1 to 5"), left),
    "end": Effect(asks(End)),
    "export": Effect(holds(lambda tui: any("Exported to" in said for said in tui.notices))),
    "delete": Effect(shows("This cannot be undone.")),
    "model": Effect(shows("Which model answers from now on?", "Default: groq/a")),
    "again": Effect(shows("Which model answers again?", "ollama/b")),
    "set": Effect(shows("Settings of this conversation")),
    "model_block": Effect(shows("Which model answers again?"), pressed("alt+up")),
    "answer_before": Effect(shows("answer 1 of 2"), answered_twice),
    "answer_after": Effect(shows("answer 1 of 2"), answered_twice),
    "thinking": Effect(holds(lambda tui: "│ I look." in tui.transcript)),
    "think": Effect(shows("How long may the model think?")),
    "setup": Effect(holds(lambda tui: any("genpy setup" in said for said in tui.notices))),
    "theme": Effect(holds(lambda tui: tui.app.screen is not tui.chat)),
    "editor": Effect(written, draft),
    "page_up": Effect(holds(lambda tui: not tui.chat.view.follow)),
    "page_down": Effect(holds(lambda tui: tui.chat.view.scroll_y > 0), pressed("ctrl+home")),
    "to_start": Effect(holds(lambda tui: tui.chat.view.scroll_y == 0)),
    "to_end": Effect(holds(lambda tui: tui.chat.view.follow), scrolled),
    "cursor_previous": Effect(holds(lambda tui: tui.chat.view.marked is not None)),
    "cursor_next": Effect(holds(lambda tui: tui.chat.prompt.has_focus), pressed("alt+up")),
    "leave": Effect(holds(lambda tui: tui.app.return_code == 0)),
    "copy": Effect(holds(lambda tui: tui.app.clipboard == REPLY), pressed("alt+up")),
    "copy_code": Effect(holds(lambda tui: tui.app.clipboard == CODE), pressed("alt+up")),
    "expand": Effect(holds(lambda tui: '"query": "teapot"' in tui.transcript), pressed("alt+up")),
    "quote": Effect(
        holds(lambda tui: tui.chat.prompt.full_text.startswith("> Paragraph 0\n")),
        pressed("alt+up"),
    ),
    "retry_block": Effect(asks(Retry), pressed("alt+up")),
    "mode_block": Effect(shows("Answer again as: Tutorial"), pressed("alt+up")),
    "edit_block": Effect(shows("✎ editing your last message"), pressed("alt+up", "alt+up")),
}
"""For each action of the table."""
WAYS = [
    (command.name, way)
    for command in COMMANDS
    for way in [
        *filter(None, command.key.split(",")),
        *([f"/{command.slash}"] * bool(command.slash)),
    ]
]
OVER = {
    *("again", "context", "delete", "help", "memory", "mode", "model", "rate", "rename", "search"),
    *("set", "summary", "theme", "think"),
}
"""What opens over the conversation, and leaves it as it was when esc closes it."""
TOGETHER = {
    "over": [(action, way) for action, way in WAYS if action in OVER],
    **{way: [(action, way)] for action, way in WAYS if action not in OVER},
}
"""The ways that one client carries out, one after the other."""


def test_every_command_has_a_test() -> None:
    """A command that is added to the table is tested, by every key and by its slash command."""
    assert EFFECTS.keys() == {command.name for command in COMMANDS}
    assert {action for action, _ in WAYS} == EFFECTS.keys()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_readme_tells_of_it(command: Command) -> None:
    """The README's tables have a row for each command, with its keys and its help."""
    keys = [f"`{key}`" for key in command.key.replace("escape", "esc").split(",") if key]
    slash = f"`{f'/{command.slash} {command.argument}'.strip()}`" if command.slash else ""
    cells = [", ".join(keys), slash, command.help]
    if command.where == "transcript":
        cells.remove("")
    assert f"| {' | '.join(cells)} |" in README


@pytest.mark.parametrize("ways", TOGETHER.values(), ids=TOGETHER)
async def test_it_does_what_it_says(
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ways: list[tuple[str, str]],
) -> None:
    """A key, or a slash command that is typed, carries out the command."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "editor.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(', and edited\\n')")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    server.api[f"/api/session/{SESSION}"] = RECORD
    server.api["/api/models"] = MODELS
    server.api["/api/setup"] = {"has_model": True, "allowed": False}
    server.api[f"/api/session/{SESSION}/context"] = {"context": CONTEXT}
    server.api[f"/api/session/{SESSION}/messages"] = {"messages": []}
    async with terminal(tmp_path, server=server.url) as tui:
        monkeypatch.setattr(tui.app, "suspend", contextlib.nullcontext)
        await server.attach()
        server.start(server.message("Tell me of teapots"))
        query = {"query": "teapot"}
        server.emit(ToolStarted(0, "run-1", "call", "search_chat_history", query))
        server.emit(ToolFinished(0, "run-1", "call", ok=True, ms=3.0, result="Found."))
        server.emit(Reasoning(0, "run-1", 0, "I look."))
        server.stream(REPLY)
        server.finish()
        await tui.says("ready")
        await tui.shows("The end.")
        for action, way in ways:
            effect = EFFECTS[action]
            if effect.before is not None:
                await effect.before(tui, server)
            if way.startswith("/"):
                await tui.press(*["slash" if key == "/" else key for key in way], "enter")
            else:
                await tui.press(way)
            await effect.seen(tui, server)
            if action in OVER:
                await tui.press("escape")
                await tui.until(lambda: tui.app.screen is tui.chat)


async def test_what_opens_closes(server: ScriptedServer, tmp_path: Path) -> None:
    """What a key opens over the conversation closes by esc, and by its own key where that can be."""
    server.api[f"/api/session/{SESSION}"] = RECORD
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        for opens, shown, closes in (
            ("f1", "Keys and commands", ("escape", "f1", "q")),
            ("f4", "1–5 rate", ("escape", "f4", "q")),
            ("f3", "Search every conversation", ("escape",)),
            ("f2", "Title of this conversation", ("escape",)),
            ("f5", "Which mode?", ("escape",)),
            ("ctrl+p", "Search for commands", ("escape",)),
        ):
            for key in closes:
                await tui.press(opens)
                await tui.shows(shown)
                await tui.press(key)
                await tui.until(lambda: tui.app.screen is tui.chat)
            assert tui.chat.prompt.has_focus


async def test_rename_by_key(tmp_path: Path) -> None:
    """F2 offers the title as it is, and what is typed replaces it."""
    async with (
        running_server.serving(tmp_path / "genpy.db") as running,
        terminal(tmp_path, server=running.url, session="first") as tui,
    ):
        await tui.says("ready")
        await tui.type("Hi")
        await tui.until(
            lambda: (
                tui.chat.conversation.client is not None
                and tui.chat.conversation.client.transcript.entries
            )
        )
        await tui.press("f2")
        await tui.shows("Title of this conversation")
        await tui.press(*"Tea", "enter")
        await tui.until(lambda: tui.app.screen is tui.chat)
        await tui.until(lambda: tui.chat.status.heading.title == "Tea")


async def test_the_block_cursor_from_the_list(server: ScriptedServer, tmp_path: Path) -> None:
    """alt+up goes from the list to the newest block, and alt+down past it to the prompt."""
    server.api["/api/sessions"] = {"sessions": [RECORD]}
    async with terminal(tmp_path, server=server.url, size=(120, 34)) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        tui.chat.list.sidebar.focus()
        await tui.press("alt+up")
        assert tui.chat.view.has_focus
        assert tui.chat.view.marked is not None
        assert tui.chat.view.marked.entry.text == "Hello"
        await tui.press("alt+up")
        assert tui.chat.view.marked.entry.text == "Hi"
        await tui.press("alt+down")
        assert tui.chat.view.marked.entry.text == "Hello"
        tui.chat.list.sidebar.focus()
        await tui.press("alt+down")
        assert tui.chat.prompt.has_focus


async def test_the_keys_of_the_list(server: ScriptedServer, tmp_path: Path) -> None:
    """In the list, delete asks about the conversation under the cursor, and esc goes on writing."""
    server.api["/api/sessions"] = {"sessions": [RECORD]}
    async with terminal(tmp_path, server=server.url, size=(120, 34)) as tui:
        await server.attach()
        server.message("Hi")
        await tui.until(lambda: tui.chat.list.sidebar.sessions)
        tui.chat.list.sidebar.focus()
        await tui.press("delete")
        await tui.shows("This cannot be undone.")
        await tui.press("escape")
        await tui.until(lambda: tui.app.screen is tui.chat)
        assert tui.chat.list.sidebar.has_focus
        await tui.press("escape")
        assert tui.chat.prompt.has_focus


async def test_words_are_a_message(server: ScriptedServer, tmp_path: Path) -> None:
    """A line that is neither a command nor a command with its argument is sent as it was written."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for number, text in enumerate(
            (
                "/new features of Python 3.14?",
                "/help me with this",
                "/rate of change of x^2",
                "/theme parks in Rome",
                "/export the table as a spreadsheet",
                "/set up a meeting",
                "/set the table for four",
                "/think twice about it",
                "/model trains are fun",
                "/think about it",
                "/retry the download",
                "/rename\nmany files at once",
                "/usr/bin/env: no such file",
                "/edit my text",
                "    indented = True",
            ),
            1,
        ):
            await tui.type(text)
            assert (await server.until(Send, number)).text == text


async def test_what_ends_asks_when_words_follow(server: ScriptedServer, tmp_path: Path) -> None:
    """A command that ends, deletes or leaves runs behind words only when the person says so."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for number, text in enumerate(
            ("/end of file errors, how to fix?", "/quit smoking?", "/delete a row"), 1
        ):
            await tui.type(text)
            await tui.shows("Is this a message?", text)
            await tui.press("escape")
            await tui.until(lambda: tui.app.screen is tui.chat)
            assert tui.chat.prompt.text == text
            await tui.press("enter")
            await tui.shows("Is this a message?")
            await tui.press("enter")
            assert (await server.until(Send, number)).text == text
        assert not [frame for frame in server.received if isinstance(frame, End)]


async def test_a_sentence_is_no_title(server: ScriptedServer, tmp_path: Path) -> None:
    """/rename asks before it takes a sentence as the title; words without its marks are one."""
    server.api[f"/api/session/{SESSION}"] = RECORD
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        await tui.says("ready")
        await tui.type("/rename this function, can you?")
        await tui.shows("Is this a message?", "Take it as the title")
        await tui.press("enter")
        assert (await server.until(Send)).text == "/rename this function, can you?"
        await tui.type("/rename A trip to Rome")
        await tui.until(lambda: f"/api/session/{SESSION}" in server.requests)


async def test_the_same_notice_is_shown_once(server: ScriptedServer, tmp_path: Path) -> None:
    """What is said already is not said again while it is seen; nothing is said of what is not known."""
    server.silent = True
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("connecting")
        await tui.press("f2", "f4", "f9")
        assert tui.notices == ["Not connected yet."]
    server.silent = False
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for _ in range(2):
            await tui.type("/end")
        assert tui.notices == ["Nothing to end: no message was sent."]


async def test_a_command_with_words_can_still_run(server: ScriptedServer, tmp_path: Path) -> None:
    """The question before a command that ends can be answered with the command."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hi")
        await tui.until(lambda: tui.chat.conversation.begun)
        await tui.type("/end it now")
        await tui.shows("Is this a message?")
        await tui.press("down", "enter")
        await server.until(End)


async def test_a_command_is_recalled(server: ScriptedServer, tmp_path: Path) -> None:
    """What a command cleared from the prompt is brought back by up."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/search words of mine")
        await tui.shows("Search every conversation")
        await tui.press("escape")
        await tui.until(lambda: tui.app.screen is tui.chat)
        await tui.press("up")
        assert tui.chat.prompt.text == "/search words of mine"


async def test_the_line_of_keys_is_kept(server: ScriptedServer, tmp_path: Path) -> None:
    """Keys that are shown already are not made again, and those of another focus or width are."""
    async with terminal(tmp_path, server=server.url, session=SESSION) as tui:
        await tui.shows("f1 Help")
        line = tui.chat.query_one(KeysLine)
        before = list(line.query(FooterKey))
        assert [key.action for key in before if key.has_class("-compact")] in (
            [],
            ["command_palette"],
        )
        tui.chat.refresh_bindings()
        await tui.settle()
        await tui.pilot.pause()
        assert list(line.query(FooterKey)) == before
        await tui.pilot.resize_terminal(60, 30)
        await tui.until(lambda: 0 < len(line.query(FooterKey)) < len(before))
