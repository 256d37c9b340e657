"""A program on a terminal of the test's own: its raw bytes, its signals and how it ends."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from support import running_server
from support.conditions import PATIENCE

ROOT = Path(running_server.__file__).parents[2]
CHAT = (
    "import sys; from msgspec.structs import replace; from genpy_server import settings; from genpy_tui.app import GenPyApp, run_chat; "
    "sys.exit(run_chat(lambda: GenPyApp(replace(settings.load({'GENPY_DATABASE': sys.argv[1], 'GENPY_LLM_URL': 'http://127.0.0.1:9/v1'}), "
    "server=sys.argv[2] or None), session=None)))"
)


class PseudoTerminal:
    """Our end of a terminal, and the program on its other end."""

    def __init__(
        self,
        program: str,
        *arguments: str,
        columns: int = 120,
        rows: int = 40,
        errors: BinaryIO | None = None,
    ) -> None:
        self.fd, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.attributes = termios.tcgetattr(theirs)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GROQ", "GENPY"))}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=errors or theirs,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(theirs)
        self.output = b""
        """Everything that was written to the terminal."""

    def read(self) -> bool:
        """Take in what was written, waiting for a moment; False when the other end is closed."""
        if not select.select([self.fd], [], [], 0.05)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.output += piece
        return bool(piece)

    def until(self, holds: Callable[[], object]) -> None:
        """Read until something holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self.output[-2000:]
            self.read()

    def shows(self, text: str | bytes, *, after: int = 0) -> None:
        """Read until a text was written, after so many bytes."""
        wanted = text.encode() if isinstance(text, str) else text
        self.until(lambda: wanted in self.output[after:])

    def send(self, data: str | bytes) -> None:
        """Press keys, or be the terminal that answers."""
        os.write(self.fd, data.encode() if isinstance(data, str) else data)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.process.pid, number)

    @property
    def stopped(self) -> bool:
        """Whether the program is suspended."""
        status = Path(f"/proc/{self.process.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def ends(self) -> int:
        """Read all that the program writes until it has ended; its exit code."""
        self.until(lambda: not self.read())
        return self.process.wait(PATIENCE)


@contextmanager
def on_a_terminal(
    program: str, *arguments: str, errors: BinaryIO | None = None
) -> Iterator[PseudoTerminal]:
    """A program on a terminal; it is killed at the end if it is still there."""
    terminal = PseudoTerminal(program, *arguments, errors=errors)
    try:
        yield terminal
    finally:
        if terminal.process.poll() is None:
            terminal.signal(signal.SIGCONT)
            terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.fd)


@contextmanager
def chat_on_a_terminal(
    database: Path, server: str = "", errors: BinaryIO | None = None
) -> Iterator[PseudoTerminal]:
    """The chat, ready, on a server of its own unless another is named; `errors` takes its stderr."""
    with on_a_terminal(CHAT, str(database), server, errors=errors) as terminal:
        terminal.shows("ready")
        yield terminal
