"""The client of both front ends against real servers that come and go."""

import asyncio
import socket
from uuid import uuid4

import pytest
from support.client_reader import Watcher, soon
from support.conditions import PATIENCE
from support.ports import free_port
from support.running_server import ServerProcess, serving
from support.scripted_model import Upstream

from genpy_server.client.session_client import Link, SessionClient
from genpy_server.wire import (
    ErrorFrame,
    Ready,
    RunFinished,
    SessionEvent,
    SnapshotEnd,
    SummaryEvent,
)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "genpy.db"


def texts(client: SessionClient) -> list[str]:
    return [entry.text for entry in client.transcript]


async def test_conversation_is_folded_into_the_transcript(database):
    """A message and its reply stand in the transcript, and the outbox is empty."""
    async with serving(database) as server:
        client = SessionClient(server.url, "one")
        watcher = Watcher(client)
        client.send("hello")
        await watcher.until(RunFinished)
        client.rate(5)
        await watcher.until(SessionEvent, when=lambda e: e.rating == 5)
        client.end()
        await watcher.until(SummaryEvent)
        await watcher.done()
    assert texts(client)[0] == "hello"
    assert texts(client)[1]
    assert client.pending == ()
    assert client.transcript.status == "completed"


async def test_what_is_said_before_there_is_a_server_arrives_once(database):
    """Messages wait in the outbox until a server is there, and arrive in order, each once."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))  # bound and not listening: nobody else takes it
    port = holder.getsockname()[1]
    client = SessionClient(f"http://127.0.0.1:{port}", "one", sleep=soon)
    watcher = Watcher(client)
    for number in range(3):
        client.send(f"message {number}")
    lost = await watcher.until(Link, when=lambda e: e.state == "reconnecting")
    assert lost.delay > 0
    assert "127.0.0.1" in lost.reason
    assert len(client.pending) == 3
    holder.close()
    async with serving(database, GENPY_PORT=str(port)):
        await watcher.until(RunFinished, 3)
        await watcher.done()
    asked = [entry.text for entry in client.transcript if entry.role == "user"]
    assert asked == ["message 0", "message 1", "message 2"]


async def test_server_killed_in_mid_reply_costs_nothing_that_was_said(database):
    """After kill -9 and a restart the client is back by itself, with every message, once."""
    async with Upstream() as upstream:
        server = ServerProcess(database, GENPY_LLM_URL=upstream.url)
        await server.start()
        port = server.url.rsplit(":", 1)[1]
        client = SessionClient(server.url, "one", sleep=soon)
        watcher = Watcher(client)
        upstream.say("never", " finished", paused_at=1)
        client.send("first")
        await upstream.until(lambda: upstream.open == 1)
        await server.kill()
        client.send("second")
        await watcher.until(Link, when=lambda e: e.state == "reconnecting")
        upstream.say("an answer")
        server = ServerProcess(database, GENPY_LLM_URL=upstream.url, GENPY_PORT=port)
        await server.start()
        # Of a reply whose journal was not written yet nothing is left: it is written again.
        last = [("second", "done"), ("an answer", "done")]
        await watcher.until(
            RunFinished, when=lambda _: [(e.text, e.status) for e in client.transcript][-2:] == last
        )
        await watcher.done()
        await server.stop()
    asked = [entry.text for entry in client.transcript if entry.role == "user"]
    assert asked == ["first", "second"]


async def test_connection_cut_in_mid_reply_resumes_without_loss(database):
    """Cut again and again while a reply streams, the text is what the server said."""
    words = [f"word{number} " for number in range(40)]
    async with Upstream() as upstream, serving(database, GENPY_LLM_URL=upstream.url) as server:
        client = SessionClient(server.url, "one", sleep=soon)
        watcher = Watcher(client)
        gate = upstream.say(*words, paused_at=20)
        client.send("go on")
        for cut in range(1, 6):
            await watcher.until(Link, cut, lambda e: e.state == "open")
            for socket in server.server.sockets.connections:
                socket.transport.abort()
            await watcher.until(Link, cut, lambda e: e.state == "reconnecting")
        await watcher.until(Link, 6, lambda e: e.state == "open")
        gate.set()
        await watcher.until(RunFinished)
        await watcher.done()
    assert texts(client) == ["go on", "".join(words)]


async def test_wrong_token_is_refused_for_good(database):
    """A client that the server will not have stops trying, and says why."""
    async with serving(database, GENPY_TOKEN="correct-horse-battery") as server:
        client = SessionClient(server.url, "one", token="wrong-token-altogether")
        watcher = Watcher(client)
        refused = await watcher.until(Link, when=lambda e: e.state == "refused")
        async with asyncio.timeout(PATIENCE):
            await watcher._task
    assert "token" in refused.reason


async def test_message_refused_for_good_leaves_the_outbox(database):
    """A message that can never be taken is reported once and not sent again."""
    async with serving(database, limits={"message_chars": 5}) as server:
        client = SessionClient(server.url, "one")
        watcher = Watcher(client)
        client.send("far too long")
        error = await watcher.until(ErrorFrame)
        await watcher.done()
    assert error.code == "too_large"
    assert client.pending == ()


async def test_message_over_the_rate_limit_goes_out_when_its_time_has_come(database):
    """A passing refusal keeps the message, and it is sent again when the server said."""
    async with serving(database, limits={"messages_per_minute": 120}) as server:
        client = SessionClient(server.url, "one")
        watcher = Watcher(client)
        await watcher.until(Ready)
        (session,) = server.app.hub._live.values()
        while server.app.hub._refusal(session) is None:
            pass
        client.send("hello")
        error = await watcher.until(ErrorFrame)
        assert len(client.pending) == 1
        await watcher.until(RunFinished)
        await watcher.done()
    assert error.retry_after is not None
    assert texts(client)[0] == "hello"


async def test_slow_consumer_gets_joined_deltas(database):
    """Deltas that were not fetched yet are joined, so that the reader never waits."""
    words = [f"word{number} " for number in range(200)]
    async with Upstream() as upstream, serving(database, GENPY_LLM_URL=upstream.url) as server:
        upstream.say(*words)
        client = SessionClient(server.url, "one")
        events = aiter(client)
        first = await anext(events)
        client.send("go on")
        async with asyncio.timeout(PATIENCE):
            while client.transcript.running is not None or len(texts(client)) != 2:  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(0)
        await client.close()
        rest = [event async for event in events]
    assert first == Link("connecting")
    assert len([e for e in rest if type(e).__name__ == "Delta"]) == 1
    assert texts(client)[1] == "".join(words)


async def test_edit_waits_in_the_outbox_and_marks_what_it_replaces(database):
    """An edit said without a server arrives once it is back, as a message that replaces another."""
    port = str(free_port())
    async with serving(database, GENPY_PORT=port) as server:
        client = SessionClient(server.url, "one", sleep=soon)
        watcher = Watcher(client)
        client.send("hello")
        await watcher.until(RunFinished)
        (said,) = (entry for entry in client.transcript if entry.role == "user")
    await watcher.until(Link, when=lambda e: e.state == "reconnecting")
    client.send("good morning", replaces=said.message_id)
    assert [frame.replaces for frame in client.pending] == [said.message_id]
    async with serving(database, GENPY_PORT=port):
        await watcher.until(RunFinished, 2)
        await watcher.done()
    assert client.pending == ()
    assert [entry.replaced for entry in client.transcript] == [True, True, False, False]
    assert client.transcript.entries[2].meta.replaces == said.message_id


async def test_a_conversation_that_is_opened_again_has_its_messages(database):
    """Only a client that has just made the id says that there is nothing to look up."""
    made = str(uuid4())
    async with serving(database) as server:
        client = SessionClient(server.url, made, fresh=True)
        watcher = Watcher(client)
        client.send("hello")
        await watcher.until(RunFinished)
        await watcher.done()
    async with serving(database) as server:
        client = SessionClient(server.url, made)
        watcher = Watcher(client)
        await watcher.until(SnapshotEnd)
        await watcher.done()
    assert texts(client)[:1] == ["hello"]
