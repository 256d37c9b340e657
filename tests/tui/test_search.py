"""Search: the best hits come first, and more of them while going down the list."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import running_server
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal
from textual.widgets import OptionList

SESSION = "22222222-2222-4222-8222-222222222222"


@asynccontextmanager
async def searching(tmp_path: Path, messages: int, words: str) -> AsyncIterator[Terminal]:
    """The search screen over a real server that holds so many messages about teapots."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        for number in range(messages):
            text = f"Teapot number {number}"
            await running.app.store.append("local", SESSION, "user", text, title="Kitchen")
        async with terminal(tmp_path, server=running.url, size=(120, 34)) as tui:
            await tui.says("ready")
            await tui.press("f3", *words)
            yield tui


def hits(tui: Terminal) -> int:
    """How many hits the list holds."""
    return tui.app.screen.query_one(OptionList).option_count


async def test_all_hits_are_counted(tmp_path: Path) -> None:
    """Hits that fit on a page are all there, and the count says so."""
    async with searching(tmp_path, 7, "teapot") as tui:
        await tui.shows("7 hits", "Teapot number 6")
        assert "more below" not in tui.screen


async def test_the_next_page_comes_at_the_end_of_the_list(tmp_path: Path) -> None:
    """Going to the end of the list loads more hits until all are there, each once."""
    async with searching(tmp_path, 120, "teapot") as tui:
        await tui.shows("50 best hits, more below")
        await tui.press("down", "end")
        await tui.shows("100 best hits, more below")
        assert tui.app.screen.query_one(OptionList).highlighted == 49
        await tui.press("end")
        await tui.shows("120 hits")
        await tui.press("end")
        await tui.until(lambda: tui.app.screen.query_one(OptionList).highlighted == 119)
        found = [hit.message.id for hit in tui.app.screen._hits]
        assert len(set(found)) == len(found) == 120
        await tui.press("enter")
        await tui.until(lambda: tui.chat.view.marked is not None)


async def test_scrolling_loads_more_too(tmp_path: Path) -> None:
    """The wheel at the end of the list loads more hits as the keys do."""
    async with searching(tmp_path, 60, "teapot") as tui:
        await tui.shows("50 best hits, more below")
        tui.app.screen.query_one(OptionList).scroll_end(animate=False)
        await tui.shows("60 hits")


async def test_there_is_an_end(tmp_path: Path) -> None:
    """More hits than a server gives at once are told, with what to do."""
    async with searching(tmp_path, 230, "teapot") as tui:
        await tui.shows("50 best hits")
        for many in (100, 150, 200):
            await tui.press("down", "end")
            await tui.until(lambda many=many: hits(tui) == many)
        await tui.shows("200 best hits; more words find others")


async def test_other_words_begin_again(tmp_path: Path) -> None:
    """Other words replace the hits; words that nothing holds say so."""
    async with searching(tmp_path, 60, "teapot") as tui:
        await tui.shows("50 best hits")
        await tui.press("s", "x")
        await tui.shows("Nothing found. Try other words.")
        assert hits(tui) == 0


async def test_a_search_that_fails_says_why(server: ScriptedServer, tmp_path: Path) -> None:
    """An error of the server stands in the place of the count."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("f3", "x")
        await tui.shows("✗ Not there.")


async def test_the_place_of_a_hit_is_clicked(tmp_path: Path) -> None:
    """What a tool found can be gone to: a click on its place opens the message there."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        rome = "33333333-3333-4333-8333-333333333333"
        said = await running.app.store.append("local", rome, "user", "A hotel in Rome", title="R")
        async with terminal(tmp_path, server=running.url) as tui:
            await tui.says("ready")
            await tui.type("Did I mention Rome?")
            place = f"{rome[:8]}#{said.message.id}"
            await tui.shows("Not in this conversation", place)
            lines = tui.screen.splitlines()
            row = next(n for n, line in enumerate(lines) if place in line)
            await tui.pilot.click(offset=(lines[row].index(place) + 2, row))
            await tui.until(
                lambda: tui.chat.conversation.session == rome and tui.chat.view.marked is not None
            )


async def test_a_title_is_found_first(tmp_path: Path) -> None:
    """A conversation whose title has the words is a hit by itself, and enter opens it."""
    async with searching(tmp_path, 3, "kitchen") as tui:
        await tui.shows("1 hit", "Kitchen   title · now")
        await tui.press("enter")
        await tui.until(lambda: tui.chat.conversation.session == SESSION)
        await tui.until(lambda: "Teapot number 2" in tui.transcript)
