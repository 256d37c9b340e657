"""What the client looks like in every state, as pictures that were looked at before they were kept.

`pytest tests/tui/test_snapshots.py --snapshot-update` makes them anew. Everything that moves stands
still: the clock, the cursor, the delay of the connection, and the time until the next attempt.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.client_states import CASES
from support.staged_client import Case, Staged
from support.terminal import Terminal
from textual.pilot import Pilot

from genpy_server.client.reconnect import ReconnectDelay
from genpy_server.client.session_client import SessionClient
from genpy_tui.chat import status


class Look(NamedTuple):
    """A size of the terminal and a theme."""

    width: int
    height: int
    theme: str


SIZES = ((80, 24), (120, 34), (200, 50))
THEMES = ("genpy-dark", "genpy-light", "ansi-dark")
LOOKS = tuple(Look(*size, theme) for size, theme in zip(SIZES, THEMES, strict=True))
"""Every state at every size, and in dark, in light and in the 16 colours of the terminal."""
EVERY_LOOK = tuple(Look(*size, theme) for theme in THEMES for size in SIZES)
IN_EVERY_LOOK = {"empty", "conversation", "summary"}
PICTURES = [
    pytest.param(case, look, id=f"{case.name}-{look.width}-{look.theme.removeprefix('genpy-')}")
    for case in CASES
    for look in (EVERY_LOOK if case.name in IN_EVERY_LOOK else LOOKS)
]


def half_a_minute(delay: ReconnectDelay, retry_after: float | None = None) -> float:
    """The wait before the next attempt, without chance."""
    delay.failures += 1
    return 30.0


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves."""
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    monkeypatch.setattr(status, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(SessionClient, "latency_ms", 3.0)
    monkeypatch.setattr(ReconnectDelay, "next", half_a_minute)


@pytest.mark.parametrize(("case", "look"), PICTURES)
def test_it_looks_as_it_did(case: Case, look: Look, tmp_path: Path, snap_compare: Any) -> None:
    """The screen is the picture that was looked at."""
    app = Staged(case, tmp_path)
    app.animation_level = "none"
    app.theme = look.theme

    async def play(pilot: Pilot[int]) -> None:
        tui = Terminal(app, pilot)
        app.chat.prompt.cursor_blink = False
        await tui.shows("f1 Help")
        await case.play(tui, app.scripted)
        await tui.until(lambda: not app.chat.view.pending)
        anchor = app.chat.view.reading_place()
        assert tui.transcript  # every line is made, so that the scroll bar tells no guess
        app.chat.view.place(anchor)
        before = ""
        while before != (before := app.export_screenshot()):
            await pilot.pause()

    assert snap_compare(app, terminal_size=look[:2], run_before=play)
