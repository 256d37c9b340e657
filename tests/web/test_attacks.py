"""What a careless or hostile client does to a server, and what a hostile moment does."""

import asyncio
import logging

import pytest
from support.conditions import PATIENCE, eventually
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import DONE, Script, call_piece, chunk
from websockets.asyncio.client import connect

from genpy_server.core.backoff import Backoff
from genpy_server.core.models import MessageMeta
from genpy_server.errors import ShuttingDown, StoreUnavailable
from genpy_server.runs import queue as run_queue
from genpy_server.runs import run
from genpy_server.sessions.names import SessionNames
from genpy_server.web import websocket
from genpy_server.wire import Cancel, End, Retry, Send, encode


async def test_cancel_right_behind_a_message_stops_its_reply(upstream, peer):
    """A reply can be stopped before it has begun; it is marked, and the next message works."""
    upstream.say("never")
    await peer.ws.send(encode(Send("a", "hi")))
    await peer.ws.send(encode(Cancel()))
    assert (await peer.until("run_finished"))["status"] == "stopped"
    assert not upstream.requests
    assert (await peer.ask("b", "again"))["status"] == "done"


async def test_message_id_that_equals_a_run_costs_nobody_a_reply(server, upstream, peer):
    """A reply whose id was taken by a message is stored all the same, and the next is answered."""
    gate = upstream.say("one", "two", paused_at=1)
    upstream.say("three")
    await peer.say(Send("a", "hi"))
    await peer.until("delta")
    await peer.say(Send(peer.of("run_started")[0]["run"], "mine"))
    await peer.until("ack", lambda frame: frame["id"] != "a")
    gate.set()
    first = await peer.until("run_finished")
    assert (await peer.until("run_finished"))["message_id"]
    (session,) = await server.app.store.sessions("local", limit=2)
    stored = await server.app.store.messages("local", session.id, limit=9)
    assert [m.text for m in stored] == ["hi", "mine", "onetwo", "three"]
    assert stored[2].id == first["message_id"]
    assert not peer.of("notice")


async def test_calls_of_one_round_are_bounded(server, upstream, peer):
    """Of two hundred calls in one reply only so many are made."""
    pieces = [
        call_piece(i, f"c{i}", "search_chat_history", f'{{"keyword": "word{i}"}}')
        for i in range(200)
    ]
    end = chunk(finish="tool_calls")
    upstream.script(Script(pieces=[chunk({"tool_calls": pieces}), end, DONE]))
    upstream.say("counted")
    await peer.ask("a", "hi")
    assert len(peer.of("tool_finished")) == server.app.settings.limits.tool_calls


async def test_service_that_always_says_try_now_is_asked_a_few_times(upstream, peer, monkeypatch):
    """retry-after: 0 without end leads to a few attempts, each later than the one before."""
    monkeypatch.setattr(run, "RATE_LIMITED", Backoff(first=0.01, longest=0.02, attempts=4))
    upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "0"})
    assert (await peer.ask("a", "hi"))["status"] == "error"
    assert [notice["retry_after"] for notice in peer.of("notice")] == [0, 0.01, 0.02]
    assert len(upstream.requests) == 1 + 3 + 1  # its models, and the attempts


def test_waits_for_a_service_that_says_now_grow():
    """Seven attempts within 31 seconds are the most that one reply takes, each wait twice as long."""
    policy = run.RATE_LIMITED
    waits = [policy.delay(n, retry_after=0) for n in range(5)]
    assert waits == [1, 2, 4, 8, 16]
    assert policy.exhausted(7)
    assert not policy.exhausted(6)


async def test_slow_summary_keeps_nobody_from_talking(upstream, peer):
    """A message sent behind an end is acknowledged and answered while the summary is written."""
    upstream.say("hello")
    await peer.ask("a", "hi")
    upstream.silence()
    upstream.say("still here")
    await peer.ws.send(encode(End()))
    await upstream.until(lambda: upstream.open == 1)
    await peer.ask("b", "one more thing")
    assert peer.text.endswith("still here")


async def test_end_comes_before_the_message_sent_behind_it(server, upstream, peer):
    """A message that follows an end at once is not stopped by it and leaves the session active."""
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    upstream.say("hello")
    await peer.ask("a", "hi")
    await peer.ws.send(encode(End()))
    await peer.ws.send(encode(Send("b", "more")))
    assert (await peer.until("run_finished"))["status"] == "done"
    session = await server.app.store.session("local", peer.of("ready")[0]["session"])
    assert session.status == "active"


async def test_retry_makes_an_ended_session_active(server, upstream, peer):
    """Who tries again after the end is told that the session goes on, and its end is due again."""
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    upstream.say("hello")
    await peer.ask("a", "hi")
    await peer.say(End())
    await peer.until("session", lambda frame: frame["status"] == "completed")
    await peer.say(Retry())
    await peer.until("session", lambda frame: frame["status"] == "active")
    await peer.until("run_finished")
    await peer.say(End())
    await peer.until("session", lambda frame: frame["status"] == "completed")
    assert len(peer.of("summary")) == 2


async def test_what_no_waiting_mends_is_refused_for_good(database):
    """A message that can never be taken is not a matter of a limit, and uses none up."""
    limits = {"messages_per_minute": 1, "message_chars": 10}
    async with serving(database, limits=limits) as server, Peer(server.url, "one") as peer:
        for text, code in (("x" * 11, "too_large"), (" ", "bad_request"), ("y" * 11, "too_large")):
            await peer.say(Send("a", text))
            assert (await peer.until("error"))["code"] == code
        await peer.say(Send("a", "fits"))
        await peer.until("ack")


async def test_deleted_session_stays_deleted(server, upstream):
    """What others say while a session is deleted neither holds it up nor brings it back."""
    async with Peer(server.url, "one") as peer, Peer(server.url, "one") as other:
        upstream.say("one", " two", paused_at=1)
        await peer.say(Send("a", "hi"))
        await peer.until("delta")
        for number in range(5):
            await other.ws.send(encode(Send(f"late-{number}", "late")))
        await server.app.records("local").delete("one")
        await asyncio.gather(peer.ws.wait_closed(), other.ws.wait_closed())
    assert await server.app.store.sessions("local", limit=5) == []


async def test_reply_stored_late_does_not_bring_a_deleted_session_back(
    server, upstream, peer, monkeypatch
):
    """A reply that waits for the database is given up when its session is deleted."""
    monkeypatch.setattr(run_queue, "SAVE", Backoff(first=0.01, longest=0.01))
    append = server.app.store.append

    async def without_replies(user_id, session_id, role, text, **more):
        if role == "assistant":
            raise StoreUnavailable("away")
        return await append(user_id, session_id, role, text, **more)

    monkeypatch.setattr(server.app.store, "append", without_replies)
    upstream.say("lost")
    await peer.ask("a", "hi")
    (live,) = server.app.hub._live.values()
    assert live.runs.busy
    await server.app.records("local").delete("one")
    monkeypatch.setattr(server.app.store, "append", append)

    async def given_up():
        return not live.runs.busy

    assert await eventually(given_up)
    assert await server.app.store.sessions("local", limit=5) == []


async def test_reply_does_not_bring_back_a_session_deleted_at_another_server(
    database, upstream, server, peer
):
    """Its reply ends with a notice and unkept, what waits is dropped, and everybody is disconnected."""
    gate = upstream.say("one", " two", paused_at=1)
    await peer.say(Send("a", "hi"))
    await peer.until("delta")
    await peer.say(Send("b", "and you?"))
    await peer.until("ack", lambda f: f["id"] == "b")
    async with serving(database) as elsewhere:
        await elsewhere.app.records("local").delete("one")
    gate.set()
    finished = await peer.until("run_finished")
    await peer.ws.wait_closed()
    assert "message_id" not in finished
    (notice,) = peer.of("notice")
    assert (notice["code"], "deleted" in notice["text"]) == ("not_found", True)
    assert (peer.ws.close_code, peer.ws.close_reason) == (1000, "The session was deleted.")
    assert len(peer.of("run_started")) == 1
    assert server.app.hub._live == {}
    assert await server.app.store.sessions("local", limit=5) == []


async def test_late_reply_to_a_session_deleted_at_another_server_is_given_up(
    database, upstream, server, peer, monkeypatch
):
    """A reply that waited for the database finds no session any more, and is not tried again."""
    monkeypatch.setattr(run_queue, "SAVE", Backoff(first=0.01, longest=0.01))
    keep, away = server.app.hub._services.chat.store_reply, True
    tries = []

    async def unreliable(turn, reply):
        if away:
            raise StoreUnavailable("away")
        tries.append(reply)
        return await keep(turn, reply)

    monkeypatch.setattr(server.app.hub._services.chat, "store_reply", unreliable)
    upstream.say("lost")
    await peer.ask("a", "hi")
    (live,) = server.app.hub._live.values()
    async with serving(database) as elsewhere:
        await elsewhere.app.records("local").delete("one")
    away = False
    await peer.ws.wait_closed()
    assert peer.ws.close_code == 1000

    async def given_up():
        return not live.runs.busy

    assert await eventually(given_up)
    assert len(tries) == 1
    assert server.app.hub._live == {}
    assert await server.app.store.sessions("local", limit=5) == []


async def test_stopping_is_not_held_up_by_what_is_said_meanwhile(server, upstream, peer):
    """A stop ends also the reply to a message that came while it stopped another."""
    upstream.say("one", " two", paused_at=1)
    await peer.say(Send("a", "hi"))
    await peer.until("delta")
    (live,) = server.app.hub._live.values()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            live.runs.stop("interrupted"), *(live.send(Send(f"s{n}", "hm")) for n in range(3))
        )
        await live.runs.stop("interrupted")
    assert not live.runs.running


async def test_long_messages_can_be_attached_to(server):
    """A session larger than a reader's queue opens with its newest messages, and says so."""
    session_id = (await SessionNames(server.app.store).identify("local", "big")).id
    for number in range(60):
        await server.app.store.append("local", session_id, "user", "x" * 150_000, title=str(number))
    async with Peer(server.url, "big") as peer:
        ready = await peer.next()
        shown = [await peer.until("message")]
        while shown[-1]["message_id"] < 60:
            shown.append(await peer.until("message"))
    assert 1 <= len(shown) < 60
    assert ready["before"] == shown[0]["message_id"]


async def test_a_message_larger_than_a_queue_can_be_attached_to(server):
    """What another program wrote is sent alone, however large, and the conversation goes on."""
    session_id = (await SessionNames(server.app.store).identify("local", "big")).id
    meta = MessageMeta(reasoning="x" * 6_000_000)
    await server.app.store.append("local", session_id, "user", "y" * 6_000_000, title="t")
    for role, told in (("user", 6_000_000), ("assistant", 5)):
        if role == "assistant":
            await server.app.store.append("local", session_id, role, "reply", title="t", meta=meta)
        async with Peer(server.url, "big", history=1) as peer:
            assert len((await peer.until("message"))["text"]) == told
            await peer.until("snapshot_end")


async def test_reader_that_takes_nothing_is_cut(database, upstream, monkeypatch):
    """A socket that is never read from is closed, though its close frame cannot be delivered."""
    monkeypatch.setattr(websocket, "CUT_SECONDS", 0.05)
    async with serving(database, limits={"queue_bytes": 200_000}) as server:
        session_id = (await SessionNames(server.app.store).identify("local", "one")).id
        address = server.url.replace("http", "ws") + "/ws/session/one"
        reader = await connect(address, subprotocols=["genpy.v1"], compression=None, max_queue=1)
        await reader.recv()
        reader.transport.pause_reading()
        (live,) = server.app.hub._live.values()
        for number in range(80):
            await live.send(Send(f"m{number}", "x" * 150_000))

        async def alone():
            return not live.audience.subscribers

        await eventually(alone)
        reader.transport.abort()
    assert live.id == session_id


async def test_names_alone_fill_no_memory(server):
    """A session in which nothing was said is dropped with its last socket."""
    for name in ("a", "b", "c"):
        async with Peer(server.url, name) as peer:
            await peer.next()

    async def none():
        return not server.app.hub._live

    assert await eventually(none)


async def test_stopping_server_takes_no_more_messages(server, peer):
    """A message that arrives while the server stops is refused, to be sent again to the next."""
    await peer.next()
    (live,) = server.app.hub._live.values()
    await server.app.hub.close()
    with pytest.raises(ShuttingDown):
        await server.app.hub.send(live, Send("a", "hi"))
    with pytest.raises(ShuttingDown):
        server.app.hub.retry(live, Retry())


async def test_signs_of_life_survive_a_bug(database, monkeypatch, caplog):
    """Background work that fails in an unforeseen way is told of, and goes on."""
    calls = []

    async def failing(_, **_users):
        calls.append(1)
        raise ZeroDivisionError if len(calls) == 1 else StoreUnavailable("away")

    async def going_on():
        return len(calls) > 2

    with caplog.at_level(logging.WARNING):
        async with serving(database, GENPY_GRACE_SECONDS="0.05") as server:
            monkeypatch.setattr(server.app.store, "abandoned", failing)
            await eventually(going_on)
    assert "looking for abandoned sessions failed" in caplog.text
