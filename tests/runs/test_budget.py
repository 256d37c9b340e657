"""What a model is sent stays within the budget, tools and long conversations and all."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import pytest
from support.conditions import PATIENCE, eventually
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import DONE, Script, Upstream, call_piece, chunk

from genpy_server import App, Mode, tool
from genpy_server.client.session_client import SessionClient
from genpy_server.core.context.tokens import MESSAGE_TOKENS, count_tokens
from genpy_server.core.models import Message
from genpy_server.llm.offline import OfflineLlm
from genpy_server.llm.providers import ChosenModel
from genpy_server.runs.memory import MemorySchedule
from genpy_server.stores.base import Store
from genpy_server.tools.functions import as_tool
from genpy_server.wire import MESSAGE_CUT, TOOLS_MISSING, End, Notice, Ready, RunFinished

SESSION = "aaaa0000-0000-4000-8000-000000000001"


def bodies(upstream: Upstream) -> list[dict]:
    """The requests for a reply or for notes, in order."""
    return [r["body"] for r in upstream.requests if "messages" in r["body"]]


def sent_tokens(body: dict) -> int:
    """What a request costs: its messages with their calls, and the tools it offers."""
    total = sum(count_tokens(json.dumps(tool["function"])) for tool in body.get("tools", ()))
    for message in body["messages"]:
        calls = message.get("tool_calls", ())
        total += count_tokens(message["content"] or "") + MESSAGE_TOKENS
        total += sum(
            count_tokens(call["function"]["name"] + call["function"]["arguments"]) for call in calls
        )
    return total


def calls(count: int, arguments: str) -> Script:
    """A reply that calls the same tool so often."""
    pieces = [
        chunk({"tool_calls": [call_piece(n, f"c{n}", "search_chat_history", arguments)]})
        for n in range(count)
    ]
    return Script(pieces=[*pieces, chunk(finish="tool_calls"), DONE])


async def test_most_of_a_request_is_that_before():
    """Over 114 turns at least 56% of its characters are a prefix of the one before, at most 4,000 new."""
    program = Path(__file__).parents[2] / "benchmarks" / "context.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    total, _, shared, new = printed.decode().splitlines()[-1].split()
    assert (total, process.returncode) == ("all", 0)
    assert int(shared.removesuffix("%")) >= 56
    assert int(new.replace(",", "")) <= 4_000


@pytest.mark.parametrize("mode", [None, "last"])
async def test_tools_without_room_are_said(database, upstream, mode):
    """Tools that the context has no room for are named once; a mode that lists them has room."""
    many = [as_tool(tool(name=f"tool_{number:02}")(described), "app") for number in range(40)]
    last = Mode(name="last", prompt="Use the last one.", tools=("tool_39",))
    own = App(tools=many, modes=[last])
    async with serving(database, own=own, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, SESSION) as peer:
            for number in range(2):
                upstream.say("Hello.")
                await peer.ask(f"a{number}", "Hello", intent=mode)
            notices = peer.of("notice")
    offered = {one["function"]["name"] for one in bodies(upstream)[-1]["tools"]}
    if mode is None:
        (notice,) = notices
        assert notice["code"] == TOOLS_MISSING
        assert {"tool_00", "search_chat_history"} <= offered
        missing = [one.spec.name for one in many if one.spec.name not in offered]
        named = f"{', '.join(missing[:5])} and {len(missing) - 5} more."
        assert notice["text"].startswith(f"The model's context has no room for the tools {named}")
    else:
        assert notices == []
        assert offered == {"tool_39"}


async def described(
    subject: Annotated[str, "What it is about, in one or two words of the person."],
) -> str:
    """Look something up in one of very many places, each of which has its own long description."""
    return subject


async def fill(store: Store) -> None:
    """A conversation of more than any window holds."""
    for number in range(60):
        text = f"{number} " + "noise and more noise " * 20
        await store.append("local", SESSION, "user", text, title="Noise")


async def test_a_summary_is_asked_for_within_the_budget(server, upstream):
    """Its request holds as much of a long conversation as fits."""
    await fill(server.app.store)
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    async with Peer(server.url, SESSION) as peer:
        await peer.say(End())
        await peer.until("summary")
    (body,) = bodies(upstream)
    budget = server.app.settings.context_tokens
    assert budget * 0.9 < sent_tokens(body) <= budget


@pytest.mark.parametrize(
    ("count", "arguments"),
    [(8, '{"keyword": "noise"}'), (1, json.dumps({"keyword": "x" * 12_000}))],
    ids=["many-results", "long-arguments"],
)
async def test_rounds_of_tools_stay_within_the_budget(server, upstream, count, arguments):
    """However much a model asks of the tools, no request is larger than the budget."""
    await fill(server.app.store)
    for _ in range(3):
        upstream.script(calls(count, arguments))
    upstream.say("done")
    async with Peer(server.url, SESSION) as peer:
        finished = await peer.ask("last", "and now?")
    assert finished["status"] == "done"
    budget = server.app.settings.context_tokens
    assert all(sent_tokens(body) <= budget for body in bodies(upstream))
    for body in bodies(upstream):
        rows = body["messages"]
        asked = [call["id"] for row in rows for call in row.get("tool_calls", ())]
        assert asked == [row["tool_call_id"] for row in rows if row["role"] == "tool"]


async def test_a_full_window_leaves_the_model_its_tools(server, upstream):
    """A long conversation takes no room that is kept for tools: they are offered all the same."""
    await fill(server.app.store)
    upstream.say("done")
    async with Peer(server.url, SESSION) as peer:
        await peer.ask("last", "and now?")
    # The sweep may ask for the summary of what was filled in at the same time.
    body = next(b for b in bodies(upstream) if "and now?" in b["messages"][-1]["content"])
    assert len(body["tools"]) == 3
    assert 2_500 < sent_tokens(body) < 4_600


def noted(upstream: Upstream) -> list[str]:
    """What was given to the model to note, in order."""
    told = [body["messages"][1]["content"] for body in bodies(upstream)]
    return [text for text in told if "Memory so far" in text]


class Window:
    """A conversation of which two turns have left the window."""

    store, user_id, session_id, memory = None, "ann", SESSION, None
    read = 0

    async def after(self, _: int) -> list:
        """Three turns."""
        self.read += 1
        return [Message(number, "s", "user", "hello", "") for number in (1, 2, 3)]


async def test_a_failing_summariser_is_asked_ever_more_rarely():
    """After each failure twice as many turns pass before the next attempt."""
    window = Window()
    schedule = MemorySchedule(window, 4_000)
    tried = []
    for turn in range(64):
        if schedule.due(2):
            await schedule.extend(2, ChosenModel(OfflineLlm(), ""))
            tried.append(turn)
    assert tried == [0, 2, 5, 10, 19, 36]
    assert window.read == len(tried)


async def test_what_was_said_before_there_was_a_model_is_remembered(database):
    """Messages older than what a server holds of a session are noted all the same, in order."""
    async with serving(database) as offline:
        for number in range(300):
            text = f"fact {number:03} " + "word " * 40
            await offline.app.store.append("local", SESSION, "user", text, title="t")
    async with (
        Upstream() as upstream,
        serving(database, GENPY_LLM_URL=upstream.url, GENPY_CONTEXT_TOKENS="2000") as server,
        Peer(server.url, SESSION) as peer,
    ):
        upstream.only(Script(pieces=[chunk({"content": "- a note"}), chunk(finish="stop"), DONE]))
        for number in (1, 2):
            await peer.ask(f"s{number}", "go on")
            await upstream.until(lambda: len(noted(upstream)) == number)  # noqa: B023 - awaited here
            await eventually(lambda: server.app.store.memory("local", SESSION))
    lines = [line for text in noted(upstream) for line in text.splitlines() if "fact" in line]
    facts = [line.partition("] ")[2][:14] for line in lines]
    assert facts[:3] == ["user: fact 000", "user: fact 001", "user: fact 002"]
    assert facts == sorted(set(facts))


async def test_what_of_a_message_was_cut_is_said(tmp_path: Path) -> None:
    """A message that is too long is cut in the middle, which a notice and the reply say."""
    async with (
        Upstream() as upstream,
        serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
    ):
        upstream.say("Read.")
        text = "".join(f"line {number}\n" for number in range(15_000))
        async with asyncio.timeout(PATIENCE), SessionClient(running.url, "long") as client:
            frames = []
            async for event in client:
                if isinstance(event, Ready):
                    assert 0 < event.message_bytes < len(text)
                    client.send(text, "code_assistant")  # its prompt takes room
                frames.append(event)
                if isinstance(event, RunFinished):
                    break
            room = client.transcript.message_bytes
            reply = client.transcript.entries[-1]
        sent = bodies(upstream)[-1]["messages"][-1]["content"]
        kept = reply.meta.question_chars
        assert kept is not None
        assert sent.startswith(text[: kept // 2])
        assert text[-kept // 4 :] in sent
        assert len(sent) < len(text)
        notice = next(event for event in frames if isinstance(event, Notice))
        assert (notice.code, f"{kept:,} of its {len(text):,}" in notice.text) == (MESSAGE_CUT, True)
        assert abs(kept - room) < 200


async def test_a_message_that_fits_is_sent_whole(tmp_path: Path) -> None:
    """A message of as many bytes as the server says is sent whole, and nothing says it was cut."""
    async with (
        Upstream() as upstream,
        serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
    ):
        upstream.say("Read.")
        async with asyncio.timeout(PATIENCE), SessionClient(running.url, "long") as client:
            async for event in client:
                if isinstance(event, Ready):
                    client.send("x" * event.message_bytes)
                assert not isinstance(event, Notice)
                if isinstance(event, RunFinished):
                    break
            assert client.transcript.entries[-1].meta.question_chars is None
            expected = "x" * client.transcript.message_bytes
        assert bodies(upstream)[-1]["messages"][-1]["content"] == expected
