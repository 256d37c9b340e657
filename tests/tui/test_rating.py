"""Leaving a conversation that was ended: its rating is offered once, quietly."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support import running_server
from support.files import mode
from support.terminal import Terminal, terminal

from genpy_server.client.session_client import RemoteRecords
from genpy_tui.chat import answers
from genpy_tui.preferences import remember_theme, take_offer, theme
from genpy_tui.widgets.answers import RatingOffer

QUESTION = "How was “first”?"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on a busy machine has the time that it needs to say what is rated."""
    monkeypatch.setattr(answers, "ANSWER_SECONDS", 60.0)


@asynccontextmanager
async def ended(tmp_path: Path) -> AsyncIterator[tuple[Terminal, RemoteRecords]]:
    """A terminal on a real server, with a conversation that was ended."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        async with terminal(tmp_path, server=running.url, session="first") as tui:
            await begin(tui)
            records = RemoteRecords(running.url)
            yield tui, records
        await records.close()


async def begin(tui: Terminal) -> None:
    """Say something, and end it."""
    await tui.says("ready")
    await tui.type("We spoke of umbrellas")
    await tui.until(lambda: "No model" in tui.transcript)
    await tui.says("ready")
    await tui.type("/end")
    await tui.until(lambda: "What this was about" in tui.transcript)


async def test_the_rating_is_offered_above_the_prompt(tmp_path: Path) -> None:
    """ctrl+n leaves an ended conversation; f6 and a digit rate it, and the prompt keeps its text."""
    async with ended(tmp_path) as (tui, records):
        await tui.press("ctrl+n")
        await tui.shows(QUESTION, "[1] [2] [3] [4] [5]")
        await tui.press("h", "i")
        await tui.press("f6")
        await tui.shows("press 1 to 5")
        await tui.press("4")
        await tui.until(lambda: any("★★★★☆" in notice for notice in tui.notices))
        assert QUESTION not in tui.screen
        assert tui.chat.prompt.text == "hi"
        assert tui.chat.prompt.has_focus
        await tui.press("f6")
        await tui.until(lambda: "waits for a rating" in tui.notices[-1])
        assert (await records.session("first")).rating == 4


async def test_a_click_rates(tmp_path: Path) -> None:
    """A click on a number of the offer is that rating; a click beside them is none."""
    async with ended(tmp_path) as (tui, records):
        await tui.press("ctrl+n")
        await tui.shows(QUESTION)
        line = next(line for line in tui.screen.split("\n") if QUESTION in line)
        at = line.index("[2]") - tui.chat.rating.offer.region.x
        await tui.pilot.click(RatingOffer, offset=(1, 0))
        assert tui.chat.rating.offer.session is not None
        await tui.pilot.click(RatingOffer, offset=(at + 1, 0))
        await tui.until(lambda: any("★★☆☆☆" in notice for notice in tui.notices))
        assert (await records.session("first")).rating == 2


async def test_the_offer_goes_with_escape_and_does_not_come_again(tmp_path: Path) -> None:
    """Esc hides the offer, and the same conversation left again is not offered again."""
    async with ended(tmp_path) as (tui, records):
        await tui.press("ctrl+n")
        await tui.shows(QUESTION)
        await tui.press("escape")
        await tui.until(lambda: QUESTION not in tui.screen)
        await tui.app.open_session("first")
        await tui.until(lambda: "umbrellas" in tui.transcript)
        await tui.says("ready")
        await tui.press("ctrl+n")
        await tui.until(lambda: "Try asking" in tui.transcript)
        await tui.app.workers.wait_for_complete(
            [worker for worker in tui.app.workers if worker.group == "offer"]
        )
        assert tui.chat.rating.offer.session is None
        assert (await records.session("first")).rating is None


async def test_the_next_message_is_an_answer_too(tmp_path: Path) -> None:
    """What is said next makes the offer go."""
    async with ended(tmp_path) as (tui, _):
        await tui.press("ctrl+n")
        await tui.shows(QUESTION)
        await tui.says("ready")
        await tui.type("Something else")
        await tui.until(lambda: QUESTION not in tui.screen)
        await tui.shows("Something else")


async def test_what_goes_on_or_is_rated_is_not_asked_for(tmp_path: Path) -> None:
    """A conversation that goes on is left without a word, and so is one that has a rating."""
    async with ended(tmp_path) as (tui, records):
        await records.rate("first", 3)
        await tui.press("ctrl+n")
        await tui.until(lambda: "Try asking" in tui.transcript)
        await tui.says("ready")
        await tui.type("This one goes on")
        await tui.until(lambda: "No model" in tui.transcript)
        await tui.press("ctrl+n")
        await tui.until(lambda: "Try asking" in tui.transcript)
        await tui.app.workers.wait_for_complete(
            [worker for worker in tui.app.workers if worker.group == "offer"]
        )
        assert tui.chat.rating.offer.session is None


async def test_quitting_a_remote_server_offers_it(tmp_path: Path) -> None:
    """Quitting on a remote server after the end shows the farewell, and a number there rates."""
    async with ended(tmp_path) as (tui, records):
        await tui.press("ctrl+q")
        await tui.shows("How was it? 1-5 rates it")
        await tui.press("5")
        await tui.until(lambda: tui.app.return_code is not None)
        assert (await records.session("first")).rating == 5


async def test_quitting_twice_offers_once(tmp_path: Path) -> None:
    """A second start that leaves the same conversation is not asked again."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        async with terminal(tmp_path, server=running.url, session="first") as tui:
            await begin(tui)
            await tui.press("ctrl+q")
            await tui.shows("How was it?")
            await tui.press("x")
            await tui.until(lambda: tui.app.return_code is not None)
        async with terminal(tmp_path, server=running.url, session="first") as tui:
            await tui.says("ready")
            await tui.press("ctrl+q")
            await tui.until(lambda: tui.app.return_code is not None)
            assert tui.app.screen is tui.chat


async def test_the_own_server_is_left_at_once_after_the_end(tmp_path: Path) -> None:
    """Quitting the embedded server after /end asks for no second summary, and offers the rating."""
    async with terminal(tmp_path, server=None, session="first") as tui:
        await tui.without_model()
        await begin(tui)
        await tui.press("ctrl+q")
        await tui.shows("How was it? 1-5 rates it")
        await tui.press("x")
        await tui.until(lambda: tui.app.return_code is not None)


def test_an_offer_is_taken_once(tmp_path: Path) -> None:
    """Offers are remembered beside the theme, and neither is lost by the other or by a bad file."""
    remember_theme(tmp_path, "genpy-light")
    assert take_offer(tmp_path, "a")
    assert not take_offer(tmp_path, "a")
    assert take_offer(tmp_path, "b")
    assert theme(tmp_path) == "genpy-light"
    assert mode(tmp_path / "terminal.json") == 0o600
    remember_theme(tmp_path, "genpy-dark")
    assert not take_offer(tmp_path, "b")
    (tmp_path / "terminal.json").write_text("[1, 2]")
    assert theme(tmp_path) is None
    assert take_offer(tmp_path, "b")
    assert json.loads((tmp_path / "terminal.json").read_text()) == {"rating_offered": ["b"]}
