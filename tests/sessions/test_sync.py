"""Servers on one database: what changes at one is seen by the clients of the others."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import AsyncMock
from uuid import uuid4

import msgspec
import pytest
from support.conditions import eventually
from support.raw_client import Message, Peer
from support.running_server import Running, serving
from support.scripted_model import Upstream
from websockets.exceptions import ConnectionClosed

from genpy_server.client.transcript import Transcript
from genpy_server.core.models import Memory
from genpy_server.sessions.live_session import LiveSession
from genpy_server.wire import End, Rate, Send, Set, decode_server

DRAFT = {"summary": "S.", "topics": ["t"], "sentiment": "neutral", "outcomes": []}


@dataclass
class Pair:
    """Two servers, and the user whose conversations both serve."""

    one: Running
    two: Running
    user: str
    model: Upstream

    @property
    def session(self) -> str:
        """A session nobody else has."""
        return str(uuid4())


@pytest.fixture(params=["sqlite", "supabase"])
async def settings(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path
) -> dict[str, str]:
    """Of servers that look every 50 ms for what others changed."""
    place: dict[str, str] = {}
    if request.param == "supabase":
        stack = request.getfixturevalue("quick")
        place = {"SUPABASE_URL": stack.url, "SUPABASE_KEY": stack.secret_key}
    return place | {
        "GENPY_LLM_URL": upstream.url,
        "GENPY_SYNC_SECONDS": "0.05",
        "GENPY_USER": f"user-{uuid4()}",
    }


@pytest.fixture
async def pair(settings: dict[str, str], upstream: Upstream, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two servers on one database."""
    database = tmp_path / "shared.db"
    async with serving(database, **settings) as one, serving(database, **settings) as two:
        yield Pair(one, two, settings["GENPY_USER"], upstream)


def seen(peer: Peer) -> list[tuple[int, str]]:
    """Id and text of the messages that a client was sent."""
    return [(frame["message_id"], frame["text"]) for frame in peer.of("message")]


async def ask(peer: Peer, name: str) -> Message:
    """Say something and wait for the end of its reply."""
    await peer.say(Send(name, f"message {name}"))
    return await peer.until("run_finished")


async def test_what_is_said_elsewhere_arrives(pair: Pair) -> None:
    """A client that is attached to another server gets both messages as they are stored, once."""
    session = pair.session
    pair.model.say("Answer a.")
    pair.model.say("Answer b.")
    async with Peer(pair.one.url, session) as here, Peer(pair.two.url, session) as there:
        await ask(here, "a")
        await there.until("message", lambda frame: frame["role"] == "assistant")
        await ask(there, "b")
        await here.until("message", lambda frame: frame["text"] == "Answer b.")
        stored = await pair.one.app.store.messages(pair.user, session, limit=9)
    assert [message.text for message in stored] == [
        "message a",
        "Answer a.",
        "message b",
        "Answer b.",
    ]
    ids = [(message.id, message.text) for message in stored]
    assert seen(there) == [ids[0], ids[1], ids[2]]
    assert seen(here) == [ids[0], ids[2], ids[3]]


async def test_what_is_said_elsewhere_just_before_a_reply_is_stored_arrives(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply with a greater id hides no message of another server."""
    session = pair.session
    go_on = pair.model.say("Answer ", "a.", paused_at=1)
    async with Peer(pair.one.url, session) as here:
        await here.say(Send("a", "message a"))
        await here.until("delta")
        with monkeypatch.context() as unheard:
            unheard.setattr(LiveSession, "follow", AsyncMock())
            await pair.two.app.store.append(pair.user, session, "user", "beside", title="t")
            go_on.set()
            await here.until("run_finished")
        await here.until("message", lambda frame: frame["text"] == "beside")
        async with Peer(pair.one.url, session) as fresh:
            await fresh.until("snapshot_end")
    assert [text for _, text in seen(fresh)] == ["message a", "beside", "Answer a."]


async def test_a_change_elsewhere_arrives(pair: Pair) -> None:
    """Title, rating, end with its summary, and deletion at one server are events at the other."""
    session = pair.session
    async with Peer(pair.one.url, session) as here, Peer(pair.two.url, session) as there:
        await ask(here, "a")
        await there.until("message", lambda frame: frame["role"] == "assistant")
        records = pair.one.app.records(pair.user)
        await records.rename(session, "Another title")
        assert await there.until("session", lambda frame: frame["title"] == "Another title")
        await here.say(Rate(4))
        assert await there.until("session", lambda frame: frame.get("user_rating") == 4)
        pair.model.answer = DRAFT
        await here.say(End())
        summary = await there.until("summary")
        assert (summary["summary"], summary["user_rating"]) == ("S.", 4)
        await there.until("session", lambda frame: frame["status"] == "completed")
        await records.delete(session)
        await there.ws.wait_closed()
    assert there.ws.close_reason == "The session was deleted."
    assert len(there.of("summary")) == 1


async def test_who_joins_sees_what_is_stored(pair: Pair) -> None:
    """A fresh client of a server where others are attached gets all that was said elsewhere."""
    session = pair.session
    async with Peer(pair.one.url, session) as here:
        await ask(here, "a")
        async with Peer(pair.two.url, session) as there:
            await there.until("snapshot_end")
            await pair.one.app.store.append(pair.user, session, "user", "unseen", title="t")
            async with Peer(pair.two.url, session) as fresh:
                await fresh.until("snapshot_end")
    assert seen(fresh)[-1][1] == "unseen"


async def test_a_conversation_open_elsewhere_is_said_to_be(pair: Pair) -> None:
    """Each client knows that another server hosts its session, until nobody is attached there."""
    session = pair.session
    async with Peer(pair.one.url, session) as here:
        await ask(here, "a")
        async with Peer(pair.two.url, session) as there:
            ready = await there.until("ready")
            assert ready["elsewhere"]
            await here.until("session", lambda frame: frame.get("elsewhere", False))
        await pair.two.app.hub.close()
        await here.until("session", lambda frame: not frame.get("elsewhere", False))


async def test_the_last_one_to_leave_ends_it(
    settings: dict[str, str], upstream: Upstream, tmp_path: Path
) -> None:
    """Who leaves one server does not end a session under a client of another."""
    settings = settings | {"GENPY_GRACE_SECONDS": "0.3"}
    database, session = tmp_path / "shared.db", str(uuid4())
    upstream.answer = DRAFT
    async with serving(database, **settings) as one, serving(database, **settings) as two:
        store, user = one.app.store, settings["GENPY_USER"]

        async def completed() -> bool:
            stored = await store.session(user, session)
            return stored is not None and stored.status == "completed"

        async def left() -> bool:
            return (user, session) not in one.app.hub._live

        async with Peer(two.url, session) as stays:
            async with Peer(one.url, session) as leaves:
                upstream.say("Yes.")
                await ask(leaves, "a")
                await stays.until("message", lambda frame: frame["role"] == "assistant")
            await eventually(left)
            assert not await completed()
        await eventually(completed)


async def test_a_stop_leaves_a_session_open_elsewhere(pair: Pair) -> None:
    """A program that exits ends its conversations, but not those of a client of another server."""
    session = pair.session
    async with Peer(pair.one.url, session) as here, Peer(pair.two.url, session) as there:
        await ask(here, "a")
        await there.until("message", lambda frame: frame["role"] == "assistant")
        await pair.one.app.hub.close(end_sessions=True)
        stored = await pair.two.app.store.session(pair.user, session)
    assert stored is not None
    assert stored.status == "active"


async def test_conversations_of_others_are_left_alone(pair: Pair) -> None:
    """A server ends only sessions of its users, and none that no server ever hosted."""
    store, user = pair.one.app.store, pair.user
    pair.model.answer = DRAFT
    mine, never, foreign = (str(uuid4()) for _ in range(3))
    stranger = f"user-{uuid4()}"
    await store.append(stranger, foreign, "user", "x", title="t", live_seconds=0.01)
    await store.append(user, never, "user", "x", title="t")
    await store.append(user, mine, "user", "x", title="t", live_seconds=0.01)

    async def swept() -> bool:
        await pair.one.app.hub.sweep()
        ended = await store.session(user, mine)
        return ended is not None and ended.status == "completed"

    await eventually(swept)
    assert await store.abandoned(9, users=[stranger]) == [(stranger, foreign)]
    assert await store.abandoned(9, users=[user]) == []
    assert await pair.one.app.records(user).abandoned() == [never]


async def test_nothing_of_another_user_arrives(settings: dict[str, str], tmp_path: Path) -> None:
    """Who is attached to the id of another user's session is shown and sent nothing of it.

    Nor is one whose session was deleted elsewhere, and its id taken by the other user.
    """
    tokens = {"ann": "a" * 16, "bob": "b" * 16}
    listed = ",".join(f"{name}:{token}" for name, token in tokens.items())
    async with serving(tmp_path / "shared.db", **settings, GENPY_TOKEN=listed) as server:
        store, hub, ref = server.app.store, server.app.hub, str(uuid4())
        await store.append("ann", ref, "user", "private", title="private")
        hosted = AsyncMock(wraps=store.touch)
        async with Peer(server.url, ref, token=tokens["bob"]) as bob:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(store), "touch", hosted)
                await hub.renew()
            await bob.say(Send("a", "mine?"))
            await bob.until("error")
        assert [frame["type"] for frame in bob.frames] == ["ready", "error"]
        assert ref not in {key for call in hosted.call_args_list for key in call.args[0]}
        await store.delete("ann", ref)
        async with Peer(server.url, ref, token=tokens["bob"]) as bob:
            await bob.say(Send("a", "mine"))
            await bob.until("run_finished")
            await store.delete("bob", ref)
            await store.append("ann", ref, "user", "private", title="private")
            with pytest.raises(ConnectionClosed):
                await bob.until("nothing")
    assert "private" not in str(bob.frames)


def shown(peer: Peer) -> list[object]:
    """What a client shows of all that it was sent."""
    transcript = Transcript()
    for frame in peer.frames:
        transcript.apply(decode_server(msgspec.json.encode(frame).decode()))
    entries = [(e.role, e.text, e.status, e.message_id, e.meta) for e in transcript]
    # A reply that was streamed here and one that was stored elsewhere are the same.
    known = transcript.title, transcript.status, transcript.rating, transcript.settings
    return [*entries, *known]


async def test_three_servers_show_the_same(
    settings: dict[str, str], upstream: Upstream, tmp_path: Path
) -> None:
    """Each kind of change at each of three servers is shown alike by the clients of all of them."""
    session, user = str(uuid4()), settings["GENPY_USER"]
    upstream.answer = DRAFT
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(serving(tmp_path / "shared.db", **settings))
            for _ in range(3)
        ]
        peers = [await stack.enter_async_context(Peer(one.url, session)) for one in servers]
        store = servers[0].app.store

        async def everywhere(kind: str, when: Callable[[Message], bool]) -> None:
            for peer in peers:
                if not any(when(frame) for frame in peer.of(kind)):
                    await peer.until(kind, when)

        async def alike() -> None:
            one, *others = map(shown, peers)
            assert others == [one, one]

        for number, (here, peer) in enumerate(zip(servers, peers, strict=True)):
            name, answer = f"{number} é", f"Answer {number} 界\u2028"
            upstream.say(answer)
            assert (await ask(peer, name))["status"] == "done"
            for one in peers:
                if one is not peer:
                    await one.until("message", lambda f, text=answer: f["text"] == text)
            await here.app.records(user).rename(session, f"Title {name}")
            await everywhere("session", lambda f, name=name: f["title"] == f"Title {name}")
            await peer.say(Set(system=f"Be {name}."))
            await everywhere("settings", lambda f, name=name: f.get("system") == f"Be {name}.")
            await peer.say(Rate(number + 1))
            await everywhere("session", lambda f, n=number: f.get("user_rating") == n + 1)
            await alike()
            ended = len(peer.of("summary"))
            await peer.say(End())
            for one in peers:
                while (
                    len(one.of("summary")) == ended or one.of("session")[-1]["status"] == "active"
                ):
                    await one.next()
            await alike()
        stored = [(m.id, m.text) for m in await store.messages(user, session, limit=99)]
        fresh = [await stack.enter_async_context(Peer(one.url, session)) for one in servers]
        for one in fresh:
            await one.until("snapshot_end")
            assert seen(one) == stored
        assert shown(fresh[0])[:6] == shown(peers[0])[:6]
        await servers[2].app.records(user).delete(session)
        for one in (*peers, *fresh):
            await one.ws.wait_closed()
            assert one.ws.close_reason == "The session was deleted."


async def test_a_note_forgotten_elsewhere_is_sent_no_more(pair: Pair) -> None:
    """A live session drops a note that another server was told to forget, and keeps the others."""
    session = pair.session
    async with Peer(pair.one.url, session) as here, Peer(pair.two.url, session) as there:
        await ask(here, "a")
        (question, _) = await pair.one.app.store.messages(pair.user, session, limit=9)
        noted = Memory("- likes tea\n- lives in Ghent", question.id)
        await pair.one.app.store.extend_memory(pair.user, session, noted, previous=None)

        async def told() -> str:
            """What the model of the other server is told."""
            await ask(there, str(uuid4()))
            return json.dumps(pair.model.requests[-1]["body"]["messages"])

        async def knows_all() -> bool:
            text = await told()
            return "Ghent" in text and "likes tea" in text

        async def knows_less() -> bool:
            text = await told()
            return "Ghent" in text and "likes tea" not in text

        assert await eventually(knows_all)
        await pair.one.app.records(pair.user).change_memory(session, forget=1)
        assert await eventually(knows_less)
