"""Messages whose commit fails, is not heard of, or finds that the session was deleted elsewhere."""

import asyncio
import gc
import sqlite3
from contextlib import closing
from uuid import uuid4

import httpx
import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import serving

from genpy_server.core.backoff import Backoff
from genpy_server.core.models import Hit
from genpy_server.errors import StoreTimeout, StoreUnavailable
from genpy_server.sessions.names import SessionNames
from genpy_server.wire import Send


async def say(peer, name, text, **fields):
    """Say something; the stored message's id."""
    await peer.say(Send(name, text, **fields))
    return (await peer.until("ack", lambda f: f["id"] == name))["message_id"]


@pytest.fixture
def failing(server, monkeypatch):
    """Makes the next commit of a person's message fail, before or after it is done."""
    append = server.app.store.append

    def fail(error, *, committed):
        async def once(user_id, session_id, role, text, **more):
            if role == "user":
                monkeypatch.setattr(server.app.store, "append", append)
                if committed:
                    await append(user_id, session_id, role, text, **more)
                raise error
            return await append(user_id, session_id, role, text, **more)

        monkeypatch.setattr(server.app.store, "append", once)

    return fail


async def test_recall_begins_before_the_commit_is_done(server, upstream, peer, monkeypatch):
    """What was said before is looked up beside the commit, once, unless enough is prepared already."""
    store, searches, searching = server.app.store, [], asyncio.Event()
    append, search = store.append, store.search

    async def noted(*given, **more):
        searches.append(given[1])
        searching.set()
        return await search(*given, **more)

    async def held_up(user_id, session_id, role, text, **more):
        if text.startswith("Where"):
            await searching.wait()
        return await append(user_id, session_id, role, text, **more)

    monkeypatch.setattr(store, "search", noted)
    monkeypatch.setattr(store, "append", held_up)
    for name, text in (("a", "Where is the hotel in Rome?"), ("b", "What did the hotel cost?")):
        upstream.say("Near the station.")
        await say(peer, name, text)
        await peer.until("run_finished")
        monkeypatch.setattr(server.app.hub._services.admission, "_prepared", range(1_000))
    assert searches == ["Where is the hotel in Rome?", "What did the hotel cost?"]


async def test_what_waits_recalls_the_reply_before_it(server, upstream, peer, monkeypatch):
    """A message sent while a reply is made is looked up when that one is stored."""
    store, searches = server.app.store, []
    search = store.search

    async def noted(*given, **more):
        searches.append(given[1])
        return await search(*given, **more)

    monkeypatch.setattr(store, "search", noted)
    gate = upstream.say("Near the ", "station.", paused_at=1)
    upstream.say("It cost a lot.")
    questions = ["Where is the hotel in Rome?", "What did the hotel cost?"]
    await say(peer, "a", questions[0])
    await peer.until("delta")
    await say(peer, "b", questions[1])
    assert searches == questions[:1]
    gate.set()
    for _ in questions:
        await peer.until("run_finished")
    assert searches == questions


async def test_a_long_reply_keeps_nothing_that_its_request_was_made_of(server, upstream, peer):
    """While a model answers, neither the recalled messages nor the bytes of the request are in memory."""
    upstream.say("Near the station.")
    await say(peer, "a", "Where is the hotel in Rome?")
    await peer.until("run_finished")
    session = peer.of("ready")[0]["session"]
    del server.app.hub.find("local", session)._conversation.messages[:]
    gate = upstream.say("Near the ", "station.", paused_at=1)
    await say(peer, "b", "What did the hotel in Rome cost?")
    await peer.until("delta")
    assert "Where is the hotel in Rome" in str(upstream.requests[-1]["body"])

    async def holds_no_hit():
        hits = [one for one in gc.get_objects() if isinstance(one, Hit)]
        return not [hit for hit in hits if hit.message.session_id == session]

    await eventually(holds_no_hit)
    sent = [one for one in gc.get_objects() if isinstance(one, httpx.Request)]
    (here,) = [
        one for one in sent if one.method == "POST" and str(one.url).startswith(upstream.root)
    ]
    assert not here.content
    gate.set()
    await peer.until("run_finished")


async def test_nothing_is_recalled_for_a_message_that_a_tool_answers(
    server, upstream, peer, monkeypatch
):
    """The tool's result takes the place of what was said before, which is not searched for."""
    searches = []

    async def noted(*given, **_):
        searches.append(given[1])
        return []

    monkeypatch.setattr(server.app.store, "search", noted)
    for name, text in (("a", "How many messages did I send?"), ("b", "Where is the hotel?")):
        upstream.say("Near the station.")
        await say(peer, name, text)
        await peer.until("run_finished")
    assert searches == ["Where is the hotel?"]


async def test_replies_are_stored_in_the_order_of_their_questions(
    server, upstream, peer, monkeypatch
):
    """A reply waits for one before it: what is left of the first would count as answered."""
    monkeypatch.setattr("genpy_server.runs.queue.SAVE", Backoff(first=600, longest=600))
    append = server.app.store.append

    async def fail_once(user_id, session_id, role, text, **more):
        if role == "assistant":
            monkeypatch.setattr(server.app.store, "append", append)
            raise StoreUnavailable("The database is away.")
        return await append(user_id, session_id, role, text, **more)

    monkeypatch.setattr(server.app.store, "append", fail_once)
    go_on = upstream.say("To ", "a.", paused_at=1)
    upstream.say("To b.")
    ids = [await say(peer, name, f"message {name}") for name in ("a", "b")]
    go_on.set()
    for _ in ids:
        await peer.until("run_finished")
    kept = await server.app.store.messages("local", peer.of("ready")[0]["session"], limit=9)
    assert [(m.text, m.meta.reply_to) for m in kept[2:]] == [("To a.", ids[0]), ("To b.", ids[1])]


@pytest.mark.parametrize("again", [False, True])
async def test_session_deleted_elsewhere_is_not_brought_back(
    database, server, upstream, peer, again
):
    """What is said next is refused and everybody disconnected; the model hears nothing of what was."""
    await say(peer, "a", "Tell me about Rome")
    await peer.until("run_finished")
    session = peer.of("ready")[0]["session"]
    async with serving(database) as elsewhere:
        await elsewhere.app.records("local").delete("one")
        if again:
            await elsewhere.app.store.append("local", session, "user", "Begun again", title="t")
    heard = len(upstream.requests)
    await peer.say(Send("b", "And about Lyon?"))
    await peer.ws.wait_closed()
    assert (peer.ws.close_code, peer.ws.close_reason) == (1000, "The session was deleted.")
    assert len(upstream.requests) == heard
    assert server.app.hub._live == {}
    kept = await server.app.store.messages("local", session, limit=9)
    assert [message.text for message in kept] == ["Begun again"] * again


async def test_message_removed_with_sql_ends_no_session(database, server, upstream, peer):
    """The next message is stored and answered, although the oldest known one is gone."""
    old = await say(peer, "a", "Tell me about Rome")
    await peer.until("run_finished")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM session_logs WHERE id = ?", [old])
        connection.commit()
    upstream.say("Lyon is loud.")
    await say(peer, "b", "And about Lyon?")
    assert (await peer.until("run_finished"))["status"] == "done"
    session = peer.of("ready")[0]["session"]
    kept = await server.app.store.messages("local", session, limit=9)
    assert [message.role for message in kept] == ["assistant", "user", "assistant"]


async def test_edit_in_a_session_begun_again_elsewhere_mixes_nothing(
    database, server, upstream, peer
):
    """A refused edit learns of the new session's messages, and what is said next goes to neither."""
    old = await say(peer, "a", "Tell me about Rome")
    await peer.until("run_finished")
    session = peer.of("ready")[0]["session"]
    async with serving(database) as elsewhere:
        await elsewhere.app.records("local").delete("one")
        await elsewhere.app.store.append("local", session, "user", "Begun again", title="t")
    await peer.say(Send("b", "Tell me about Oslo", replaces=old))
    assert (await peer.until("error", lambda f: f.get("re") == "b"))["code"] == "conflict"
    heard = len(upstream.requests)
    await peer.say(Send("c", "And about Lyon?"))
    await peer.ws.wait_closed()
    kept = await server.app.store.messages("local", session, limit=9)
    assert [message.text for message in kept] == ["Begun again"]
    assert len(upstream.requests) == heard


async def test_edit_in_a_session_deleted_elsewhere_stores_nothing(database, server, upstream, peer):
    """The stopped reply finds no session, and the edit that waited for it makes none."""
    upstream.say("Lyon", " is loud.", paused_at=1)
    old = await say(peer, "a", "Tell me about Lyon")
    await peer.until("delta")
    async with serving(database) as elsewhere:
        await elsewhere.app.records("local").delete("one")
    await peer.say(Send("b", "Tell me about Oslo", replaces=old))
    await peer.ws.wait_closed()
    assert peer.ws.close_reason == "The session was deleted."
    assert await server.app.store.sessions("local", limit=5) == []


async def test_message_of_a_session_deleted_while_it_is_stored_is_not_answered(
    server, upstream, peer, monkeypatch
):
    """A deletion between a commit and what follows it is the end: no acknowledgement, no run."""
    append = server.app.store.append

    async def deleted_after(*args, **more):
        appended = await append(*args, **more)
        await server.app.records("local").delete("one")
        return appended

    monkeypatch.setattr(server.app.store, "append", deleted_after)
    await peer.say(Send("a", "Tell me about Rome"))
    await peer.ws.wait_closed()
    assert (peer.of("ack"), upstream.requests) == ([], [])

    async def gone():
        return await server.app.store.sessions("local", limit=5) == []

    assert await eventually(gone)


async def test_message_whose_commit_was_not_heard_of_is_answered_once(
    server, upstream, peer, failing
):
    """Stored though the store said nothing: sent again it is told and answered, and then never more."""
    failing(StoreTimeout("slow"), committed=True)
    await peer.say(Send("a", "Tell me about Rome"))
    assert (await peer.until("error"))["retryable"]
    await say(peer, "a", "Tell me about Rome")
    await peer.until("run_finished")
    await say(peer, "a", "Tell me about Rome")
    await say(peer, "b", "Thanks")
    await peer.until("run_finished")
    assert [ack["duplicate"] for ack in peer.of("ack")] == [True, True, False]
    assert [event["client_id"] for event in peer.of("message")] == ["a", "b"]
    assert len(peer.of("run_started")) == 2


async def test_message_that_was_caught_up_with_is_answered_when_it_is_sent_again(
    upstream, peer, failing
):
    """One that is told of because of a later one is told once, and answered in the end."""
    failing(StoreTimeout("slow"), committed=True)
    await peer.say(Send("a", "Tell me about Rome"))
    await peer.until("error")
    await say(peer, "b", "Tell me about Lyon")
    await peer.until("run_finished")
    number = await say(peer, "a", "Tell me about Rome")
    assert (await peer.until("run_started"))["reply_to"] == number
    await peer.until("run_finished")
    assert [event["client_id"] for event in peer.of("message")] == ["a", "b"]


async def test_message_that_was_answered_is_not_answered_again(upstream, peer, failing):
    """A failure to look whether it is stored makes nothing new of a message that was heard."""
    await say(peer, "a", "Tell me about Rome")
    await peer.until("run_finished")
    failing(StoreUnavailable("away"), committed=False)
    await peer.say(Send("a", "Tell me about Rome"))
    await peer.until("error")
    await say(peer, "a", "Tell me about Rome")
    await say(peer, "b", "Thanks")
    await peer.until("run_finished")
    assert len(peer.of("run_started")) == 2


@pytest.mark.parametrize("committed", [False, True])
async def test_edit_that_fails_puts_back_what_waited(upstream, peer, failing, committed):
    """The message that was to be replaced is answered after all, unless the edit is sent again."""
    gate = upstream.say("Rome", " is old.", paused_at=1)
    await say(peer, "a", "Tell me about Rome")
    await peer.until("delta")
    old = await say(peer, "b", "Tell me about Lyon")
    failing(StoreTimeout("slow"), committed=committed)
    await peer.say(Send("c", "Tell me about Oslo", replaces=old))
    await peer.until("error")
    if committed:
        old = await say(peer, "c", "Tell me about Oslo", replaces=old)
    upstream.say("It is loud.")
    gate.set()
    for _ in range(2):
        await peer.until("run_finished")
    assert [run["reply_to"] for run in peer.of("run_started")][1:] == [old]


async def test_new_name_after_a_deletion_elsewhere_is_a_new_session(database, server):
    """Who comes back after being disconnected begins a session of the same name again."""
    name = uuid4().hex
    async with Peer(server.url, name) as peer:
        await say(peer, "a", "hello")
        await peer.until("run_finished")
        async with serving(database) as elsewhere:
            await elsewhere.app.records("local").delete(name)
        await peer.say(Send("b", "still there?"))
        await peer.ws.wait_closed()
    async with Peer(server.url, name) as peer:
        await say(peer, "c", "hello again")
        await peer.until("run_finished")
    kept = await server.app.store.messages(
        "local", (await SessionNames(server.app.store).identify("local", name)).id, limit=9
    )
    assert [message.text for message in kept if message.role == "user"] == ["hello again"]
