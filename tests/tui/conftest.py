"""What the tests of the terminal client share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import CodeType, FunctionType
from typing import Any

import pytest
from support.scripted_server import ScriptedServer
from textual import _callback, app
from textual._compositor import Compositor
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.notifications import Notification

_parsed: dict[tuple[object, ...], list[RuleSet]] = {}
_parse_rules = Stylesheet._parse_rules
_count_parameters = _callback._count_parameters
_counted: dict[CodeType, int] = {}


@pytest.fixture(autouse=True)
def _own_clipboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the clipboard of the person who runs it."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture(autouse=True)
def _all_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The themes are those of a terminal of all colours, wherever the tests run."""
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture(autouse=True)
def _notices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice is there to be looked at, however long a busy machine takes for the next key."""
    monkeypatch.setattr(Notification, "has_expired", False)


@pytest.fixture(autouse=True)
def _drawn_when_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen is drawn when a test looks at it: no terminal is there to show each update."""

    def forget(compositor: Compositor, **_: object) -> None:
        compositor._dirty_regions.clear()

    monkeypatch.setattr(Compositor, "render_update", forget)


@pytest.fixture(autouse=True)
def _worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The applications of a run share what Textual works out for each: styles and signatures."""

    def parse_rules(sheet: Stylesheet, *source: Any, **named: Any) -> list[RuleSet]:
        key = (*sheet._variables.items(), source, *named.items())
        if key not in _parsed:
            _parsed[key] = _parse_rules(sheet, *source, **named)
        return _parsed[key]

    def count_parameters(called: Callable[..., Any]) -> int:
        function = getattr(called, "__func__", called)
        if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
            return _count_parameters(called)
        if function.__code__ not in _counted:
            _counted[function.__code__] = _count_parameters(function)
        return _counted[function.__code__] - (function is not called)

    monkeypatch.setattr(Stylesheet, "_parse_rules", parse_rules)
    monkeypatch.setattr(_callback, "_count_parameters", count_parameters)


@pytest.fixture(autouse=True)
def _pressed_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is followed by the messages that it causes, not by a time in which nothing is done."""

    async def go_on(_: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(app, "wait_for_idle", go_on)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that does what the test tells it."""
    async with ScriptedServer().running() as running:
        yield running
