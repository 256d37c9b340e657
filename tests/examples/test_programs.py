"""The other examples: a tool that acts, a mode, a bot."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from support.raw_client import Peer
from support.running_server import serving

from examples import todo_tool
from examples.team_bot import TeamBot
from genpy_server.core.modes import parse_mode
from genpy_server.core.understanding.examples import ExampleModel
from genpy_server.core.understanding.intents import INTENTS, IntentDetector
from genpy_server.wire import Approve, Send

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(("decision", "lines"), [("once", ["Buy tea"]), ("no", [])])
async def test_the_tool_acts_when_it_is_allowed(
    database, upstream, tmp_path, monkeypatch, decision, lines
):
    """The entry is written after the person's yes, and not after their no."""
    monkeypatch.setattr(todo_tool, "FILE", tmp_path / "todo.txt")
    upstream.call("add_todo", {"text": "Buy tea"})
    upstream.say("Done.")
    async with (
        serving(database, own=todo_tool.app, GENPY_LLM_URL=upstream.url) as server,
        Peer(server.url, "one", features="approvals") as peer,
    ):
        await peer.say(Send("a", "Put tea on my list"))
        asked = await peer.until("approval_requested")
        assert not todo_tool.FILE.exists()
        await peer.say(Approve(asked["call"], decision, asked["run"]))
        await peer.until("run_finished")
    assert todo_tool.todos() == lines


def test_the_mode_is_chosen_for_what_is_like_it():
    """The mode of the examples is read, and found for a message that it does not hold."""
    file = EXAMPLES / "modes" / "commit_message.md"
    mode = parse_mode(file.read_text("utf-8"), file.stem)
    assert (mode.label, mode.tools, mode.temperature) == ("Commit message", (), 0.2)
    detector = IntentDetector((*INTENTS, mode.name), ExampleModel({mode.name: mode.examples}))
    assert detector.detect("a commit message for these staged changes, please").name == mode.name


async def test_the_bot_answers_in_several_channels(server, upstream):
    """Replies in two channels at once do not mix, and a channel goes on with what was said."""
    upstream.say("Hello", " team.")
    bot = TeamBot(server.url)
    asked = [("general", "Ana"), ("random", "Bo"), ("general", "Cy")]
    replies = await asyncio.gather(*(bot.answer(*one, "hi") for one in asked))
    await bot.close()
    assert replies == ["Hello team."] * 3
    longest = max((r["body"]["messages"] for r in upstream.requests if r["body"]), key=len)
    assert "Ana asks: hi" in str(longest)
    assert "Cy asks: hi" in str(longest)


async def test_the_bot_reads_lines(server, upstream):
    """As a program it answers the lines that are for it, and ends with its input."""
    upstream.say("Tuesday.")
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "team_bot.py"),
        server.url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said = b"general Ana: lunch?\ngeneral Ana: @genpy when is the release?\n"
    out, _ = await program.communicate(said)
    assert re.fullmatch(r"general genpy: Tuesday\.\s*", out.decode())
    assert program.returncode == 0
