"""The bytes that the real program writes to a real terminal, and the code it ends with."""

import asyncio
import contextlib
import os
import re
import select
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import running_server
from support.hostile_text import HOSTILE
from support.scripted_server import ScriptedServer

fcntl = pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals")
pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

PATIENCE = 20.0
PROGRAM = """
import sys
from genpy_server import settings
from genpy_tui.app import GenPyApp
app = GenPyApp(settings=settings.load({"GENPY_DATABASE": sys.argv[1]}), server=sys.argv[2])
sys.exit(app.run() or 0)
"""
BROKEN = """
import sys
from genpy_server import settings
from genpy_tui import app

def on_mount(_):
    raise ZeroDivisionError("inside")

app.GenPyApp.on_mount = on_mount
configured = settings.load({"GENPY_DATABASE": sys.argv[1]})
sys.exit(app.run_chat(settings=configured, session=None, server=None, token=None))
"""
OURS = re.compile(
    rb"\x1b\[[0-9;?<>=$]*[A-Za-z~]|\x1b\[>[0-9;]*[a-z]|\x1b[78=>]|\x1b\][0-9;]*default\x1b\\|"
    rb"\x1b\][0-9;]+default\x07|\x1b\]22;[a-z]*(?:\x1b\\|\x07)"
)
"""The sequences that Textual itself writes."""


async def test_the_bytes_of_the_terminal_hold_no_escape_but_ours(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The real program on a real terminal: hostile messages write no sequence of their own."""
    server.title = HOSTILE[1]
    server.message("\n\n".join(HOSTILE[:-1]))
    server.start(1)
    server.stream("\n\n".join(HOSTILE[:-1]) + "\n\nfinally")
    server.finish()
    written = await asyncio.to_thread(session_on_a_terminal, server.url, tmp_path)
    rest = OURS.sub(b"", written)
    at = rest.find(b"\x1b")
    assert at == -1, rest[max(0, at - 40) : at + 80]
    assert not re.search("[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]", rest.decode())
    assert b"]52;" not in re.sub("␛]52".encode(), b"", written)


def test_a_bug_in_the_client_is_no_success(tmp_path: Path) -> None:
    """A client that dies of an exception shows it, and its command fails."""
    process, terminal = on_a_terminal(BROKEN, str(tmp_path / "genpy.db"))
    written = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
        while piece := os.read(terminal, 65536):
            written += piece
    os.close(terminal)
    assert process.wait(PATIENCE) == 1
    assert b"ZeroDivisionError" in written


def on_a_terminal(program: str, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """A program in a terminal of its own, and our end of that."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GROQ", "GENPY"))}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=Path(running_server.__file__).parents[2],
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def session_on_a_terminal(url: str, folder: Path) -> bytes:
    """Everything the program writes until it has shown the conversation and was left."""
    process, ours = on_a_terminal(PROGRAM, str(folder / "genpy.db"), url)
    written = b""
    end = time.monotonic() + PATIENCE
    marker = b"finally"
    try:
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                written += os.read(ours, 65536)
            except OSError:
                break
            if marker in written and marker == b"finally":
                marker = b"?1049l"
                os.write(ours, b"\x11")
            elif marker in written:
                break
        assert marker == b"?1049l", written[-3000:]
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return written
