"""Hostile text: it reaches the screen as text, and the terminal as nothing else."""

import re
import time
from pathlib import Path

from support.hostile_text import HOSTILE
from support.scripted_server import ScriptedServer
from support.terminal import terminal

from genpy_server.wire import Notice, ToolFinished, ToolStarted
from genpy_tui.render.markdown.document import Document


async def test_hostile_text_is_shown_as_text(server: ScriptedServer, tmp_path: Path) -> None:
    """In messages, titles, tools, notices and models, nothing crashes and nothing acts."""
    everything = "\n\n".join(HOSTILE[:-1])
    server.title = HOSTILE[0] + HOSTILE[6]
    server.model = HOSTILE[1]
    async with terminal(tmp_path, server=server.url, size=(120, 50)) as tui:
        await server.attach()
        server.start(server.message(everything), intent=HOSTILE[3])
        server.emit(ToolStarted(0, "run-1", "call", HOSTILE[0], {"\x1b[31m": HOSTILE[6]}))
        server.emit(ToolFinished(0, "run-1", "call", ok=False, ms=1.0, error=everything))
        server.emit(Notice(0, "notice", everything))
        for character in everything:
            server.stream(character)
        server.stream("\n\ndone")
        server.finish(status="error")
        await tui.until(lambda: "done" in tui.transcript)
        await tui.press("alt+up", "x")
        shown = tui.screen + tui.transcript + tui.app.title
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
        assert "list[int]" in shown
        assert tui.app.clipboard == ""


async def test_a_line_of_ten_megabytes_does_not_stop_the_screen(tmp_path: Path) -> None:
    """The end of an endless line is made in the time of a blink."""
    document = Document()
    document.feed("x" * 10_000_000)
    document.finish()
    begin = time.process_time()
    lines = document.parts[-1].lines(80)
    assert time.process_time() - begin < 0.5
    assert max(len(line.text) for line in lines) <= 80


async def test_a_hostile_notification_is_shown_as_text(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """An error of the server that holds escape sequences and markup is only text in a toast."""
    attack = "\x1b]52;c;aGk=\x07[bold]\u202egnp"
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hi")
        await tui.until(lambda: tui.chat.conversation.begun)
        server.missing = attack
        await tui.type("/export")
        await tui.until(lambda: tui.notices)
        assert tui.notices == ["Not exported: ␛]52;c;aGk=␇[bold]⇄gnp"]
