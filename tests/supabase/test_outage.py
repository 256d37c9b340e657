"""The database goes away and comes back while people talk; its end is real, and so is its return."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import uuid4

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import Running, serving
from support.scripted_model import DONE, Script, Upstream, chunk
from support.supabase_stack import Database, Stack, missing, need

from genpy_server.core.backoff import Backoff
from genpy_server.core.models import Message
from genpy_server.wire import End, Send

USER = "local"
Serve = Callable[[str], AbstractAsyncContextManager[Running]]


class Outage:
    """A way in which a database can be away."""

    def __init__(self, stack: Stack, kind: str) -> None:
        self._stack = stack
        self._kind = kind
        self.away = False

    async def begin(self) -> None:
        """Stop it, killing every connection."""
        self.away = True
        stop = self._stack.stop_api if self._kind == "api" else self._stack.database.stop
        await asyncio.to_thread(stop)

    async def end(self) -> None:
        """Start it again, and wait until it answers."""
        if self._kind == "database":
            await asyncio.to_thread(self._stack.database.start)
            # Supabase Lite does not always survive that its connections are cut.
            await asyncio.to_thread(self._stack.stop_api)
        await asyncio.to_thread(self._stack.start_api)
        self.away = False


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """A server and an API that nobody else needs."""
    need()
    kind = "lite" if missing("postgrest") else "postgrest"  # which starts in a tenth of the time
    stack = Stack.new(kind, Database.new(), "fragile")
    stack.start()
    yield stack
    stack.remove()


@pytest.fixture(params=["api", "database"])
async def outage(fragile: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Outage]:
    """The API is gone, or the API is there and PostgreSQL behind it is gone."""
    if request.param == "database":
        need("postgres")
    outage = Outage(fragile, request.param)
    yield outage
    if outage.away:
        await outage.end()


@pytest.fixture
def serve(fragile: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Starts a server that talks to a scripted model and tries to store again quickly."""
    monkeypatch.setattr("genpy_server.runs.queue.SAVE", Backoff(first=0.05, longest=0.05))

    def start(model: str) -> AbstractAsyncContextManager[Running]:
        return serving(
            tmp_path / "unused.db",
            SUPABASE_URL=fragile.url,
            SUPABASE_KEY=fragile.secret_key,
            GENPY_LLM_URL=model,
            GENPY_RECALL="off",
        )

    return start


async def stored(server: Running, session: str) -> list[Message]:
    """Everything that the database holds of a session."""
    return await server.app.store.messages(USER, session, limit=1_000)


async def test_a_message_is_refused_while_the_database_is_away(
    outage: Outage, serve: Serve
) -> None:
    """Nothing is acknowledged, the error may be tried again, and trying again stores it once."""
    session = str(uuid4())
    async with Upstream() as model, serve(model.url) as server, Peer(server.url, session) as peer:
        model.say("Hello.")
        await peer.until("ready")
        await outage.begin()
        await peer.say(Send("a", "hello?"))
        error = await peer.until("error")
        assert error["code"] in {"store_unavailable", "store_timeout"}
        assert error["re"] == "a"
        assert error["retryable"]
        assert error["retry_after"] > 0
        rates = server.app.hub._rates
        assert rates._buckets[USER][0] == rates._per_minute
        await outage.end()
        finished = await peer.ask("a", "hello?")
        texts = [message.text for message in await stored(server, session)]
    assert finished["status"] == "done"
    assert [ack["id"] for ack in peer.of("ack")] == ["a"]
    assert texts == ["hello?", "Hello."]


async def test_a_reply_in_progress_waits_for_the_database(
    outage: Outage, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is shown than half a second's worth; once the database is back the reply goes on."""
    monkeypatch.setattr("genpy_server.runs.run.WAITING_SECONDS", 0.0)
    session = str(uuid4())
    pieces = [*(chunk({"content": text}) for text in ("One ", "two ", "three.")), DONE]
    pieces.insert(-1, chunk(finish="stop"))
    gates = {number: asyncio.Event() for number in (1, 2)}
    async with Upstream() as model, serve(model.url) as server, Peer(server.url, session) as peer:
        model.script(Script(pieces=pieces, gates=gates))
        await peer.say(Send("a", "count"))
        await peer.until("delta")
        await outage.begin()
        gates[1].set()
        shows_more = server.app.hub._services.journal.shows_more
        await eventually(lambda: _is_late(shows_more))
        gates[2].set()
        notice = await peer.until("notice")
        assert notice["code"] == "reply_waits"
        assert "three" not in peer.text
        await outage.end()
        finished = await peer.until("run_finished")
        kept = await stored(server, session)
    assert (finished["status"], peer.text) == ("done", "One two three.")
    assert [message.text for message in kept] == ["count", "One two three."]


async def _is_late(shows_more: asyncio.Event) -> bool:
    return not shows_more.is_set()


async def test_a_reply_whose_end_cannot_be_stored_is_stored_later(
    outage: Outage, serve: Serve
) -> None:
    """The reply is on the screen, every reader stays, and it is stored once, when it can be."""
    session = str(uuid4())
    async with Upstream() as model, serve(model.url) as server:
        go_on = model.say("One ", "two.", paused_at=2)
        async with Peer(server.url, session) as peer, Peer(server.url, session) as reader:
            await peer.say(Send("a", "count"))
            await peer.until("delta", lambda frame: "two" in frame["text"])
            await outage.begin()
            go_on.set()
            finished = await peer.until("run_finished")
            assert finished["status"] == "done"
            assert finished.get("message_id") is None
            assert peer.text == "One two."
            assert peer.of("notice")[-1]["code"] in {"store_unavailable", "store_timeout"}
            await outage.end()
            late = await peer.until("message", lambda frame: frame["role"] == "assistant")
            await reader.until("message", lambda frame: frame["role"] == "assistant")
            model.say("Three.")
            await reader.say(Send("b", "go on"))
            await peer.until("run_finished")
            kept = await stored(server, session)
    assert [message.text for message in kept] == ["count", "One two.", "go on", "Three."]
    assert kept[1].id == late["message_id"]
    assert kept[1].meta.reply_to == kept[0].id


async def test_a_reply_that_waits_is_stored_before_the_next_question(
    outage: Outage, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said once the database is back comes after the reply, however late that is due."""
    session = str(uuid4())
    async with Upstream() as model, serve(model.url) as server, Peer(server.url, session) as peer:
        monkeypatch.setattr("genpy_server.runs.queue.SAVE", Backoff(first=600, longest=600))
        go_on = model.say("One ", "two.", paused_at=2)
        await peer.say(Send("a", "count"))
        await peer.until("delta", lambda frame: "two" in frame["text"])
        await outage.begin()
        go_on.set()
        await peer.until("run_finished")
        await peer.say(Send("b", "go on"))
        await peer.until("error")
        await outage.end()
        model.say("Three.")
        await peer.ask("b", "go on")
        kept = await stored(server, session)
    assert [message.text for message in kept] == ["count", "One two.", "go on", "Three."]


async def test_no_acknowledged_message_is_missing_or_doubled(outage: Outage, serve: Serve) -> None:
    """Someone who repeats what was refused has each message stored once, through two outages."""
    session = str(uuid4())
    refused = 0
    async with Upstream() as model, serve(model.url) as server, Peer(server.url, session) as peer:
        model.say("Yes.")

        async def answer(number: int) -> str:
            await peer.say(Send(f"m{number}", f"message {number}"))
            while True:
                frame = await peer.next()
                if f"m{number}" in {frame.get("id"), frame.get("re")}:
                    return str(frame["type"])

        for number in range(12):
            if number in {3, 8}:
                await outage.begin()
                refused += await answer(number) == "error"
                await outage.end()
            while await answer(number) == "error":
                refused += 1
        await eventually(lambda: _replies(server, session, 12))
        texts = [m.text for m in await stored(server, session) if m.role == "user"]
    assert refused >= 2
    assert texts == [f"message {number}" for number in range(12)]
    assert len(peer.of("ack")) == 12


async def _replies(server: Running, session: str, count: int) -> bool:
    kept = await stored(server, session)
    return sum(message.role == "assistant" for message in kept) == count


async def test_a_session_ends_once_the_database_is_back(outage: Outage, serve: Serve) -> None:
    """An end that fails is told, and works when it is asked for again."""
    session = str(uuid4())
    async with Upstream() as model, serve(model.url) as server, Peer(server.url, session) as peer:
        model.answer = {"summary": "S.", "topics": [], "sentiment": "neutral", "outcomes": []}
        model.say("Yes.")
        await peer.ask("a", "hello")
        await outage.begin()
        await peer.say(End())
        error = await peer.until("error")
        assert error["retryable"]
        await outage.end()
        await peer.say(End())
        summary = await peer.until("summary")
    assert summary["summary"] == "S."


async def test_a_server_starts_before_its_database(outage: Outage, serve: Serve) -> None:
    """A server whose database is away starts all the same, and works once it is there."""
    session = str(uuid4())
    await outage.begin()
    async with Upstream() as model, serve(model.url) as server:
        await outage.end()
        model.say("Yes.")
        async with Peer(server.url, session) as peer:
            await peer.ask("a", "hello")
        assert len(await stored(server, session)) == 2
