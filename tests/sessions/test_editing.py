"""Editing the last message, against a scripted model: what is stored, stopped, sent and refused."""

import pytest
from support.raw_client import Peer
from support.running_server import serving

from genpy_server.wire import Send


def sent(upstream, number=-1):
    """What people and the model said in a request to the model."""
    messages = upstream.requests[number]["body"]["messages"][1:]
    return [m["content"].partition("\n\n(From GenPy")[0] for m in messages]


async def turn(peer, upstream, reply, name, text, **fields):
    """Send a message that gets this reply; returns its id."""
    upstream.say(reply)
    message_id = await say(peer, name, text, **fields)
    await peer.until("run_finished")
    return message_id


async def say(peer, name, text, **fields):
    """Say something; the stored message's id."""
    await peer.say(Send(name, text, **fields))
    return (await peer.until("ack", lambda f: f["id"] == name))["message_id"]


async def test_edited_message_and_its_reply_are_kept_and_not_sent(server, upstream, peer):
    """The model sees the new message in place of the old one; the store has both, and the mark."""
    await turn(peer, upstream, "Rome is old.", "a", "Tell me about Rome")
    old = await turn(peer, upstream, "Lyon is loud.", "b", "Tell me about Lyon")
    new = await turn(peer, upstream, "Oslo is cold.", "c", "Tell me about Oslo", replaces=old)
    assert sent(upstream) == ["Tell me about Rome", "Rome is old.", "Tell me about Oslo"]
    assert "Lyon" not in str(upstream.requests[-1]["body"])
    session = peer.of("ready")[0]["session"]
    kept = await server.app.store.messages("local", session, limit=10)
    texts = ["Tell me about Lyon", "Lyon is loud.", "Tell me about Oslo", "Oslo is cold."]
    assert [m.text for m in kept][2:] == texts
    assert [m.meta.replaces for m in kept if m.id == new] == [old]
    (event,) = [f for f in peer.of("message") if f["message_id"] == new]
    assert event["meta"] == {"replaces": old}
    assert (await server.app.store.metrics("local", session)).messages == 6


async def test_summary_is_of_what_still_counts(server, upstream, peer):
    """What was replaced is not told to the model that writes the summary."""
    old = await turn(peer, upstream, "Lyon is loud.", "a", "Tell me about Lyon")
    await turn(peer, upstream, "Oslo is cold.", "b", "Tell me about Oslo", replaces=old)
    upstream.fail(500)
    await server.app.hub.find("local", peer.of("ready")[0]["session"]).runs.stop("stopped")
    await server.app.records("local").regenerate("one")
    assert "Oslo is cold." in sent(upstream)[0]
    assert "Lyon" not in sent(upstream)[0]


async def test_running_reply_to_the_edited_message_is_stopped_first(server, upstream, peer):
    """The old reply ends as stopped, with what came of it kept, before the new one begins."""
    upstream.say("Lyon", " is loud.", paused_at=1)
    old = await say(peer, "a", "Tell me about Lyon")
    await peer.until("delta")
    upstream.say("Oslo is cold.")
    new = await say(peer, "b", "Tell me about Oslo", replaces=old)
    await peer.until("run_finished", lambda f: f["status"] == "done")
    stopped, done = peer.of("run_finished")
    order = [f["type"] for f in peer.frames if f["type"] in {"message", "run_started"}]
    assert order == ["message", "run_started", "message", "run_started"]
    assert peer.frames.index(stopped) < peer.frames.index(peer.of("message")[1])
    kept = await server.app.store.messages("local", peer.of("ready")[0]["session"], limit=10)
    assert [(m.text, m.meta.status, m.meta.reply_to) for m in kept if m.role == "assistant"] == [
        ("Lyon", "stopped", old),
        ("Oslo is cold.", "done", new),
    ]
    assert [m.id for m in kept] == [old, stopped["message_id"], new, done["message_id"]]
    await upstream.until(lambda: upstream.open == 0)


async def test_edit_of_a_waiting_message_leaves_the_running_reply_alone(upstream, peer):
    """A message that was not answered yet is never answered; the reply before it goes on."""
    gate = upstream.say("Rome", " is old.", paused_at=1)
    await say(peer, "a", "Tell me about Rome")
    await peer.until("delta")
    old = await say(peer, "b", "Tell me about Lyon")
    new = await say(peer, "c", "Tell me about Oslo", replaces=old)
    upstream.say("Oslo is cold.")
    gate.set()
    await peer.until("run_finished")
    await peer.until("run_finished")
    assert [f["status"] for f in peer.of("run_finished")] == ["done", "done"]
    assert peer.of("run_started")[-1]["reply_to"] == new
    assert len(peer.of("run_started")) == 2
    assert "Lyon" not in str(upstream.requests[-1]["body"])


async def test_message_edited_twice_counts_once(upstream, peer):
    """An edit can be edited; then neither of the earlier ones is sent."""
    number = None
    for name, city in (("a", "Lyon"), ("b", "Oslo"), ("c", "Bern")):
        number = await turn(
            peer, upstream, f"{city} it is.", name, f"Tell me about {city}", replaces=number
        )
    assert sent(upstream) == ["Tell me about Bern"]


@pytest.mark.parametrize("which", ["older", "reply", "unknown"])
async def test_only_the_last_message_of_a_person_can_be_edited(server, upstream, peer, which):
    """Anything else is a conflict that says what to do, and nothing is stored or run."""
    upstream.say("Rome is old.")
    older = await say(peer, "a", "Tell me about Rome")
    reply = (await peer.until("run_finished"))["message_id"]
    await turn(peer, upstream, "Lyon is loud.", "b", "Tell me about Lyon")
    number = {"older": older, "reply": reply, "unknown": 987_654}[which]
    await peer.say(Send("c", "Tell me about Oslo", replaces=number))
    error = await peer.until("error")
    assert (error["re"], error["code"], error["retryable"]) == ("c", "conflict", False)
    assert "send this as a new message" in error["message"]
    session = peer.of("ready")[0]["session"]
    assert len(await server.app.store.messages("local", session, limit=10)) == 4
    assert len(peer.of("run_started")) == 2


async def test_message_of_another_session_cannot_be_edited_from_here(server, upstream, peer):
    """A session where nothing was said has nothing to edit, and stays unwritten."""
    upstream.say("Rome is old.")
    number = await say(peer, "a", "Tell me about Rome")
    async with Peer(server.url, "another") as other:
        await other.say(Send("b", "Tell me about Oslo", replaces=number))
        assert (await other.until("error"))["code"] == "conflict"
        session = other.of("ready")[0]["session"]
    assert await server.app.store.session("local", session) is None


async def test_same_edit_twice_is_one_message(server, upstream, peer):
    """An edit that is sent again after a cut is acknowledged again, and answered once."""
    old = await turn(peer, upstream, "Lyon is loud.", "a", "Tell me about Lyon")
    new = await turn(peer, upstream, "Oslo is cold.", "b", "Tell me about Oslo", replaces=old)
    async with Peer(server.url, "one") as again:
        await again.say(Send("b", "Tell me about Oslo", replaces=old))
        ack = await again.until("ack")
        assert (ack["message_id"], ack["duplicate"]) == (new, True)
        assert again.of("run_started") == []
    assert server.app.hub.running("local") == frozenset()


async def test_last_message_is_the_last_on_any_server(database, upstream):
    """What was said at another server since is told first, and is what can be edited now."""
    async with (
        serving(database, GENPY_LLM_URL=upstream.url) as server,
        serving(database, GENPY_LLM_URL=upstream.url) as elsewhere,
        Peer(server.url, "one") as peer,
        Peer(elsewhere.url, "one") as other,
    ):
        old = await turn(peer, upstream, "Lyon is loud.", "a", "Tell me about Lyon")
        upstream.say("Rome is old.")
        later = await say(other, "b", "Tell me about Rome")
        await other.until("run_finished")
        await peer.say(Send("c", "Tell me about Oslo", replaces=old))
        assert (await peer.until("error"))["code"] == "conflict"
        assert peer.of("message")[1]["message_id"] == later
        await turn(peer, upstream, "Oslo is cold.", "d", "Tell me about Oslo", replaces=later)
    assert sent(upstream) == ["Tell me about Lyon", "Lyon is loud.", "Tell me about Oslo"]
