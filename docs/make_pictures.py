"""Make the README's pictures of the terminal from the real client.

    python docs/make_pictures.py

The client talks over a real socket to the scripted server of the tests, which plays a conversation,
and writes what its terminal shows as SVG.
"""

# ruff: noqa: INP001 - a script, no package

import asyncio
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests"), str(HERE.parent / "tests" / "tui")]

import test_snapshots as staged  # noqa: E402 - found by the path above
from terminal import Terminal  # noqa: E402

MODEL = "openai/gpt-oss-120b"
PICTURES = {
    "terminal-chat": "conversation",
    "terminal-light": "conversation-light",
    "terminal-search": "search",
}
"""File to the case it shows."""


async def take(case: staged.Case, folder: Path) -> str:
    """The picture of a case."""
    app = staged.Staged(case, folder)
    app.scripted.model = MODEL
    app.animation_level = "none"
    app.theme = case.theme
    async with app.run_test(size=case.size) as pilot:
        terminal = Terminal(app, pilot)
        await case.play(terminal, app.scripted)
        await terminal.until(lambda: not app.chat.view.pending)
        await pilot.pause()
        return app.export_screenshot(title="genpy chat")


def main() -> None:
    """Every picture."""
    cases = {case.name: case for case in staged.CASES}
    for name, case in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            picture = asyncio.run(take(cases[case], Path(folder)))
        (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
