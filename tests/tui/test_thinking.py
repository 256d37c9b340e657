"""What a model thinks: one line that lives, folded afterwards, opened by a key."""

import re
from pathlib import Path

from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.core.models import MessageMeta, Params
from genpy_server.wire import Reasoning, Set, SettingsEvent


def think(server: ScriptedServer, text: str, offset: int = 0) -> None:
    """More of what the model thinks."""
    server.emit(Reasoning(0, "run-1", offset, text))


async def thinking(tui: Terminal, server: ScriptedServer) -> None:
    """The model began to think."""
    await server.attach()
    server.start(server.message("Why?"))
    think(server, "First I look.\n")
    await tui.shows("▸ thinking")


async def test_one_line_lives_and_folds(server: ScriptedServer, tmp_path: Path) -> None:
    """The line counts while the model thinks, then says how long; the thought itself is folded."""
    async with terminal(tmp_path, server=server.url) as tui:
        await thinking(tui, server)
        await tui.until(lambda: re.search("▸ thinking [1-9]", tui.screen))
        server.stream("Because.")
        await tui.shows("▸ thought", "Because.")
        server.finish(first_token_ms=12_400.0)
        await tui.shows("▸ thought 12 s")
        assert "First I look." not in tui.screen


async def test_a_key_opens_and_folds_it(server: ScriptedServer, tmp_path: Path) -> None:
    """ctrl+t opens it, also while it is written, and folds it again; x does on the message."""
    async with terminal(tmp_path, server=server.url) as tui:
        await thinking(tui, server)
        await tui.press("ctrl+t")
        await tui.shows("▾ thinking", "│ First I look.")
        think(server, "Then I \x1b[31mjump.", 14)
        await tui.shows("│ Then I ␛[31mjump.")
        await tui.press("ctrl+t")
        await tui.until(lambda: "First I look." not in tui.screen)
        server.stream("Because.")
        server.finish()
        await tui.says("ready")
        await tui.press("alt+up", "x")
        await tui.shows("│ First I look.", "Because.")
        await tui.press("c")
        assert tui.app.clipboard == "Because."


async def test_what_was_thought_is_there_when_it_is_opened_again(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A stored reply shows how long its model thought; without any, ctrl+t says so."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.press("ctrl+t")
        assert "No reply here has any thinking to show." in tui.notices
        asked = server.message("Why?")
        meta = MessageMeta(reply_to=asked, reasoning="I looked.", status="done", first_token_ms=3e3)
        server.message("Because.", role="assistant", meta=meta)
        await tui.shows("▸ thought 3 s")
        await tui.press("ctrl+t")
        await tui.shows("│ I looked.")


async def test_the_effort_is_set(server: ScriptedServer, tmp_path: Path) -> None:
    """/think sets how long the model thinks, or shows it and asks; other words are a message."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/think high")
        assert (await server.until(Set)).params.reasoning_effort == "high"
        server.emit(SettingsEvent(0, params=Params(reasoning_effort="high")))
        await tui.type("/think")
        await tui.shows("How long may the model think?", "High: think longest (now)")
        await tui.press("up", "enter")
        assert (await server.until(Set, 2)).params.reasoning_effort is None
        await tui.type("/think about it")
        await tui.shows("› You", "/think about it")
