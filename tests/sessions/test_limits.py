"""Guards and limits of live sessions, each of which somebody relies on."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import DONE, Script, chunk

from genpy_server.core.models import MessageMeta
from genpy_server.errors import StoreUnavailable
from genpy_server.runs import context
from genpy_server.sessions.rate_limit import Rates
from genpy_server.stores.base import JournalPiece
from genpy_server.wire import Cancel, Send


async def test_messages_that_wait_are_bounded(database, upstream):
    """So many may wait behind a reply, and not one more; the refused one may come again later."""
    limits = {"waiting_per_session": 2}
    async with serving(database, limits=limits, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            gate = upstream.say("one", " two", paused_at=1)
            await peer.say(Send("m0", "hello"))
            await peer.until("delta")
            for number in (1, 2):
                await peer.say(Send(f"m{number}", "hello"))
                await peer.until("ack", lambda f, n=number: f["id"] == f"m{n}")
            await peer.say(Send("m3", "hello"))
            error = await peer.until("error")
            gate.set()
            for _ in range(3):
                await peer.until("run_finished")
            await peer.say(Send("m3", "hello"))
            await peer.until("ack", lambda f: f["id"] == "m3")
    assert (error["re"], error["code"], error["retryable"]) == ("m3", "too_many", True)


async def test_replies_begin_in_order_and_only_so_many_at_once(database, upstream, monkeypatch):
    """A reply begins when one before it asks the model; beyond the bound a message is refused."""
    limits = {"starting_at_once": 1, "starting_waiting": 2}
    gate, asked = asyncio.Event(), []
    upstream.only(Script(pieces=[chunk({"content": "yes"}), chunk(finish="stop"), DONE]))
    async with serving(database, limits=limits, GENPY_LLM_URL=upstream.url) as server:
        search = server.app.store.search

        async def slow(user_id, query, **options):
            asked.append(query)
            await gate.wait()
            return await search(user_id, query, **options)

        monkeypatch.setattr(server.app.store, "search", slow)
        names = ("one", "two", "three", "four")
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(Peer(server.url, name)) for name in names]
            *started, late = peers
            for peer, name in zip(started, names, strict=False):
                await peer.say(Send("a", f"Which hotel is nearest to station {name}?"))
                await peer.until("ack")
            await late.say(Send("a", "Which hotel is nearest to station four?"))
            error = await late.until("error")
            assert len(asked) == 1
            assert not any(peer.of("run_started") for peer in started[1:])
            gate.set()
            for peer in started:
                await peer.until("run_finished")
            await late.ask("a", "Which hotel is nearest to station four?")
    assert [query.split()[-1] for query in asked] == ["one?", "two?", "three?", "four?"]
    assert (error["code"], error["retryable"], error["retry_after"]) == ("busy", True, 5.0)


async def test_a_reply_that_waits_to_begin_can_be_withdrawn(database, upstream, monkeypatch):
    """A message that is replaced before its reply began is not answered, and a stop is shown."""
    upstream.only(Script(pieces=[chunk({"content": "yes"}), chunk(finish="stop"), DONE]))
    gate = asyncio.Event()
    limits = {"starting_at_once": 1}
    async with serving(database, limits=limits, GENPY_LLM_URL=upstream.url) as server:

        async def slow(*_, **__):
            await gate.wait()
            return []

        monkeypatch.setattr(server.app.store, "search", slow)
        async with Peer(server.url, "one") as first, Peer(server.url, "two") as peer:
            await first.say(Send("a", "Which hotel is nearest to the station?"))
            await first.until("run_started")
            await peer.say(Send("b", "Rome or Paris?"))
            wrong = await peer.until("ack")
            await peer.say(Send("c", "Rome or Berlin?", replaces=wrong["message_id"]))
            right = await peer.until("ack", lambda f: f["id"] == "c")
            await peer.say(Cancel())
            gate.set()
            finished = await peer.until("run_finished")
            await first.until("run_finished")
            assert [f["reply_to"] for f in peer.of("run_started")] == [right["message_id"]]
            assert finished["status"] == "stopped"


async def test_replies_of_a_user_are_bounded_beside_the_session_that_asks(database, upstream):
    """A second message in the session that runs is not a further reply; another session's is."""
    limits = {"runs_per_user": 1}
    async with serving(database, limits=limits, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as one, Peer(server.url, "two") as two:
            gate = upstream.say("one", " two", paused_at=1)
            await one.say(Send("a", "hello"))
            await one.until("delta")
            await one.say(Send("b", "and more"))
            await one.until("ack", lambda f: f["id"] == "b")
            await two.say(Send("c", "hello"))
            assert (await two.until("error"))["code"] == "too_many"
            gate.set()
            for _ in range(2):
                await one.until("run_finished")
            await two.say(Send("c", "hello"))
            await two.until("ack")
    assert one.of("error") == []


async def test_sockets_whose_session_does_not_open_are_given_back(database, monkeypatch):
    """Failed openings, however many, keep nobody out once the database is back."""
    async with serving(database, limits={"sockets_per_user": 2}) as server:
        attach = server.app.store.attach

        async def away(*_, **__):
            raise StoreUnavailable("away")

        monkeypatch.setattr(server.app.store, "attach", away)
        for _ in range(3):
            async with Peer(server.url, "one") as peer:
                assert (await peer.next())["code"] == "store_unavailable"
        monkeypatch.setattr(server.app.store, "attach", attach)
        async with Peer(server.url, "one") as left, Peer(server.url, "one") as right:
            assert (await left.next())["type"] == (await right.next())["type"] == "ready"
            async with Peer(server.url, "one") as third:
                assert (await third.next())["code"] == "too_many"


async def test_the_sweep_spares_sessions_that_are_live_here(database, monkeypatch):
    """A session whose lease in the database ran out goes on while people are attached to it."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        session = peer.of("ready")[0]["session"]
        await server.app.store.touch({session: ""}, -1.0)
        assert await server.app.store.abandoned(9, users=["local"]) == [("local", session)]
        await server.app.hub.sweep()
        found = await server.app.store.session("local", session)
        await peer.say(Send("b", "still here"))
        await peer.until("ack", lambda f: f["id"] == "b")
    assert found is not None
    assert found.status == "active"
    assert peer.of("summary") == []


async def test_a_rate_limit_after_text_is_not_waited_for(upstream, peer):
    """Once text was seen, asking again would say it twice: the reply ends as interrupted."""
    error = {"error": {"message": "slow down", "type": "rate_limit", "code": "rate_limit_exceeded"}}
    upstream.script(Script(pieces=[chunk({"content": "half"}), chunk_of(error)]))
    upstream.say("again")
    finished = await peer.ask("a", "hi")
    assert finished["status"] == "interrupted"
    assert peer.text == "half"
    assert [n for n in peer.of("notice") if n["code"] == "llm_rate_limited"] == []


def chunk_of(body):
    """An event of a stream with any body."""
    return f"data: {json.dumps(body)}\n\n".encode()


async def test_texts_of_two_tool_rounds_stand_apart(upstream, peer):
    """What a model says before and after it calls a tool are two paragraphs of one reply."""
    call = {"index": 0, "id": "c1", "function": {"name": "get_session_stats", "arguments": "{}"}}
    first = [chunk({"content": "Let me look."}), chunk({"tool_calls": [call]})]
    upstream.script(Script(pieces=[*first, chunk(finish="tool_calls"), DONE]))
    upstream.say("Two ", "messages.")
    await peer.ask("a", "hi")
    assert peer.text == "Let me look.\n\nTwo messages."


async def test_a_reply_that_is_being_stored_cannot_be_stopped(server, upstream, peer, monkeypatch):
    """Cancelled while its commit is under way, a reply stays what it was, and is stored once."""
    append = server.app.store.append
    storing, go_on = asyncio.Event(), asyncio.Event()

    async def slow(user_id, session_id, role, text, **more):
        if role == "assistant":
            storing.set()
            await go_on.wait()
        return await append(user_id, session_id, role, text, **more)

    monkeypatch.setattr(server.app.store, "append", slow)
    upstream.say("whole")
    await peer.say(Send("a", "hi"))
    await asyncio.wait_for(storing.wait(), 10)
    await peer.say(Cancel())
    await peer.say(Send("", "a frame behind it"))  # refused once the cancel was taken
    await peer.until("error", lambda f: f["code"] == "bad_request")
    go_on.set()
    finished = await peer.until("run_finished")
    stored = await server.app.store.messages("local", peer.of("ready")[0]["session"], limit=9)
    assert finished["status"] == "done"
    assert [(m.text, m.meta.status) for m in stored[1:]] == [("whole", "done")]


async def test_no_ack_for_a_message_to_a_session_deleted_meanwhile(server, upstream, monkeypatch):
    """A message whose commit ends behind the deletion of its session is not acknowledged."""
    append = server.app.store.append
    committed, go_on = asyncio.Event(), asyncio.Event()

    async def slow(user_id, session_id, role, text, **more):
        appended = await append(user_id, session_id, role, text, **more)
        if text == "late":
            committed.set()
            await go_on.wait()
        return appended

    monkeypatch.setattr(server.app.store, "append", slow)
    upstream.say("hello")
    async with Peer(server.url, "one") as peer:
        await peer.ask("a", "hi")
        (live,) = server.app.hub._live.values()
        sending = asyncio.create_task(live.send(Send("b", "late")))
        await asyncio.wait_for(committed.wait(), 10)
        await server.app.records("local").delete("one")
        go_on.set()
        with pytest.raises(Exception, match="deleted"):
            await sending
        assert not live.runs.running


def test_an_idle_hour_fills_no_bucket_beyond_its_size():
    """After an hour without messages a minute's worth may come at once, and no more."""
    clock = [0.0]
    rates = Rates(5, clock=lambda: clock[0])
    rates.charge("ann")
    clock[0] = 3_600.0
    taken = [rates.refusal("ann") for _ in range(6)]
    assert taken[:5] == [None] * 5
    assert taken[5].retry_after == pytest.approx(12.0)


async def test_a_search_that_hangs_holds_up_no_reply(server, upstream, peer, monkeypatch):
    """Recall has its time; a reply without it comes all the same."""
    monkeypatch.setattr(context, "RECALL_SECONDS", 0.05)
    given_up = asyncio.Event()

    async def hanging(*_, **__):
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    monkeypatch.setattr(server.app.store, "search", hanging)
    upstream.say("hello")
    assert (await peer.ask("a", "What was the name of the gecko in Rome?"))["status"] == "done"
    assert given_up.is_set()


async def test_a_dead_servers_text_is_stored_once(database, upstream):
    """However many servers find a reply that was left behind, it is one message."""
    settings = {"GENPY_LLM_URL": upstream.url}
    async with serving(database, **settings) as first:
        async with Peer(first.url, "one") as peer:
            upstream.say("hello")
            await peer.ask("a", "hi")
            session = peer.of("ready")[0]["session"]
        question, _ = await first.app.store.messages("local", session, limit=9)
        meta = MessageMeta(run="left", reply_to=question.id)
        piece = JournalPiece(session, "left", question.id, 0, "half", meta)
        await first.app.store.journal("a/server/that/is gone", [piece])
        async with serving(database, **settings) as second:
            await asyncio.gather(*(hub.sweep() for hub in (first.app.hub, second.app.hub) * 2))

            async def kept():
                found = await first.app.store.messages("local", session, limit=9)
                return [m.text for m in found if m.client_id == "left"]

            assert await eventually(kept) == ["half"]
