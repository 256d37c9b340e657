"""The server inside a client's process."""

import asyncio
import socket

import httpx
import msgspec
import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import configure, serving
from support.scripted_model import Script
from websockets.exceptions import InvalidStatus

import genpy_server.embedded
from genpy_server.client.http_records import RemoteRecords
from genpy_server.embedded import Embedded
from genpy_server.errors import GenPyError, Unauthorized
from genpy_server.sessions.names import SessionNames
from genpy_server.settings import Limits
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.wire import End, Send

PATIENCE = 8.0
"""Seconds, which a silent model would exceed by far."""


async def test_embedded_server_wants_its_own_token(database):
    """It listens on loopback only, and answers nobody who lacks the token of this run."""
    embedded = await Embedded(configure(database)).start()
    assert embedded.url.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient(base_url=embedded.url, trust_env=False) as client:
        assert (await client.get("/api/sessions")).status_code == Unauthorized.status
        good = {"Authorization": f"Bearer {embedded.token}"}
        assert (await client.get("/api/sessions", headers=good)).status_code == 200
    async with Peer(embedded.url, "one") as stranger:
        await stranger.say(Send("a", "let me in"))
        assert (await stranger.next())["code"] == "unauthorized"
    await embedded.stop()


async def test_two_embedded_servers_have_two_tokens(database):
    """A token is good for one run."""
    one, two = await asyncio.gather(
        Embedded(configure(database)).start(), Embedded(configure(database)).start()
    )
    assert one.token != two.token
    assert one.url != two.url
    await asyncio.gather(one.stop(), two.stop())


@pytest.mark.parametrize("end_sessions", [True, False])
async def test_stop_ends_the_sessions_when_asked(database, end_sessions):
    """Leaving the chat completes its session; a stop without that leaves it active."""
    embedded = await Embedded(configure(database)).start()
    async with Peer(embedded.url, "one", token=embedded.token) as peer:
        await peer.ask("a", "hello")
        session_id = peer.of("ready")[0]["session"]
    await embedded.stop(end_sessions=end_sessions)
    store = SqliteStore(database)
    await store.open()
    session = await store.session("local", session_id)
    await store.close()
    assert session is not None
    assert session.status == ("completed" if end_sessions else "active")


@pytest.mark.parametrize("when", ["after a reply", "in mid reply", "in mid summary"])
async def test_stop_is_bounded_when_the_model_is_silent(database, upstream, when):
    """Leaving waits for a summary only so long; the session is ended at the next start."""
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_GRACE_SECONDS": "0.2"}
    settings = configure(database, **variables)
    hasty = msgspec.structs.replace(settings, limits=Limits(leave_seconds=0.2))
    embedded = await Embedded(hasty).start()
    upstream.say("hello")
    async with Peer(embedded.url, "one", token=embedded.token) as peer:
        await peer.ask("a", "hello")
        session_id = peer.of("ready")[0]["session"]
        upstream.only(Script(silent=True))
        if when == "in mid reply":
            await peer.say(Send("b", "and now?"))
            await peer.until("run_started")
            await upstream.until(lambda: upstream.open == 1)
        elif when == "in mid summary":
            await peer.say(End())
            await upstream.until(lambda: upstream.open == 1)
        async with asyncio.timeout(PATIENCE):
            await embedded.stop(end_sessions=True)
    store = SqliteStore(database)
    await store.open()
    left = await store.session("local", session_id)
    assert left is not None
    assert (left.status, left.summary) == ("active", None)
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    again = await Embedded(settings).start()

    async def ended():
        session = await store.session("local", session_id)
        return session is not None and session.summary == "s"

    assert await eventually(ended)
    await again.stop()
    await store.close()


async def test_stop_is_bounded_while_a_summary_is_asked_for(database, upstream, monkeypatch):
    """A request that waits for a silent model is cut when the server stops, and ends nothing."""
    monkeypatch.setattr(genpy_server.embedded, "CLOSE_SECONDS", 0.2)
    settings = configure(database, GENPY_LLM_URL=upstream.url)
    hasty = msgspec.structs.replace(settings, limits=Limits(leave_seconds=0.2))
    embedded = await Embedded(hasty).start()
    upstream.say("hello")
    async with Peer(embedded.url, "one", token=embedded.token) as peer:
        await peer.ask("a", "hello")
    upstream.only(Script(silent=True))
    records = RemoteRecords(embedded.url, embedded.token)
    asking = asyncio.create_task(records.regenerate("one"))
    await upstream.until(lambda: upstream.open == 1)
    async with asyncio.timeout(PATIENCE):
        await embedded.stop(end_sessions=True)
    with pytest.raises(GenPyError):
        await asking
    await records.close()
    store = SqliteStore(database)
    await store.open()
    assert [session.status for session in await store.sessions("local", limit=5)] == ["active"]
    ending = await store.claim_ending(
        "local", (await SessionNames(store).identify("local", "one")).id, lease_seconds=1
    )
    await store.close()
    assert ending is not None


async def test_every_right_to_end_is_given_back_before_the_store_is_closed(
    database, upstream, monkeypatch
):
    """Leaving waits until all endings that were cut short have returned, not for the first alone."""
    upstream.say("hello")
    settings = {"GENPY_LLM_URL": upstream.url}
    async with serving(database, limits={"leave_seconds": 0.2}, **settings) as server:
        for name in ("one", "two"):
            async with Peer(server.url, name) as peer:
                await peer.ask("a", "hello")
        upstream.only(Script(silent=True))
        release, released, first = server.app.store.release_ending, [], asyncio.Event()

        one = (await SessionNames(server.app.store).identify("local", "one")).id

        async def in_turn(ending, wait_seconds):
            if ending.session_id != one:
                await first.wait()
            await release(ending, wait_seconds)
            released.append(ending.session_id)
            first.set()

        monkeypatch.setattr(server.app.store, "release_ending", in_turn)
        await server.app.hub.close(end_sessions=True)
        assert len(released) == 2


async def test_failure_to_start_is_raised_where_it_was_started(tmp_path):
    """A database that cannot be opened is an error of the caller, in words."""
    broken = tmp_path / "broken.db"
    broken.write_text("this is not a database" * 100)
    with pytest.raises(GenPyError, match="broken"):
        await Embedded(configure(broken)).start()


async def test_session_of_one_server_goes_on_at_another(database):
    """Two servers on one file: a conversation begun on one continues on the other, in order."""
    async with serving(database) as left, serving(database) as right:
        async with Peer(left.url, "one") as first, Peer(right.url, "one") as second:
            await second.next()
            await first.ask("a", "said on the left")
            await second.ask("b", "said on the right")
    texts = [f["text"] for f in second.of("message")]
    assert texts[0] == "said on the left"
    assert texts[-1] == "said on the right"
    assert len(texts) == 3


async def test_port_in_use_is_a_sentence(database):
    """A server whose port is taken says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(GenPyError, match="port"):
            async with serving(database, GENPY_PORT=port):
                pass


async def test_wrong_token_is_refused_before_the_handshake(database):
    """A header with a wrong token gets 401, not a socket."""
    async with serving(database, GENPY_TOKEN="correct-horse-battery") as server:
        with pytest.raises(InvalidStatus) as caught:
            await Peer(server.url, "one", token="wrong-token-altogether").__aenter__()
    assert caught.value.response.status_code == 401
