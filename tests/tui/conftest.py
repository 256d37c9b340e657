"""What the tests of the terminal client share."""

from collections.abc import AsyncIterator

import pytest
from support.scripted_server import ScriptedServer
from textual._compositor import Compositor


@pytest.fixture(autouse=True)
def _own_clipboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the clipboard of the person who runs it."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(autouse=True)
def _drawn_when_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen is drawn when a test looks at it: no terminal is there to show each update."""

    def forget(compositor: Compositor, **_: object) -> None:
        compositor._dirty_regions.clear()

    monkeypatch.setattr(Compositor, "render_update", forget)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that does what the test tells it."""
    async with ScriptedServer().running() as running:
        yield running
