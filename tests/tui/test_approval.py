"""A tool that acts, in the terminal: shown with its arguments, and answered in place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.running_server import serving
from support.scripted_model import Upstream
from support.terminal import Terminal, terminal

from genpy_server import App, Context, tool
from genpy_tui.widgets import answers
from genpy_tui.widgets.answers import ApprovalRequest

RAN: list[str] = []


@tool
async def deploy(context: Context, to: str, files: list[str]) -> str:
    """Deploy the site."""
    context.progress("copying", 0.25)
    RAN.append(to)
    if to == "nowhere":
        await asyncio.Event().wait()
    if to == "asks" and not await context.ask("Overwrite [red]index.html[/red]?"):
        return "kept"
    return "deployed"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "NOTICE_SECONDS", 0.0)
    RAN.clear()


@asynccontextmanager
async def asked(
    tmp_path: Path, to: str, *, typed: str = "", size: tuple[int, int] = (100, 30)
) -> AsyncIterator[Terminal]:
    """A terminal in which a model has called the tool."""
    async with Upstream() as upstream:
        upstream.call("deploy", {"to": to, "files": ["index.html", "a.css"]})
        upstream._scripts[0].gates[0] = gate = asyncio.Event()
        upstream.say("Done with it.")
        own = App(tools=[deploy])
        async with serving(tmp_path / "genpy.db", own=own, GENPY_LLM_URL=upstream.url) as server:
            async with terminal(tmp_path, server=server.url, session="t", size=size) as tui:
                await tui.says("ready")
                await tui.type("Deploy the site")
                if typed:
                    tui.chat.prompt.insert(typed)
                gate.set()
                yield tui


async def test_a_digit_allows_a_call(tmp_path: Path) -> None:
    """The request shows tool and arguments above the prompt; 1 runs it once, and the reply goes on."""
    async with asked(tmp_path, "prod") as tui:
        await tui.shows("deploy wants to run", 'to = "prod"', "[1] once", "[3] always", "[4] no")
        await tui.says("waits for you deploy")
        await tui.until(lambda: "? waits for you" in tui.transcript)
        assert RAN == []
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("1")
        await tui.until(lambda: "Done with it." in tui.transcript)
        assert RAN == ["prod"]
        assert "wants to run" not in tui.screen
        assert tui.chat.prompt.has_focus


async def test_what_is_being_written_keeps_the_focus(tmp_path: Path) -> None:
    """With text in the prompt a digit is text; f8 goes to the request, and 4 refuses."""
    async with asked(tmp_path, "prod", typed="next: ") as tui:
        await tui.shows("wants to run", "[4] no  f8 answers")
        await tui.press("1")
        assert tui.chat.prompt.text == "next: 1"
        await tui.press("f8", "4")
        await tui.until(lambda: "Done with it." in tui.transcript)
        assert RAN == []
        assert "✗ failed" in tui.transcript
        assert tui.chat.prompt.text == "next: 1"


async def test_a_letter_goes_to_the_prompt(tmp_path: Path) -> None:
    """What is typed while the request has the focus is written, and answers nothing."""
    async with asked(tmp_path, "prod") as tui:
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("h", "1")
        assert tui.chat.prompt.text == "h1"
        assert RAN == []


async def test_a_request_takes_no_digit_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digit that was on its way when the request appeared allows nothing."""
    monkeypatch.setattr(answers, "NOTICE_SECONDS", 1e9)
    async with asked(tmp_path, "prod") as tui:
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("1")
        assert tui.chat.approval.panel.request is not None
        await tui.press("f8", "1")
        await tui.until(lambda: "Done with it." in tui.transcript)
        assert RAN == ["prod"]


async def test_a_click_answers(tmp_path: Path) -> None:
    """A click on an answer is that answer."""
    async with asked(tmp_path, "prod") as tui:
        await tui.shows("[2] this conversation")
        panel = tui.chat.approval.panel
        line = next(line for line in tui.screen.split("\n") if "[2] this" in line)
        at = line.index("[2]") - panel.region.x
        await tui.pilot.click(ApprovalRequest, offset=(at + 1, panel.outer_size.height - 1))
        await tui.until(lambda: "Done with it." in tui.transcript)
        assert RAN == ["prod"]


async def test_a_tool_asks_a_question(tmp_path: Path) -> None:
    """A running tool's question has two answers, and its text is shown as it is."""
    async with asked(tmp_path, "asks") as tui:
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("1")
        await tui.shows("deploy asks", "Overwrite [red]index.html[/red]?", "[1] yes  [2] no")
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("2")
        await tui.until(lambda: "Done with it." in tui.transcript)


async def test_escape_stops_a_running_tool(tmp_path: Path) -> None:
    """A tool that was allowed shows how far it is; esc stops it with the reply, and both say so."""
    async with asked(tmp_path, "nowhere") as tui:
        await tui.until(lambda: tui.chat.approval.panel.has_focus)
        await tui.press("1")
        await tui.until(lambda: "… 25% copying" in tui.transcript)
        await tui.says("asking deploy · copying")
        await tui.press("escape")
        await tui.until(lambda: tui.transcript.count("■ stopped") == 2)
        assert "failed" not in tui.transcript
        assert RAN == ["nowhere"]
