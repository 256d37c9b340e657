"""What the client looks like in every state, as text that says what each cell shows.

`pytest tests/tui/test_pictures.py --snapshot-update` writes the files again, and
`docs/make_pictures.py STATE` makes a picture to look at. Everything that moves stands still: the
clock, the cursor, the delay of the connection, and the time until the next attempt.
"""

import time
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cells import picture
from support.client_states import CASES
from support.staged_client import SESSIONS, Case, Staged
from support.terminal import Terminal
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.widgets import Input

from genpy_server.client.reconnect import ReconnectDelay
from genpy_tui.app import adapt_environment
from genpy_tui.chat import status


class Look(NamedTuple):
    """A size of the terminal and a theme."""

    width: int
    height: int
    theme: str


SIZES = ((80, 24), (120, 34), (200, 50))
THEMES = ("genpy-dark", "genpy-light", "ansi-dark")
NO_COLOR, DUMB, SIXTEEN = "no-color", "dumb", "16-colors"
"""The first theme with the variable NO_COLOR set, with TERM=dumb, and where there are 16 colours."""
LOOKS = (Look(80, 24, "genpy-dark"), Look(120, 34, "genpy-light"))
"""Every state in a small window and in a large one, dark and light."""
EVERY_LOOK = (
    *(Look(*size, theme) for theme in THEMES for size in SIZES),
    *(Look(80, 24, terminal) for terminal in (NO_COLOR, DUMB, SIXTEEN)),
)
IN_EVERY_LOOK = {"empty", "conversation", "summary"}
PICTURES = [
    pytest.param(case, look, id=f"{case.name}-{look.width}-{look.theme.removeprefix('genpy-')}")
    for case in CASES
    for look in (EVERY_LOOK if case.name in IN_EVERY_LOOK else LOOKS)
]


class PictureFile(SingleFileSnapshotExtension):
    """One text file a picture."""

    _write_mode = WriteMode.TEXT
    _file_extension = "txt"


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
    monkeypatch.setattr(Input, "_toggle_cursor", lambda _: None)  # a field blinks by this
    monkeypatch.setattr(ReconnectDelay, "next", half_a_minute)


@pytest.mark.parametrize(("case", "look"), PICTURES)
async def test_picture(
    case: Case,
    look: Look,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
) -> None:
    """Every cell of the screen has the character and the style that it had."""
    monkeypatch.setenv("NO_COLOR", "1")
    if look.theme != NO_COLOR:
        monkeypatch.delenv("NO_COLOR")
    if look.theme == DUMB:
        monkeypatch.setenv("TERM", "dumb")
    adapt_environment()
    app = Staged(case, tmp_path)
    app.animation_level = "none"
    app.theme = look.theme if look.theme in THEMES else THEMES[0]
    async with app.run_test(size=look[:2], tooltips=False) as pilot:
        tui = Terminal(app, pilot)
        app.chat.prompt.cursor_blink = False
        await tui.shows("f1 Help")
        await case.play(tui, app.scripted)
        await tui.until(lambda: not app.chat.view.pending)
        if app.chat.list.shown and app.chat.conversation.transcript.epoch:
            await tui.until(lambda: len(app.chat.list.sessions) == len(SESSIONS))
        anchor = app.chat.view.reading_place()
        _ = tui.transcript  # every line is made, so that the scroll bar shows no estimate
        app.chat.view.place(anchor)
        before = ""
        while before != (before := picture(app.screen, sixteen=look.theme == SIXTEEN)):
            await pilot.wait_for_scheduled_animations()  # until every widget has read its messages
        assert before == snapshot(extension_class=PictureFile)
