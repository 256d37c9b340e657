"""Random keys, clicks, pastes and bytes: the client takes them all, and still writes afterwards."""

import asyncio
import random
from pathlib import Path

import pytest
from support.scripted_server import ScriptedServer
from support.terminal import terminal
from textual import events

from genpy_tui.background import background
from genpy_tui.terminal.internals import TerminalParser

STEPS = 100
PIECES = [
    *(
        b"abc ",
        b"\n",
        b"\x1b[13;2u",
        b"\x7f",
        b"\x1b[3~",
        b"\x17",
        b"\x15",
        b"\x0b",
        b"\x1f",
        b"\x19",
    ),
    *(
        b"\x1b[A",
        b"\x1b[B",
        b"\x1b[1;2D",
        b"\x1b[1;5C",
        b"\x1b[H",
        b"\x1b[F",
        b"\x1b[5~",
        b"\x1b[6~",
    ),
    *(b"\x1b[<0;5;5M", b"\x1b[<0;5;5m", b"\x1b[<64;5;5M", b"\x1b[I", b"\x1b[O", b"\x1b", b"\x1b["),
    *("字👍🏽é".encode(), "e\u0301\u200d\u200f".encode(), "\U0010001b\U0010fffd".encode()),
    *(b"\xff\xfe", b"\x00", b"\x1b[?62c", b"\x1b[24;80R", b"\x1b[57441;2u", b"\x1b[97;;229u"),
    *(b"\x1b[200~pasted\x1b[201~", b"\x1b[200~" + b"line\n" * 20 + b"\x1b[201~", b"\x10", b"/he"),
]
LEAVES = {"ctrl+q", "ctrl+z", "ctrl+g", "ctrl+c", "enter"}


@pytest.mark.parametrize("seed", [4, 8])
async def test_random_keys_break_nothing(server: ScriptedServer, tmp_path: Path, seed: int) -> None:
    """Whatever is pressed in whatever order, no exception ends the program."""
    chance = random.Random(seed)
    async with terminal(tmp_path, server=server.url, size=(60, 16)) as tui:
        await tui.says("ready")
        parser = TerminalParser()
        for step in range(STEPS):
            data = b"".join(chance.choices(PIECES, k=4)) + chance.randbytes(step % 3)
            for event in (*parser.receive(data.replace(b"\r", b"")), *parser.tick()):
                if not (isinstance(event, events.Key) and event.key in LEAVES):
                    event.set_sender(tui.app)
                    tui.app.post_message(event)
            await tui.pilot.pause()
        assert tui.app.return_code is None


async def test_undo_of_many_lines(server: ScriptedServer, tmp_path: Path) -> None:
    """Lines that made the prompt scroll are taken back and brought again."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        prompt = tui.chat.prompt
        for number in range(12):
            prompt.insert(f"line {number}\n")
        await tui.pilot.pause()
        await tui.press("ctrl+underscore")
        before = prompt.text
        await tui.press("ctrl+y", "ctrl+underscore")
        assert prompt.text == before


async def test_a_dialog_goes_away_once(server: ScriptedServer, tmp_path: Path) -> None:
    """Two answers at the same time take no screen below with them."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("f1")
        dialog = tui.app.screen
        assert dialog is not tui.chat
        dialog.dismiss()
        dialog.dismiss()
        await tui.until(lambda: tui.app.screen is tui.chat)


async def test_work_of_a_dialog_may_end_after_it(server: ScriptedServer, tmp_path: Path) -> None:
    """What a search finds once its dialog was closed is shown nowhere, and ends nothing."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("f3")
        dialog = tui.app.screen
        closed = asyncio.Event()

        async def work() -> None:
            await closed.wait()
            dialog.query_one("#nothing")

        background(dialog, work)
        dialog.dismiss()
        closed.set()
        await tui.until(lambda: tui.app.screen is tui.chat and not dialog.is_attached)
        assert tui.app.return_code is None
