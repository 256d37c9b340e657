"""The bytes that the real program reads and writes on a real terminal, and how it ends."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import pytest
from support.hostile_text import HOSTILE
from support.scripted_server import ScriptedServer

from genpy_server.wire import Send

pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals")
from support.pseudo_terminal import chat_on_a_terminal, on_a_terminal

BROKEN = """
import sys
from genpy_server import settings
from genpy_tui import app

async def on_connect(self):
    secret = "a key of somebody"
    self.chat.prompt.insert("a draft")
    raise ZeroDivisionError("inside")

app.GenPyApp._connect = on_connect
configured = settings.load({"GENPY_DATABASE": sys.argv[1]})
sys.exit(app.run_chat(lambda: app.GenPyApp(configured)))
"""
OURS = re.compile(
    rb"\x1b\[[0-9;?<>=$]*[A-Za-z~]|\x1b\[>[0-9;]*[a-z]|\x1b[78=>]|\x1b\][0-9;]*default\x1b\\|"
    rb"\x1b\][0-9;]+default\x07|\x1b\]22;[a-z]*(?:\x1b\\|\x07)"
)
"""The sequences that Textual itself writes."""
MODES = (b"?1049", b"?1000", b"?1003", b"?1006", b"?2004", b"?1004")
"""Alternate screen, mouse, pastes and focus."""


async def test_the_bytes_of_the_terminal_hold_no_escape_but_ours(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Hostile messages write no sequence of their own; a line typed during the start is sent."""
    server.title = HOSTILE[1]
    server.message("\n\n".join(HOSTILE[:-1]))
    server.start(1)
    server.stream("\n\n".join(HOSTILE[:-1]) + "\n\nfinally")
    server.finish()

    loop = asyncio.get_running_loop()

    def play() -> bytes:
        with chat_on_a_terminal(tmp_path / "genpy.db", server.url) as terminal:
            terminal.send(b"typed early\r")
            terminal.shows("finally")
            asyncio.run_coroutine_threadsafe(server.until(Send), loop).result()
            terminal.send(b"\x11")
            assert terminal.ends() == 0
            return terminal.output

    written = await asyncio.to_thread(play)
    assert [frame.text for frame in server.received if isinstance(frame, Send)] == ["typed early"]
    rest = OURS.sub(b"", written)
    at = rest.find(b"\x1b")
    assert at == -1, rest[max(0, at - 40) : at + 80]
    assert not re.search("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]", rest.decode())
    assert b"]52;" not in re.sub("␛]52".encode(), b"", written)


def test_a_bug_in_the_client_is_no_success(tmp_path: Path) -> None:
    """A client that dies of an exception shows it without values, fails, and keeps the draft."""
    with on_a_terminal(BROKEN, str(tmp_path / "genpy.db")) as terminal:
        assert terminal.ends() == 1
        assert b"ZeroDivisionError" in terminal.output
        assert b"secret =" not in terminal.output.replace(b'secret = "a key of somebody"', b"")
        assert b"up brings it back" in terminal.output
    assert "a draft" in (tmp_path / "unsent.json").read_text()


def test_whatever_a_terminal_sends_keys_go_on(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, answers of the terminal and a paste without end take no key away.

    Standard error may be a file: the screen is written to the terminal.
    """
    with (
        (tmp_path / "errors").open("wb") as errors,
        chat_on_a_terminal(tmp_path / "genpy.db", errors=errors) as terminal,
    ):
        terminal.send(b"caf\xe9 \xe1z \x1b[M\x43\xa0\x30\x1b[200~\xc4\xe3\x1b[201~")
        terminal.send(b"\x1b]11;rgb:0/0/0\x07\x1b[?62;4c\x1bP>|XTerm(390)\x1b\\")
        terminal.shows("caf\ufffd \ufffdz \ufffd\ufffd")
        terminal.send(b"\x1b[200~half a paste")
        terminal.shows("half a paste")  # once its time is over
        terminal.send(b" and keys")
        terminal.shows("and keys")
        assert b"rgb:" not in terminal.output
        assert b"XTerm" not in terminal.output
        assert b"62;4" not in terminal.output
    assert (tmp_path / "errors").read_bytes() == b""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_a_signal_restores_the_terminal(tmp_path: Path, name: str) -> None:
    """Modes and attributes are as before, the code is 128 and the number, the draft is kept.

    Where it cannot be kept, it is written to the terminal.
    """
    number = getattr(signal, name)
    if number == signal.SIGQUIT:
        (tmp_path / "unsent.json").mkdir()
    with chat_on_a_terminal(tmp_path / "genpy.db") as terminal:
        on = [mode for mode in MODES if mode + b"h" in terminal.output]
        assert len(on) == len(MODES)
        terminal.send("a draft")
        terminal.shows("a draft")
        shown = len(terminal.output)
        terminal.signal(number)
        assert terminal.ends() == 128 + number
        left = [mode for mode in (*MODES, b"?25") if not restored(terminal.output[shown:], mode)]
        assert left == []
        said = terminal.output[shown:].replace(b"\r\n", b"\n")
        if number == signal.SIGQUIT:
            assert b"could not be kept: Is a directory. It is:\n\na draft\n" in said
        else:
            assert b"up brings it back" in said
    if number == signal.SIGTERM:
        with chat_on_a_terminal(tmp_path / "genpy.db") as terminal:
            terminal.shows("brings back")
            terminal.send(b"\x1b[A")
            terminal.shows("a draft")


async def test_what_was_not_sent_is_kept_however_the_chat_ends(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A message that waits to be sent and the draft come back in the next chat, also after ctrl+q."""
    server.acknowledges = False

    def play(way: bytes) -> bytes:
        with chat_on_a_terminal(tmp_path / "genpy.db", server.url) as terminal:
            terminal.send(b"not sent " + way)
            terminal.shows(b"not sent")
            terminal.send(b"\r")
            terminal.shows("waiting to be sent")
            terminal.send(b"a draft")
            terminal.shows("a draft")
            if way == b"by a key":
                terminal.send(b"\x11")
                terminal.shows("A message is not sent yet")
                terminal.send(b"\x11")
            else:
                terminal.signal(signal.SIGTERM)
            terminal.ends()
            return terminal.output

    for way in (b"by a key", b"by a signal"):
        assert b"up brings it back" in await asyncio.to_thread(play, way)
        kept = json.loads((tmp_path / "unsent.json").read_text())
        assert kept == [f"not sent {way.decode()}", "a draft"]
        (tmp_path / "unsent.json").unlink()


def restored(written: bytes, mode: bytes) -> bool:
    """Whether a mode was switched back."""
    return b"\x1b[" + mode + (b"h" if mode == b"?25" else b"l") in written


def test_a_terminal_that_goes_away_ends_the_program(tmp_path: Path) -> None:
    """When its window is closed the program ends, and keeps what was not sent."""
    with chat_on_a_terminal(tmp_path / "genpy.db") as terminal:
        terminal.send("a draft")
        terminal.shows("a draft")
        os.close(terminal.fd)
        terminal.fd = os.open(os.devnull, os.O_RDONLY)
        assert terminal.process.wait(30) == 128 + signal.SIGHUP
    assert "a draft" in (tmp_path / "unsent.json").read_text()


def test_ctrl_z_suspends_and_comes_back(tmp_path: Path) -> None:
    """The terminal is the shell's while the program is stopped, and the screen's again after."""
    with chat_on_a_terminal(tmp_path / "genpy.db") as terminal:
        terminal.send("a draft")
        terminal.shows("a draft")
        shown = len(terminal.output)
        terminal.send(b"\x1a")
        terminal.until(lambda: terminal.stopped)
        terminal.shows(b"\x1b[?1049l", after=shown)
        shown = len(terminal.output)
        terminal.signal(signal.SIGCONT)
        terminal.shows(b"\x1b[?1049h", after=shown)
        terminal.shows("a draft", after=shown)
        terminal.send(" goes on")
        terminal.shows("goes on", after=shown)


def test_the_cursor_blinks_in_one_cell(tmp_path: Path) -> None:
    """While nothing happens, each write moves to the cursor and writes one character."""
    with chat_on_a_terminal(tmp_path / "genpy.db") as terminal:
        terminal.send("a draft of one line")
        terminal.shows("line")
        terminal.send(b"\x1b[D\x1b[D")
        blink = re.compile(rb"(?:\x1b\[\d+;\d+H(?:\x1b\[[\d;]*m)+n\x1b\[0m\x1b\[\d+;\d+H){4}\Z")
        terminal.until(lambda: blink.search(terminal.output))
