"""The connection: it may be cut at any moment, and nothing on the screen is lost or doubled."""

import random
from pathlib import Path

from support import running_server
from support.scripted_server import SESSION, ScriptedServer
from support.terminal import terminal

from genpy_server.wire import MessageEvent, Send

CUTS = 100
TEXT = "\n\n".join(
    f"## Part {number}\n\n- one **{number}**\n- two `code {number}`\n\n```python\nx = {number}\n```"
    for number in range(60)
)


async def test_a_hundred_cuts_lose_and_double_nothing(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A long reply cut a hundred times at random is on the screen as if it had never been cut."""
    dice = random.Random(7)
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        tui.chat.conversation.client._sleep = _at_once
        server.start(server.message("Tell me all"))
        bounds = sorted(dice.sample(range(1, len(TEXT)), 3 * CUTS))
        pieces = [TEXT[a:b] for a, b in zip([0, *bounds], [*bounds, len(TEXT)], strict=True)]
        cuts = 0
        for number, piece in enumerate(pieces):
            server.stream(piece)
            if number % 3 == 2 and cuts < CUTS:
                cuts += 1
                await server.cut()
                if cuts % 10 == 0:
                    server.forget()
                await server.attach(cuts + 1)
        server.finish()
        await tui.says("ready")
        assert cuts == CUTS
        entry = tui.chat.conversation.client.transcript.entries[-1]
        assert entry.text == TEXT
        await tui.until(lambda: "x = 59" in tui.transcript)
        streamed = tui.transcript
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.until(lambda: "x = 59" in tui.transcript)
        assert tui.transcript == streamed


async def _at_once(_: float) -> None:
    """Come back without waiting."""


async def test_a_server_that_dies_and_returns_costs_a_notice(tmp_path: Path) -> None:
    """Kill -9 of the real server, typing meanwhile, and its restart: all is answered, once."""
    process = running_server.ServerProcess(tmp_path / "genpy.db")
    await process.start()
    port = process.url.rpartition(":")[2]
    async with terminal(tmp_path, server=process.url, session="trip-to-rome") as tui:
        await tui.says("ready")
        await tui.type("First question")
        await tui.shows("◆ GenPy")
        await tui.says("ready")
        await process.kill()
        await tui.says("reconnecting")
        await tui.type("Second question")
        await tui.shows("waiting to be sent")
        again = running_server.ServerProcess(tmp_path / "genpy.db", GENPY_PORT=port)
        await again.start()
        await tui.until(lambda: tui.transcript.count("◆ GenPy") == 2)
        await tui.says("ready")
        assert tui.transcript.count("  First question\n") == 1
        assert tui.transcript.count("Second question") == 1
        await again.stop()


async def test_two_terminals_mirror_each_other(tmp_path: Path) -> None:
    """What one terminal says appears in the other, with its reply, and the same on both."""
    async with (
        running_server.serving(tmp_path / "genpy.db") as running,
        terminal(tmp_path, server=running.url, session="shared") as left,
        terminal(tmp_path, server=running.url, session="shared") as right,
    ):
        await left.says("ready")
        await right.says("ready")
        await left.type("Said on the left")
        await right.shows("Said on the left", "◆ GenPy")
        await right.type("Said on the right")
        await left.shows("Said on the right")
        await left.until(lambda: left.transcript.count("◆ GenPy") == 2)
        await right.until(lambda: right.transcript == left.transcript)


async def test_a_refusal_is_told_in_words(tmp_path: Path) -> None:
    """A server that asks for a token says so on the screen, with what to do."""
    async with (
        running_server.serving(
            tmp_path / "genpy.db", GENPY_TOKEN="a-secret-of-some-length"
        ) as running,
        terminal(tmp_path, server=running.url) as tui,
    ):
        await tui.says("refused")
        await tui.shows("GENPY_TOKEN")


async def test_nobody_there_is_no_connection(tmp_path: Path, server: ScriptedServer) -> None:
    """After some attempts the state names the address, and counts down to the next attempt."""
    server.refusing = True
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says(f"no connection to 127.0.0.1:{server.port} attempt 4 in")


async def test_a_left_conversation_still_sends(server: ScriptedServer, tmp_path: Path) -> None:
    """A message on its way is sent although another conversation was opened meanwhile."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await server.vanish()
        await tui.says("reconnecting")
        await tui.type("Do not lose me")
        await tui.press("ctrl+n")
        server.refusing = False
        assert (await server.until(Send)).text == "Do not lose me"


async def test_resume_shows_the_summary_above(server: ScriptedServer, tmp_path: Path) -> None:
    """A conversation that was summed up shows its summary above its messages."""
    server.status = "completed"
    server.message("What about Rome?")
    server.reply("A fine city.")
    server.api[f"/api/session/{SESSION}"] = {
        "session_id": SESSION,
        "user_id": "local",
        "title": "Rome",
        "status": "completed",
        "start_time": "2026-01-01T10:00:00+00:00",
        "updated_at": "2026-01-01T10:00:00+00:00",
        "last_message_id": 2,
        "summary": "A trip to Rome was planned.",
        "topics": ["Rome", "travel"],
    }
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.shows("┃ A trip to Rome was planned.", "Rome · travel", "A fine city.")
        await tui.press("up")
        assert tui.chat.prompt.text == "What about Rome?"


async def test_what_a_dead_server_did_not_store_is_kept_on_the_screen(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """When a server comes back without the reply it was writing, what had come stays, with a word."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        question = server.message("Tell me")
        server.start(question)
        server.stream("Half of a reply")
        await tui.shows("Half of a reply")
        server.log = [frame for frame in server.log if isinstance(frame, MessageEvent)]
        server.forget()
        await server.cut()
        await tui.shows("stopped before it stored its reply", "Half of a reply")
        await tui.says("ready")
