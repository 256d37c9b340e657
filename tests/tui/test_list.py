"""The list beside: it marks where a reply is being written, in whichever conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest
from support import running_server
from support.scripted_model import Upstream
from support.scripted_server import SESSION, ScriptedServer
from support.staged_client import a_session
from support.terminal import Terminal, terminal

from genpy_server.core.identity import question_id
from genpy_server.wire import SessionEvent, SummaryEvent
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


async def test_a_list_beside_a_narrow_conversation(server: ScriptedServer, tmp_path: Path) -> None:
    """The list leaves half of a narrow terminal to the conversation, and no width crashes it."""
    async with terminal(tmp_path, server=server.url, size=(40, 12)) as tui:
        await tui.says("ready")
        await tui.press("ctrl+b")
        prompt = tui.chat.prompt
        await tui.until(lambda: tui.chat.list.shown and 10 < prompt.size.width < 20)
        await tui.pilot.resize_terminal(8, 4)
        await tui.until(lambda: prompt.size.width == 0)
        prompt.placeholder = "Ask anything"
        assert prompt.render_line(0).cell_length == 0


async def stored(running: Any, count: int, title: str = "Conversation {}") -> None:
    """So many conversations in the database, the last of them the newest."""
    for number in range(count):
        identity = f"{number:08d}-2222-4222-8222-222222222222"
        await running.app.store.append("local", identity, "user", "Hi", title=title.format(number))


async def test_a_reply_costs_no_http_request(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list follows the events of the open conversation without asking the server again."""
    monkeypatch.setattr(listing, "QUIET", inf)
    server.api["/api/sessions"] = {"sessions": [a_session(SESSION, "Old", "active", None, None)]}
    server.api[f"/api/session/{SESSION}"] = a_session(SESSION, "Old", "active", None, None)
    async with terminal(tmp_path, server=server.url, size=(120, 34)) as tui:
        await tui.until(lambda: tui.chat.list.sessions)
        await tui.until(lambda: f"/api/session/{SESSION}" in server.requests)
        before = list(server.requests)
        for number in range(5):
            await tui.type(f"Question {number}")
            await tui.says("ready")
            server.start(number + 1, f"run-{number}")
            server.stream("Half", f"run-{number}")
            await tui.until(lambda: tui.chat.list.sessions[0].running)
            server.finish(f"run-{number}")
            await tui.until(lambda: not tui.chat.list.sessions[0].running)
        server.emit(SessionEvent(0, "New title", "completed", 4))
        server.emit(SummaryEvent(0, "What it was about.", rating=4))
        await tui.shows("● New title", "★★★★☆", "What it was about.")
        assert server.requests == before


async def test_a_new_conversation_appears_by_itself(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversation that begins here is in the list with its first message."""
    monkeypatch.setattr(listing, "QUIET", inf)
    server.status = "new"
    async with terminal(tmp_path, server=server.url, size=(120, 34)) as tui:
        await tui.says("ready")
        await tui.until(lambda: server.requests.count("/api/sessions") == 1)
        assert not tui.chat.list.sessions
        await tui.type("Hello")
        await tui.until(lambda: tui.chat.list.sessions)
        assert tui.chat.list.sessions[0].id == SESSION
        assert server.requests.count("/api/sessions") == 1


async def test_the_list_goes_on_below_a_page(tmp_path: Path) -> None:
    """Scrolling to the end of the list reads older conversations, down to the first."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 230)
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.until(lambda: len(tui.chat.list.sessions) == 100)
            tui.chat.list.sidebar.focus()
            for count in (200, 230):
                await tui.press("end")
                await tui.until(lambda: len(tui.chat.list.sessions) == count)  # noqa: B023 - awaited here
            await tui.press("end")
            await tui.shows("Conversation 0 ")
            await tui.chat.list.read()
            assert len(tui.chat.list.sessions) == 230
            assert len({session.id for session in tui.chat.list.sessions}) == 230


async def test_rows_keep_their_lines_beside_a_scroll_bar(tmp_path: Path) -> None:
    """A title that is too long is cut, not wrapped, where the list has a scroll bar too."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        long = "How do I sort a list of people by their age"
        await stored(running, 20, title=long)
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.until(lambda: len(tui.chat.list.sessions) == 20)
            await tui.until(lambda: tui.chat.list.sidebar.show_vertical_scrollbar)
            beside = [line[:31].strip(" ▕▄▅▆▇█") for line in tui.screen.splitlines()[2:14]]
            assert [line[:15] for line in beside] == ["How do I sort a", "now", "1 message", ""] * 3
            assert beside[0].endswith("…")


async def test_the_open_row_is_shaded_and_shows_the_cursor(tmp_path: Path) -> None:
    """The open conversation's row is shaded in its whole width, and marked when the cursor is there."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 20)
        newest = "00000019-2222-4222-8222-222222222222"
        async with terminal(tmp_path, server=running.url, session=newest, size=(120, 34)) as tui:
            sidebar = tui.chat.list.sidebar
            await tui.until(lambda: len(tui.chat.list.sessions) == 20)
            await tui.until(lambda: sidebar.show_vertical_scrollbar)

            def grounds() -> set[str]:
                """The grounds on which the open row's text stands."""
                lines = tui.app.screen._compositor.render_strips()[2:5]
                styles = [next(iter(line.crop(4, 5))).style for line in lines]
                return {str(style.bgcolor.name) for style in styles if style and style.bgcolor}

            surface = tui.app.theme_variables["surface"].lower()
            await tui.until(lambda: grounds() == {surface})
            await tui.until(
                lambda: "…" not in "".join(line[:31] for line in tui.screen.splitlines()[2:5])
            )
            await tui.press("ctrl+b", "ctrl+b")
            await tui.until(lambda: sidebar.has_focus)
            await tui.until(lambda: grounds() == {tui.app.theme_variables["genpy-cursor"].lower()})
            await tui.press("down")
            await tui.until(lambda: grounds() == {surface})


async def test_the_list_filters_as_one_types(tmp_path: Path) -> None:
    """A letter in the list filters it over all conversations; enter opens, and all are back."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 130)
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.until(lambda: len(tui.chat.list.sessions) == 100)
            tui.chat.list.sidebar.focus()
            await tui.press(*"sation 12")
            assert tui.chat.list.filter.value == "sation 12"
            await tui.until(lambda: len(tui.chat.list.sessions) == 11)
            assert tui.chat.list.sessions[-1].title == "Conversation 12"
            await tui.press("down", "end", "enter")
            await tui.until(lambda: tui.chat.conversation.transcript.title == "Conversation 12")
            await tui.until(lambda: len(tui.chat.list.sessions) > 100)
            assert tui.chat.prompt.has_focus
            assert any(session.title == "Conversation 12" for session in tui.chat.list.sessions)


async def test_esc_ends_the_filter(tmp_path: Path) -> None:
    """Esc in the filter shows every conversation again and goes back to the prompt."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 3)
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.until(lambda: len(tui.chat.list.sessions) == 3)
            tui.chat.list.sidebar.focus()
            await tui.press("2")
            await tui.until(lambda: len(tui.chat.list.sessions) == 1)
            await tui.press("escape")
            await tui.until(lambda: len(tui.chat.list.sessions) == 3)
            assert tui.chat.prompt.has_focus
            assert not tui.chat.list.filter.value


async def test_a_deleted_conversation_leaves_the_list(tmp_path: Path) -> None:
    """Deleting a conversation beyond the first page takes it out of the list."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 120)
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.until(lambda: len(tui.chat.list.sessions) == 100)
            tui.chat.list.sidebar.focus()
            await tui.press("end")
            await tui.until(lambda: len(tui.chat.list.sessions) == 120)
            await tui.press("end", "delete")
            await tui.shows("Delete “Conversation 0”?")
            await tui.press("down", "enter")
            await tui.until(lambda: len(tui.chat.list.sessions) == 119)
            assert all(session.title != "Conversation 0" for session in tui.chat.list.sessions)


async def test_single_questions_stand_apart(tmp_path: Path) -> None:
    """Questions of `genpy ask` stand below the conversations, until they are continued."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        await stored(running, 2)
        question = question_id(1_700_000_000_000, 5)
        await running.app.store.append(
            "local", question, "user", "Which port?", title="Which port?"
        )
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.shows("Conversation 0", "Single questions", "? Which port?")
            assert [session.id for session in tui.chat.list.sidebar.sessions][-1] == question
            assert tui.chat.list.sessions[0].id == question
            await running.app.store.append("local", question, "user", "And why?", title="")
            await running.app.store.append("local", question, "user", "And how?", title="")
            await tui.chat.list.read()
            assert tui.chat.list.sidebar.sessions[0].id == question
            await tui.until(lambda: "Single questions" not in tui.screen)
