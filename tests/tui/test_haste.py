"""Haste: keys that come in one batch, choices made twice, words of others in notices."""

import re
import threading
from pathlib import Path

import pytest
from support import running_server
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal
from textual.events import Key, Paste

from genpy_server.wire import End, Send
from genpy_tui import app
from genpy_tui.terminal import internals
from genpy_tui.widgets import transcript


def batch(tui: Terminal, *keys: str) -> None:
    """Keys that come out of the terminal in one read."""
    for key in keys:
        tui.app.post_message(Key(key, key if len(key) == 1 else None))


async def test_keys_in_one_batch_act_in_their_order(tmp_path: Path, server: ScriptedServer) -> None:
    """Down and enter in one read run the command below, and backspace takes its letter first."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        batch(tui, "/", "s", "down", "enter")
        await tui.shows("Search every conversation")
        await tui.press("escape")
        await tui.until(lambda: tui.app.screen is tui.chat)
        batch(tui, "a", "b", "backspace", "enter")
        await tui.until(lambda: tui.transcript.endswith("\n  a"))


async def test_escape_right_behind_a_slash_stops_nothing(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """A slash and esc in one read close the menu, and the reply goes on."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Go on"))
        server.stream("One")
        await tui.says("replying")
        batch(tui, "/", "escape")
        await tui.until(lambda: tui.chat.prompt.text == "/")
        server.stream(", two")
        await tui.until(lambda: "One, two" in tui.transcript)
        assert not tui.chat.status.activity.stopping


async def test_the_open_conversation_is_not_opened_again(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Choosing the conversation that is open keeps its connection and what waits to be sent."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.acknowledges = False
        await tui.type("Keep me")
        await tui.says("sending")
        client = tui.chat.conversation.client
        await tui.chat.switch.go(tui.chat.conversation.session)
        assert tui.chat.conversation.client is client
        assert client is not None
        assert len(client.pending) == 1


async def test_an_end_that_was_asked_for_offline_still_comes(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """An end that waits for the connection says so, and is sent though the conversation was left."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hello")
        await tui.until(lambda: tui.chat.conversation.begun)
        await server.vanish()
        await tui.says("reconnecting")
        await tui.type("/end")
        await tui.until(lambda: any("ended once the connection" in said for said in tui.notices))
        server.refusing = False
        await tui.press("ctrl+n")
        await server.until(End)


async def test_a_notice_is_text(tmp_path: Path, server: ScriptedServer) -> None:
    """What others wrote acts neither on the terminal nor as markup in a notice."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        tui.chat.notify("a\x1b[2Jb [bold]list[int][/] \x9b31m")
        await tui.until(lambda: "[bold]list[int][/]" in str(tui.notices))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", tui.notices[-1])


async def test_a_recalled_message_that_was_changed_comes_back(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """What was changed after up brought it back stays so until something is sent."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("First")
        await tui.until(lambda: "First" in tui.transcript)
        await tui.press("up", "!")
        assert tui.chat.prompt.text == "First!"
        await tui.press("down")
        assert tui.chat.prompt.text == ""
        await tui.press("up")
        assert tui.chat.prompt.text == "First!"


async def test_a_long_message_is_edited_as_text(tmp_path: Path) -> None:
    """The last message is edited in full, not as the mark of a large paste."""
    text = "\n".join(f"line {number}" for number in range(60))
    async with (
        running_server.serving(tmp_path / "genpy.db") as running,
        terminal(tmp_path, server=running.url) as tui,
    ):
        await tui.says("ready")
        assert tui.chat.conversation.client is not None
        tui.chat.conversation.client.send(text)
        await tui.until(lambda: "No model is configured" in tui.transcript)
        await tui.says("ready")
        await tui.type("/edit")
        await tui.until(lambda: tui.chat.prompt.text == text)


async def test_a_draft_outlives_an_edit_that_was_overtaken(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """The draft of before an edit is brought back by up when another terminal speaks meanwhile."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Tell me of teapots")
        await tui.until(lambda: "teapots" in tui.transcript)
        await tui.press(*"draft")
        tui.chat.draft.edit_last()
        server.message("Somebody else")
        await tui.until(lambda: tui.chat.draft.edit is None)
        assert tui.chat.prompt.text == "Tell me of teapots"
        await tui.press("up")
        assert tui.chat.prompt.text == "draft"


async def test_enter_waits_for_the_hits_of_the_words_it_follows(tmp_path: Path) -> None:
    """Enter right behind other words jumps to a hit of those, not to one that is still shown."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        store, talk = running.app.store, "22222222-2222-4222-8222-222222222222"
        await store.append("local", talk, "user", "A docker image", title="Docker")
        rome = "33333333-3333-4333-8333-333333333333"
        await store.append("local", rome, "user", "A hotel in Rome", title="Rome")
        async with terminal(tmp_path, server=running.url) as tui:
            await tui.says("ready")
            await tui.press("f3", *"docker")
            await tui.shows("A docker image")
            await tui.press(*["backspace"] * 6)
            batch(tui, *"rome", "enter")
            await tui.until(lambda: tui.chat.conversation.session == rome)


async def test_the_cursor_goes_to_what_is_not_drawn_yet(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that has arrived can be marked before the next flush draws it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        view = tui.chat.view
        await tui.until(lambda: not view.pending)
        monkeypatch.setattr(transcript, "SLOWEST", 600.0)
        view._cost = 600.0
        server.message("Hello")
        await tui.until(lambda: view.pending)
        tui.chat.blocks.previous()
        assert view.marked is not None
        assert view.marked.entry.text == "Hello"


async def test_a_slow_terminal_is_given_the_newest_text_alone(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While frames wait to be written nothing is drawn of a reply; then all of it at once."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Hi"))
        server.stream("One")
        await tui.shows("One")
        monkeypatch.setattr(internals, "is_behind", lambda _: True)
        server.stream(", two")
        await tui.until(lambda: tui.chat.view.pending)
        drawn, asked = tui.chat.view.flushes, tui.chat.conversation.running
        server.stream(", three")
        await tui.until(lambda: asked is not None and asked.text == "One, two, three")
        assert (tui.chat.view.flushes, "two" in tui.screen) == (drawn, False)
        monkeypatch.undo()
        await tui.shows("One, two, three")


async def test_letters_behind_the_first_are_no_keys_of_a_message(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Words read in one piece while a message is marked are written from their first other letter."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        await tui.press("alt+up")
        batch(tui, *"what can rice cost?")
        await tui.until(lambda: tui.chat.prompt.text == "what can rice cost?")


async def test_a_message_of_before_the_start_is_sent_after_it(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enter while GenPy starts sends what is written once it has started, two lines as one message."""
    ready = threading.Event()
    monkeypatch.setattr(app, "_load", lambda **_: ready.wait())
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.type("Good morning.")
        await tui.type("Who are you?")
        assert tui.chat.prompt.text == "Good morning.\nWho are you?\n"
        ready.set()
        assert (await server.until(Send)).text == "Good morning.\nWho are you?"
        await tui.until(lambda: not tui.chat.prompt.text)
    ready.clear()
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.type("Good")
        await tui.press(*" evening")
        ready.set()
        await tui.says("ready")
        assert tui.chat.prompt.text == "Good\n evening"
    assert sum(isinstance(frame, Send) for frame in server.received) == 1


async def test_keys_of_before_the_focus_are_written(tmp_path: Path, server: ScriptedServer) -> None:
    """What was typed before the prompt was there stands in it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for character in "so":
            tui.chat.post_message(Key(character, character))
        tui.chat.post_message(Paste(" early"))
        await tui.until(lambda: tui.chat.prompt.text == "so early")
