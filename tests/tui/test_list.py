"""The list beside: it marks where a reply is being written, in whichever conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support import running_server
from support.scripted_model import Upstream
from support.terminal import Terminal, terminal

from genpy_tui.chat import list as listing


@asynccontextmanager
async def model() -> AsyncIterator[Upstream]:
    """A model that says what a test tells it to."""
    async with Upstream() as upstream:
        yield upstream


def row(tui: Terminal, title: str) -> str:
    """What the list says of a conversation."""
    sidebar = tui.chat.list.sidebar
    number = next(n for n, session in enumerate(sidebar.sessions) if session.title == title)
    return str(sidebar.get_option_at_index(number).prompt)


def listed(tui: Terminal, title: str) -> bool:
    """Whether a conversation is in the list."""
    return any(session.title == title for session in tui.chat.list.sidebar.sessions)


async def test_a_reply_that_goes_on_elsewhere_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation left in mid-reply is marked as replying until its reply is over."""
    monkeypatch.setattr(listing, "BUSY", 0.0)
    async with (
        model() as upstream,
        running_server.serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
        terminal(tmp_path, server=running.url, session="slow", size=(120, 34)) as tui,
    ):
        gate = upstream.say("One ", "two", paused_at=1)
        await tui.says("ready")
        await tui.type("Count slowly")
        await tui.says("replying")
        await tui.until(lambda: listed(tui, "slow") and "▶ " in row(tui, "slow"))
        await tui.press("ctrl+n")
        await tui.until(lambda: "Try asking" in tui.transcript)
        await tui.says("ready")
        await tui.until(lambda: "▶ " in row(tui, "slow") and "replying" in row(tui, "slow"))
        await tui.shows("▶ slow", "replying")
        gate.set()
        await tui.until(lambda: "▶ " not in row(tui, "slow"))
        assert "replying" not in row(tui, "slow")


async def test_a_reply_of_another_terminal_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another terminal asks in its conversation is marked in this one's list."""
    monkeypatch.setattr(listing, "QUIET", 0.0)
    async with (
        model() as upstream,
        running_server.serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
        terminal(tmp_path, server=running.url, session="left", size=(120, 34)) as left,
        terminal(tmp_path, server=running.url, session="right", size=(120, 34)) as right,
    ):
        await left.says("ready")
        await right.says("ready")
        gate = upstream.say("One ", "two", paused_at=1)
        await left.type("Count slowly")
        await right.until(lambda: listed(right, "left") and "▶ " in row(right, "left"))
        gate.set()
        await right.until(lambda: "▶ " not in row(right, "left"))


async def test_the_list_keeps_its_place(tmp_path: Path) -> None:
    """Reading the list again moves neither what is chosen in it nor how far it is scrolled."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        for number in range(30):
            identity = f"{number:08d}-2222-4222-8222-222222222222"
            await running.app.store.append("local", identity, "user", "Hi", title=f"Talk {number}")
        async with terminal(tmp_path, server=running.url, size=(120, 24)) as tui:
            await tui.until(lambda: len(tui.chat.list.sidebar.sessions) == 30)
            tui.chat.list.sidebar.focus()
            await tui.press("end")
            await tui.until(lambda: tui.chat.list.sidebar.scroll_y > 0)
            before = (tui.chat.list.sidebar.highlighted, tui.chat.list.sidebar.scroll_y)
            await tui.chat.list.read()
            await tui.pilot.pause()
            assert (tui.chat.list.sidebar.highlighted, tui.chat.list.sidebar.scroll_y) == before
