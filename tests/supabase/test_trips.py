"""How often the database is asked: a project is some 30 ms away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from support.command_line import Genpy
from support.counting_proxy import CountingProxy, counting
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import Upstream
from support.supabase_stack import Stack

from genpy_server.wire import End, Send

QUESTION = "Where do emperor penguins swim in winter?"
DRAFT = {"title": "Penguins", "summary": "S.", "topics": [], "sentiment": "neutral", "outcomes": []}
BESIDE = {"beat", "interrupted", "abandoned", "touch", "journal", "unindexed", "index"}
"""What a server asks beside the conversation, whose time nobody waits for."""


@pytest.fixture
async def proxy(quick: Stack) -> AsyncIterator[CountingProxy]:
    """The way to the database."""
    async with counting(quick.url) as made:
        yield made


def settings(proxy: CountingProxy, stack: Stack, model: Upstream) -> dict[str, str]:
    """Of a server behind the proxy."""
    return {
        "SUPABASE_URL": proxy.url,
        "SUPABASE_KEY": stack.secret_key,
        "GENPY_LLM_URL": model.url,
        "GENPY_USER": f"user-{uuid4()}",
    }


async def test_a_turn_and_an_end(proxy: CountingProxy, quick: Stack, tmp_path: Path) -> None:
    """A session is opened by one call; recall begins beside the commit, an end takes two calls."""
    async with (
        Upstream() as model,
        serving(tmp_path / "unused.db", **settings(proxy, quick, model)) as server,
    ):

        def asked() -> list[str]:
            return [name for name in proxy.take() if name not in BESIDE]

        asked()
        async with Peer(server.url, str(uuid4())) as peer:
            await peer.until("ready")
            assert asked() == ["attach"]
            proxy.held = {"append": "search"}
            model.say("Under the ice.")
            await peer.say(Send("a", QUESTION))
            await peer.until("ack")
            proxy.held = {}
            await peer.until("run_finished")
            assert sorted(asked()) == ["append", "append", "search"]
            model.answer = DRAFT
            await peer.say(End())
            await peer.until("summary")
            assert asked() == ["claim_ending", "finish_ending"]
            titles = [frame["title"] for frame in [await peer.until("session")]]
    assert titles == ["Penguins"]


async def test_ask_takes_five_calls(proxy: CountingProxy, quick: Stack, tmp_path: Path) -> None:
    """`genpy ask` begins, stores, recalls, stores and leaves: nothing is asked twice."""
    async with Upstream() as model:
        model.say("Under the ice.")
        genpy = Genpy(tmp_path, **settings(proxy, quick, model))
        ran = await asyncio.to_thread(genpy, "ask", "-n", QUESTION)
    assert "Under the ice." in ran.out
    calls = proxy.take()
    asked = sorted(call for call in calls if call not in BESIDE)
    assert asked == ["append", "append", "search", "version"]
    # It leaves with a beat; any other is one of the server's, which lives longer on a busy machine.
    assert 1 <= calls.count("beat") <= 1 + calls.count("touch") + calls.count("interrupted")
