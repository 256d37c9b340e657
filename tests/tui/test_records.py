"""Conversations: list, open, search and jump, rename, rate, export, delete, end, leave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import running_server
from support.files import mode
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.client.session_client import RemoteRecords
from genpy_server.core.models import Memory
from genpy_server.embedded import LocalServer
from genpy_server.wire import End
from genpy_tui.chat import answers
from genpy_tui.commands import COMMANDS
from genpy_tui.dialogs import leave

NOTED = "aaaa0000-0000-4000-8000-000000000001"


@asynccontextmanager
async def living(tmp_path: Path, session: str = "first") -> AsyncIterator[Terminal]:
    """A terminal on a real server, with one turn of a conversation."""
    async with (
        running_server.serving(tmp_path / "genpy.db") as running,
        terminal(tmp_path, server=running.url, session=session, size=(120, 34)) as tui,
    ):
        await tui.says("ready")
        await tui.type("We spoke of umbrellas")
        await tui.until(lambda: "No model" in tui.transcript)
        await tui.says("ready")
        yield tui


async def another(tui: Terminal, text: str) -> None:
    """Begin another conversation with one turn."""
    await tui.press("ctrl+n")
    await tui.until(lambda: "umbrellas" not in tui.transcript)
    await tui.says("ready")
    await tui.type(text)
    await tui.until(lambda: "No model" in tui.transcript)
    await tui.says("ready")


async def test_the_list_opens_a_conversation(tmp_path: Path) -> None:
    """The list shows the newest first; enter opens, with its messages."""
    async with living(tmp_path) as tui:
        await another(tui, "Something about teapots")
        await tui.until(lambda: len(tui.chat.list.sidebar.sessions) == 2)
        tui.chat.list.sidebar.focus()
        tui.chat.list.sidebar.highlighted = 1
        await tui.press("enter")
        await tui.until(lambda: "We spoke of umbrellas" in tui.transcript)
        assert "teapots" not in tui.transcript


async def test_search_jumps_to_the_message(tmp_path: Path) -> None:
    """A hit in another conversation opens it with the cursor on the message."""
    async with living(tmp_path) as tui:
        await another(tui, "Something about teapots")
        await tui.type("/search umbrellas")
        await tui.shows("Search every conversation", "1 hit")
        await tui.press("enter")
        await tui.until(lambda: tui.chat.view.marked is not None)
        assert "umbrellas" in tui.chat.view.marked.entry.text


async def test_rename_changes_the_title_everywhere(tmp_path: Path) -> None:
    """/rename shows in the title and in the list."""
    async with living(tmp_path) as tui:
        await tui.type("/rename Rain in [bold]Rome[/]")
        await tui.until(lambda: tui.screen.count("Rain in [bold]Rome[/]") == 2)


async def test_the_rating_is_kept(tmp_path: Path) -> None:
    """/rate 4 is shown by the list and by the summary page."""
    async with living(tmp_path) as tui:
        await tui.type("/rate 4")
        await tui.shows("★★★★☆")
        await tui.press("f4")
        await tui.shows("4 of 5", "summarise again")
        await tui.press("2")
        await tui.shows("2 of 5")


async def test_the_summary_is_asked_for_again(tmp_path: Path) -> None:
    """R on the summary page ends the conversation and shows what is counted."""
    async with living(tmp_path) as tui:
        await tui.press("f4")
        await tui.shows("This conversation has not ended.")
        await tui.press("r")
        await tui.shows("No model is configured", "Messages       2")


async def test_a_note_is_forgotten_and_the_memory_switched_off(tmp_path: Path) -> None:
    """/memory shows the notes with their messages; f forgets one, o switches the memory off."""
    async with (
        running_server.serving(tmp_path / "genpy.db") as running,
        terminal(tmp_path, server=running.url, session=NOTED, size=(120, 34)) as tui,
    ):
        store = running.app.store
        said = await store.append("local", NOTED, "user", "I like tea a lot", title="Talk")
        notes = f"- likes tea [#{said.message.id}]\n- lives in Ghent"
        await store.extend_memory("local", NOTED, Memory(notes, said.message.id), previous=None)
        await tui.says("ready")
        await tui.type("hello")
        await tui.until(lambda: "\u25c6 GenPy" in tui.transcript)
        await tui.type("/memory")
        await tui.shows("Memory   on", "likes tea", "I like tea a lot", "lives in Ghent")
        await tui.press("f")
        await tui.until(lambda: "likes tea" not in tui.screen)
        await tui.press("o")
        await tui.shows("Memory   off", "lives in Ghent")
        kept = await running.app.records("local").memory(NOTED)
        assert ([note.text for note in kept.notes], kept.on) == (["lives in Ghent"], False)


async def test_export_writes_a_file_and_never_over_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/export writes Markdown; a file that exists is left alone."""
    monkeypatch.chdir(tmp_path)
    async with living(tmp_path) as tui:
        await tui.type("/export talk.md")
        await tui.until(lambda: any("Exported" in notice for notice in tui.notices))
        text = (tmp_path / "talk.md").read_text()
        assert mode(tmp_path / "talk.md") == 0o600
        assert "## You" in text
        assert "We spoke of umbrellas" in text
        await tui.type("/export talk.md")
        await tui.until(lambda: any("exists" in notice for notice in tui.notices))
        assert (tmp_path / "talk.md").read_text() == text


async def test_delete_asks_first(tmp_path: Path) -> None:
    """/delete keeps unless confirmed, then begins a new conversation."""
    async with living(tmp_path) as tui:
        await tui.type("/delete")
        await tui.shows("This cannot be undone.")
        await tui.press("enter")
        await tui.until(lambda: tui.app.screen is tui.chat)
        assert "umbrellas" in tui.transcript
        await tui.type("/delete")
        await tui.shows("This cannot be undone.")
        await tui.press("down", "enter")
        await tui.until(lambda: "Try asking" in tui.transcript)
        assert tui.chat.list.sidebar.sessions == []
        row = next(n for n, line in enumerate(tui.screen.split("\n")) if "Show my sessions" in line)
        await tui.pilot.click(offset=(tui.screen.split("\n")[row].index("my"), row))
        await tui.until(lambda: tui.chat.prompt.text == "Show my sessions")


async def test_the_end_shows_what_it_was_about(tmp_path: Path) -> None:
    """/end summarises; the outcome stands below the conversation."""
    async with living(tmp_path) as tui:
        await tui.type("/end")
        await tui.until(lambda: "┃ What this was about" in tui.transcript)


async def test_the_theme_is_remembered(tmp_path: Path, server: ScriptedServer) -> None:
    """The theme chosen last is there at the next start."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/theme genpy-light")
        await tui.until(lambda: tui.app.theme == "genpy-light")
        await tui.pilot.pause()
    async with terminal(tmp_path, server=server.url) as tui:
        assert tui.app.theme == "genpy-light"


async def test_a_slash_shows_the_commands(tmp_path: Path, server: ScriptedServer) -> None:
    """A slash shows what can be asked for; up and down choose, enter runs, esc closes it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("/")
        await tui.shows("› /help", "/summary")
        await tui.press("s", "down")
        await tui.shows("› /search WORDS", "/sessions")
        await tui.press("escape")
        await tui.until(lambda: "/sessions" not in tui.screen)
        assert tui.chat.prompt.text == "/s"
        await tui.press("backspace", "e", "n")
        await tui.shows("› /end")
        await tui.press("enter")
        await tui.until(lambda: not tui.chat.prompt.text)


async def test_a_command_that_is_typed_fast_is_the_one_that_runs(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Enter runs what is written by then, not what the menu showed a letter ago."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        tui.chat.prompt.insert("/")
        await tui.shows("› /help")
        tui.chat.prompt.insert("search")
        tui.chat.prompt.action_submit()
        await tui.shows("Search every conversation")


async def test_tab_completes_a_command(tmp_path: Path, server: ScriptedServer) -> None:
    """Tab completes the slash command that was begun."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.press("/", "s", "u", "tab")
        assert tui.chat.prompt.text == "/summary "


async def test_the_palette_has_every_command(tmp_path: Path, server: ScriptedServer) -> None:
    """The palette offers what the table of commands holds."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        offered = {command.help for command in tui.app.get_system_commands(tui.chat)}
        assert offered == {c.help for c in COMMANDS if c.where == "everywhere"}


async def test_leaving_a_remote_server_leaves_the_reply(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Quitting in mid-reply asks nothing on a remote server, ends nothing, and says so."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Go on"))
        server.stream("Half")
        await tui.says("replying")
        await tui.press("ctrl+q")
        await tui.until(lambda: tui.app.return_code is not None)
        assert not [frame for frame in server.received if isinstance(frame, End)]
        assert "The reply goes on." in str(tui.app._exit_renderables[0])


async def test_leaving_the_own_server_ends_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the embedded server, quitting ends the conversation and offers the rating once."""
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(leave, "RATING_SECONDS", 60)
    async with terminal(tmp_path, server=None, session="mine") as tui:
        await tui.says("ready")
        await tui.without_model()
        await tui.type("Remember the milk")
        await tui.until(lambda: "No model" in tui.transcript)
        await tui.says("ready")
        await tui.press("ctrl+q")
        await tui.shows("1-5 rates it")
        await tui.press("5")
        await tui.until(lambda: tui.app.return_code is not None)
    async with running_server.serving(tmp_path / "genpy.db") as running:
        records = RemoteRecords(running.url, None)
        session = await records.session("mine")
        await records.close()
        assert (session.status, session.rating) == ("completed", 5)


async def test_leaving_the_own_server_in_mid_reply_asks(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """On the embedded server, quitting in mid-reply asks first, and staying changes nothing."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        tui.app.local = LocalServer(tui.app.settings)
        tui.app.local.own = SimpleNamespace(has_model=True)
        server.start(server.message("Go on"))
        server.stream("Half")
        await tui.says("replying")
        await tui.press("ctrl+q")
        await tui.shows("A reply is being written.", "Stay")
        await tui.press("enter")
        await tui.until(lambda: tui.app.screen is tui.chat)
        tui.app.local = None
        assert tui.app.return_code is None


async def test_leaving_with_unsent_words_asks(tmp_path: Path, server: ScriptedServer) -> None:
    """Quitting while a message waits to be sent asks first."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await server.vanish()
        await tui.says("reconnecting")
        await tui.type("Not yet sent")
        await tui.press("ctrl+q")
        await tui.shows("A message is not sent yet.")
        await tui.press("escape")
        await tui.until(lambda: tui.app.screen is tui.chat)
