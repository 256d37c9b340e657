"""Make the README's pictures of the terminal from the real client.

    python docs/make_pictures.py
    python docs/make_pictures.py FOLDER STATE 80x24 genpy-light    any state, to look at

The client talks over a real socket to the scripted server of the tests, which plays a conversation,
and writes what its terminal shows as SVG.
"""

# ruff: noqa: INP001 - a script, no package

import asyncio
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
os.environ["COLORTERM"] = "truecolor"
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from support.client_states import CASES  # noqa: E402 - found by the path above
from support.staged_client import SESSIONS, Staged  # noqa: E402 - found by the path above
from support.terminal import Terminal  # noqa: E402 - found by the path above

from genpy_server.wire import RunStarted  # noqa: E402 - found by the path above

MODEL = "openai/gpt-oss-120b"
SIZE = "120x34"
PICTURES = {
    "terminal-chat": ("conversation", "genpy-dark"),
    "terminal-light": ("conversation", "genpy-light"),
    "terminal-search": ("search", "genpy-dark"),
}
"""File to the state it shows, and the theme."""


async def take(state: str, theme: str, folder: Path, size: str = SIZE) -> str:
    """The picture of a state."""
    case = next(case for case in CASES if case.name == state)
    app = Staged(case, folder)
    app.scripted.model = MODEL
    for frame in app.scripted.log:
        if isinstance(frame, RunStarted):
            frame.model = MODEL
    app.animation_level = "none"
    app.theme = theme
    columns, rows = map(int, size.split("x"))
    async with app.run_test(size=(columns, rows), notifications=True) as pilot:
        terminal = Terminal(app, pilot)
        await case.play(terminal, app.scripted)
        if app.chat.list.shown and app.chat.conversation.transcript.epoch:
            await terminal.until(lambda: len(app.chat.list.sessions) == len(SESSIONS))
        await terminal.until(lambda: not app.chat.view.pending)
        await pilot.pause()
        return app.export_screenshot(title="genpy chat")


def draw(file: Path, state: str, theme: str, size: str = SIZE) -> None:
    """Write one picture."""
    with tempfile.TemporaryDirectory() as folder:
        file.write_text(asyncio.run(take(state, theme, Path(folder), size)), encoding="utf-8")


def main() -> None:
    """Every picture of the README, or the one that is asked for."""
    if len(sys.argv) > 1:
        folder, state, size, theme = sys.argv[1:]
        draw(Path(folder) / f"{state}-{size}-{theme}.svg", state, theme, size)
        return
    for name, (state, theme) in PICTURES.items():
        draw(HERE / f"{name}.svg", state, theme)


if __name__ == "__main__":
    main()
