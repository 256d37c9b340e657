"""The real program in a real terminal: a conversation, a resize storm, a server that dies."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import running_server
from support.conditions import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

ROOT = Path(running_server.__file__).parents[2]
PROGRAM = (
    "import sys; from msgspec.structs import replace; from genpy_server import settings; from genpy_tui.app import GenPyApp, run_chat; "
    "sys.exit(run_chat(lambda: GenPyApp(replace(settings.load({'GENPY_DATABASE': sys.argv[1]}), "
    "server=sys.argv[2] or None), session='talk')))"
)


class Tmux:
    """One window of a tmux of the test's own."""

    def __init__(self, folder: Path, name: str = "tmux") -> None:
        self.socket = folder / name
        self.folder = folder

    def run(self, *arguments: str) -> str:
        """A tmux command."""
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def start(self, server: str = "", *, columns: int = 100, rows: int = 30, **extra: str) -> None:
        """The program in the window."""
        environment = {"PYTHONPATH": str(ROOT), **extra}
        words = [f"{name}={value}" for name, value in environment.items()]
        program = [sys.executable, "-c", PROGRAM, str(self.folder / "genpy.db"), server]
        quoted = " ".join(f"'{word}'" for word in ["env", "-u", "COLORTERM", *words]) + " "
        quoted += " ".join('"' + word.replace('"', '\\"') + '"' for word in program)
        size = ("-x", str(columns), "-y", str(rows))
        self.run("new-session", "-d", *size, quoted)
        self.run("set", "-g", "remain-on-exit", "on")
        self.run("set", "-g", "escape-time", "0")
        self.run("set", "-g", "window-size", "manual")

    @property
    def screen(self) -> str:
        """What is on the screen."""
        return self.run("capture-pane", "-p")

    @property
    def ended(self) -> str:
        """Whether the program has ended, and its status."""
        return self.run("display-message", "-p", "#{pane_dead} #{pane_dead_status}").strip()

    def shows(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        self.until(lambda: all(text in self.screen for text in texts))

    def without_model(self) -> None:
        """Go on without a model, on a server of its own."""
        self.shows("Set up a model")
        self.run("send-keys", "Escape")
        self.until(lambda: "● ready" in self.screen and "Set up a model" not in self.screen)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self.screen
            time.sleep(0.05)

    def type(self, text: str) -> None:
        """Type a line and send it."""
        self.run("send-keys", "-l", text)
        self.run("send-keys", "Enter")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A tmux that ends with the test."""
    tmux = Tmux(tmp_path)
    yield tmux
    tmux.run("kill-server")


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Tmux]:
    """Another one over the same database."""
    tmux = Tmux(tmp_path, "second")
    yield tmux
    tmux.run("kill-server")


def test_a_conversation_on_the_own_server(tmux: Tmux) -> None:
    """Nothing is configured: it starts, answers, and leaves with a summary."""
    tmux.start()
    tmux.without_model()
    tmux.type("Good morning")
    tmux.shows("› You", "Good morning", "◆ GenPy", "No model is configured")
    tmux.run("send-keys", "C-q")
    tmux.shows("1-5 rates it")
    tmux.run("send-keys", "4")
    # tmux does not always learn the status of a program whose terminal closed first.
    tmux.until(lambda: tmux.ended in {"1 0", "1"})


def test_two_programs_share_a_conversation(tmux: Tmux, second: Tmux) -> None:
    """Two chats over one database see each other; the one that stays goes on when the other leaves."""
    tmux.start()
    tmux.without_model()
    second.start()
    second.shows("● ready")
    tmux.type("Good morning")
    second.shows("Good morning", "No model is configured")
    tmux.run("send-keys", "C-q")
    tmux.until(lambda: tmux.ended in {"1 0", "1"})
    second.type("Still there?")
    second.shows("Still there?", "Your message is kept")
    assert "What this was about" not in second.screen


def test_the_frame_stays_straight_beside_any_text(tmux: Tmux) -> None:
    """Emoji and signs that tmux counts in its own way move no frame, and leave nothing behind."""
    tmux.start()
    tmux.without_model()
    for text in ("👍🏽 skin", "1️⃣ keycap", "क्षिप्र sign"):
        tmux.run("send-keys", "-l", text)
        tmux.shows(text.split()[1])
        for _ in range(len(text.split()[1]) + 1):
            tmux.run("send-keys", "Left")
        tmux.run("send-keys", "End")
        tmux.type("")
        tmux.shows("Ask anything")
    # A look at the screen may come in the middle of a drawing.
    tmux.until(lambda: all(line.count("│") in {0, 2} for line in tmux.screen.splitlines()))


def test_a_storm_of_resizes(tmux: Tmux) -> None:
    """The window is resized again and again; the conversation and the prompt are still there."""
    tmux.start()
    tmux.without_model()
    tmux.type("Good morning")
    tmux.shows("No model is configured")
    for columns, rows in ((40, 10), (200, 60), (20, 5), (99, 24), (61, 17), (150, 40)) * 3:
        tmux.run("resize-window", "-x", str(columns), "-y", str(rows))
    tmux.run("resize-window", "-x", "110", "-y", "40")
    tmux.shows("Good morning", "No model is configured", "● ready")
    tmux.type("Still there?")
    tmux.shows("Still there?")


async def test_the_server_dies_and_returns(tmux: Tmux, tmp_path: Path) -> None:
    """Kill -9 of the server, words typed meanwhile, a restart: all is answered."""
    process = running_server.ServerProcess(tmp_path / "served.db")
    await process.start()
    port = process.url.rpartition(":")[2]
    await asyncio.to_thread(tmux.start, process.url)
    await asyncio.to_thread(tmux.shows, "● ready")
    await process.kill()
    await asyncio.to_thread(tmux.shows, "reconnecting")
    await asyncio.to_thread(tmux.type, "Typed in the dark")
    await asyncio.to_thread(tmux.shows, "waiting to be sent")
    again = running_server.ServerProcess(tmp_path / "served.db", GENPY_PORT=port)
    await again.start()
    await asyncio.to_thread(tmux.shows, "Typed in the dark", "◆ GenPy", "● ready")
    await again.stop()


def test_the_editor_writes_the_message(tmux: Tmux) -> None:
    """ctrl+g opens $EDITOR with what is being written, and what it saves stands in the prompt."""
    script = tmux.folder / "editor.py"
    script.write_text(
        "import sys\n"
        "text = open(sys.argv[1]).read()\n"
        "input('The editor has: ' + text)\n"
        "open(sys.argv[1], 'w').write(text + '\\nand a second line\\n')\n"
    )
    tmux.start(EDITOR=f"{sys.executable} {script}")
    tmux.without_model()
    tmux.run("send-keys", "-l", "a first line")
    tmux.shows("a first line")
    tmux.run("send-keys", "C-g")
    tmux.shows("The editor has: a first line")
    tmux.run("send-keys", "Enter")
    tmux.shows("│ a first line", "│ and a second line", "● ready")
    tmux.run("send-keys", "Enter")
    tmux.shows("› You", "No model is configured")


def test_without_colours_everything_is_told_by_words(tmux: Tmux) -> None:
    """With NO_COLOR no colour is written, and roles and states are still told apart."""
    tmux.start(NO_COLOR="1", TERM="xterm-16color")
    tmux.without_model()
    tmux.type("Good morning")
    tmux.shows("› You", "◆ GenPy", "● ready")
    coloured = tmux.run("capture-pane", "-p", "-e")
    for line in coloured.split("\n"):
        for code in line.split("\x1b[")[1:]:
            numbers = code.partition("m")[0].split(";")
            assert not {"31", "32", "33", "34", "35", "36"} & set(numbers), line


def test_a_dumb_terminal_gets_no_colour(tmux: Tmux) -> None:
    """With TERM=dumb every shade is grey, and the marked row is reversed."""
    tmux.start(TERM="dumb")
    tmux.shows("Set up a model", "Groq: paste a key")
    drawn = tmux.run("capture-pane", "-p", "-e")
    shades = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", drawn)
    assert shades
    assert all(len(set(shade)) == 1 for shade in shades)
    row = next(line for line in drawn.split("\n") if "Groq: paste a key" in line)
    assert "\x1b[7m" in row.partition("Groq")[0]


def test_an_editor_that_is_not_there_leaves_the_screen(tmux: Tmux) -> None:
    """When ctrl+g finds no editor, the screen comes back with the draft, and typing goes on."""
    tmux.start(EDITOR=str(tmux.folder / "no-such-editor"))
    tmux.without_model()
    tmux.run("send-keys", "-l", "a first line")
    tmux.shows("a first line")
    tmux.run("send-keys", "C-g")
    tmux.shows("Could not write in", "│ a first line")
    tmux.run("send-keys", "Enter")
    tmux.shows("› You", "No model is configured")


def test_a_coloured_log_is_pasted_and_not_obeyed(tmux: Tmux) -> None:
    """Escapes and control characters in a paste stay in it: nothing is sent, nothing is opened."""
    tmux.start(EDITOR="false")
    tmux.without_model()
    tmux.run("set-buffer", "log start\n\x1b[31merror\x1b[0m: first\nbell\x07 rings\nlast line")
    tmux.run("paste-buffer", "-p", "-r")
    tmux.shows("│ log start", "│ ␛[31merror␛[0m: first", "│ last line", "● ready")
    tmux.run("send-keys", "Enter")
    tmux.shows("› You", "last line", "No model is configured")
