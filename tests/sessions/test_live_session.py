"""Conversations over real sockets, with the offline model, which answers at once."""

import asyncio
import json
import sys
from uuid import uuid4

import httpx
import pytest
import websockets
from support.conditions import PATIENCE, eventually
from support.raw_client import Peer
from support.running_server import serving
from websockets.asyncio.client import connect

from genpy_server.errors import StoreUnavailable
from genpy_server.runs import history
from genpy_server.settings import Limits
from genpy_server.wire import Auth, Cancel, Delta, End, Rate, Retry, Send

TOKEN = "correct-horse-battery"


async def test_ten_line_client_gets_a_reply(database):
    """The client of the first version works unchanged in text mode."""
    async with serving(database) as server:
        address = server.url.replace("http://127.0.0.1", "ws://localhost")
        async with websockets.connect(f"{address}/ws/session/test-session-123") as websocket:
            await websocket.send("Hello, AI!")
            response = await websocket.recv()
    assert isinstance(response, str)
    assert response


async def test_message_is_stored_acknowledged_and_answered(database):
    """A message comes back as event, is acknowledged, and its reply is a run with deltas."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        finished = await peer.ask("a", "How do I reverse a list in Python?")
        stored = await server.app.store.messages("local", peer.of("ready")[0]["session"], limit=10)
        (live,) = server.app.hub._live.values()
        reply = live._conversation.messages[-1]
        (logged,) = (
            e for e in live.audience.log._entries if isinstance(getattr(e, "begin", None), Delta)
        )
    assert logged._texts[0] is reply.text  # once in memory
    (ack,), (started,) = peer.of("ack"), peer.of("run_started")
    assert ack == {
        "type": "ack",
        "id": "a",
        "message_id": stored[0].id,
        "duplicate": False,
    }
    assert started["reply_to"] == stored[0].id
    assert started["intent"] == "code_assistant"
    assert started["reason"]
    assert finished["status"] == "done"
    assert finished["message_id"] == stored[1].id
    assert stored[1].text == peer.text
    assert stored[1].meta.intent == "code_assistant"


async def test_sequence_numbers_count_every_event(database):
    """Events of a session are numbered without a gap, over several runs."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        for number in range(3):
            await peer.ask(f"m{number}", "hello")
    numbers = [f["seq"] for f in peer.frames if f.get("seq") is not None and f["type"] != "ready"]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_same_send_twice_runs_once(database):
    """The same id with the same text is acknowledged as a duplicate and runs nothing."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        await peer.say(Send("a", "hello"))
        again = await peer.until("ack", lambda f: f["duplicate"])
        await peer.ask("b", "bye")
    assert again["message_id"] == peer.of("ack")[0]["message_id"]
    assert len(peer.of("run_started")) == 2


async def test_same_id_with_another_text_is_a_conflict(database):
    """An id names one text for ever."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        await peer.say(Send("a", "goodbye"))
        error = await peer.until("error")
    assert (error["code"], error["re"], error["retryable"]) == ("conflict", "a", False)


async def test_same_send_racing_on_two_sockets_is_one_message(database):
    """Two sockets that send the same message at the same moment get one message and one run."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as left, Peer(server.url, "one") as right:
            await asyncio.gather(left.until("ready"), right.until("ready"))
            await asyncio.gather(left.say(Send("a", "hello")), right.say(Send("a", "hello")))
            acks = await asyncio.gather(left.until("ack"), right.until("ack"))
            for peer in (left, right):
                if not peer.of("run_finished"):
                    await peer.until("run_finished")
            stored = await server.app.store.messages(
                "local", left.of("ready")[0]["session"], limit=10
            )
    assert sorted(ack["duplicate"] for ack in acks) == [False, True]
    assert [message.role for message in stored] == ["user", "assistant"]


async def test_every_client_of_a_session_sees_the_same_events(database):
    """A second client sees the first one's message and its reply, event by event."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as left, Peer(server.url, "one") as right:
            await right.next()
            await left.ask("a", "hello")
            await right.until("run_finished")
    own = {"ack", "ready"}
    assert [f for f in right.frames if f["type"] not in own] == [
        f for f in left.frames if f["type"] not in own
    ]


async def test_a_new_client_is_shown_what_was_said(database):
    """Whoever attaches without a place gets the stored messages, each with its metadata."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("a", "hello")
        async with Peer(server.url, "one") as later:
            user, reply = [await later.until("message") for _ in range(2)]
    assert later.of("ready")[0]["replay"] == "none"
    assert (user["role"], user["text"], user["client_id"]) == ("user", "hello", "a")
    assert reply["meta"]["reply_to"] == user["message_id"]
    assert reply["text"] == peer.text


async def test_history_is_what_the_client_asked_for(database):
    """`history` bounds the messages sent, and `before` says that there are more."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            for number in range(4):
                await peer.ask(f"m{number}", f"hello {number}")
        async with Peer(server.url, "one", history=2) as later:
            first = await later.until("message")
            await later.until("message")
    assert first["text"] == "hello 3"
    assert later.of("ready")[0]["before"] == first["message_id"]


@pytest.mark.parametrize("how", ["whole", "in part", "without the store"])
async def test_history_that_is_not_held_is_read_for_a_client(database, monkeypatch, how):
    """A live session holds what fills a request; who joins later is shown older messages too."""
    monkeypatch.setattr(history, "MAX_CONTEXT_TOKENS", 100)
    count = 3 if how == "in part" else 100
    async with serving(database, GENPY_CONTEXT_TOKENS="500") as server:
        async with Peer(server.url, "one") as peer:
            for number in range(6):
                await peer.ask(f"m{number}", f"{number} " + "word " * 150)
            (live,) = server.app.hub._live.values()
            held = live._conversation.messages
            assert 2 <= len(held) < 12
            if how == "without the store":

                async def fail(*_args, **_options):
                    raise StoreUnavailable("away")

                monkeypatch.setattr(server.app.store, "messages", fail)
            async with Peer(server.url, "one", history=count) as later:
                await later.until("snapshot_end")
        monkeypatch.undo()
        stored = await server.app.store.messages("local", live.id, limit=20)
        assert len(stored) == 12
        expected = {"whole": stored, "in part": stored[-3:], "without the store": held}[how]
        assert [m["message_id"] for m in later.of("message")] == [m.id for m in expected]
        before = None if how == "whole" else expected[0].id
        assert later.of("ready")[0].get("before") == before


@pytest.mark.parametrize("kind", ["sessions", "strangers"])
async def test_somebody_elses_session_looks_like_a_missing_one(database, kind):
    """Another user's session id shows nothing and takes nothing."""
    tokens = f"ann:{TOKEN},bob:{TOKEN}2"
    ref = str(uuid4())
    async with serving(database, GENPY_TOKEN=tokens) as server:
        async with Peer(server.url, ref, token=TOKEN) as ann:
            await ann.ask("a", "my secret")
        other = ref if kind == "sessions" else str(uuid4())
        async with Peer(server.url, other, token=TOKEN + "2") as bob:
            ready = await bob.next()
            await bob.say(End())
            error = await bob.until("error")
            if kind == "sessions":
                await bob.say(Send("b", "let me in"))
                refused = await bob.until("error")
                assert refused["code"] == "not_found"
    assert (ready["status"], ready["title"], len(bob.of("message"))) == ("new", "", 0)
    assert error["code"] == "conflict"


async def test_browser_sends_its_token_in_the_first_frame(database):
    """A socket without an Authorization header must authenticate first, and then is served."""
    async with serving(database, GENPY_TOKEN=TOKEN) as server:
        async with Peer(server.url, "one") as peer:
            await peer.say(Auth(TOKEN))
            assert (await peer.next())["type"] == "ready"
        for first in (Auth("wrong-token-altogether"), Send("a", "hello")):
            async with Peer(server.url, "one") as peer:
                await peer.say(first)
                assert (await peer.next())["code"] == "unauthorized"
                await peer.ws.wait_closed()
                assert peer.ws.close_code == 4401


async def test_reason_of_a_close_is_cut_between_characters(database):
    """A refusal longer than a closing frame holds is cut there, and whole in its error frame."""
    async with serving(database, GENPY_TOKEN=TOKEN) as server, Peer(server.url, "one") as peer:
        await peer.ws.send('{"type": "' + "ü" * 100 + '"}')
        said = (await peer.next())["message"]
        async with asyncio.timeout(PATIENCE):
            await peer.ws.wait_closed()
    assert (peer.ws.close_code, len(said)) == (1008, len(said.encode()) - 100)
    assert said.startswith(peer.ws.close_reason)
    assert 122 <= len(peer.ws.close_reason.encode()) <= 123


async def test_bad_frames_get_a_typed_error_and_the_socket_stays(database):
    """Rubbish, binary frames and wrong fields are answered, and the next message works."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.next()
        for rubbish in ("nonsense", "[1]", '{"type":"fly"}', b"\x00\xff", '{"type":"send"}'):
            await peer.ws.send(rubbish)
            assert (await peer.next())["code"] == "bad_frame"
        for frame, code in (
            (Send("a", "   "), "bad_request"),
            (Send("", "hello"), "bad_request"),
            (Send("a", "hello", intent="cooking"), "bad_request"),
            (Rate(6), "bad_request"),
            (Rate(5), "not_found"),
            (Retry(), "conflict"),
            (Cancel(), "conflict"),
            (End(), "conflict"),
        ):
            await peer.say(frame)
            assert (await peer.until("error"))["code"] == code
        assert (await peer.ask("a", "hello"))["status"] == "done"


async def test_message_over_the_limit_is_refused_and_nothing_is_stored(database):
    """A message too large gets an error that says the limit."""
    async with serving(database, limits={"message_chars": 10}) as server:
        async with Peer(server.url, "one") as peer:
            await peer.say(Send("a", "x" * 11))
            error = await peer.until("error")
            assert "10" in error["message"]
            assert error["code"] == "too_large"
            session = await server.app.store.session("local", peer.of("ready")[0]["session"])
    assert session is None


@pytest.mark.parametrize("character", ["\U0001f600", "\x01", '"'], ids=["pair", "control", "quote"])
async def test_the_longest_message_fits_its_frame(database, character):
    """However a client escapes it, a message of as many characters as the limit says is stored."""
    text = character * Limits().message_chars
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ws.send(json.dumps({"type": "send", "id": "a", "text": text}))
        assert (await peer.until("message"))["text"] == text
        await peer.until("ack")
        await peer.ws.send(json.dumps({"type": "send", "id": "b", "text": text + character}))
        error = await peer.until("error")
    assert (error["code"], error["re"]) == ("too_large", "b")


async def test_rate_limit_says_when_and_lets_a_repeated_message_pass(database):
    """Over the limit a new message waits, and one that was committed before is acknowledged."""
    async with serving(database, limits={"messages_per_minute": 1}) as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("a", "hello")
            await peer.say(Send("b", "too soon"))
            error = await peer.until("error")
            await peer.say(Send("a", "hello"))
            assert (await peer.until("ack", lambda f: f["duplicate"]))["id"] == "a"
    assert (error["code"], error["re"], error["retryable"]) == ("rate_limited", "b", True)
    assert 0 < error["retry_after"] <= 60


async def test_changes_count_as_messages_do(database):
    """Over the limit ending, rating, retrying and every change by HTTP wait; reading does not."""
    async with serving(database, limits={"messages_per_minute": 2}) as server:
        async with Peer(server.url, "one") as peer, httpx.AsyncClient(base_url=server.url) as http:
            await peer.ask("a", "hello")
            await peer.say(Rate(4))
            await peer.until("session", lambda f: f.get("user_rating") == 4)
            for frame, about in ((End(), "end"), (Rate(1), "rate"), (Retry(), "retry")):
                await peer.say(frame)
                error = await peer.until("error")
                assert (error["code"], error["re"]) == ("rate_limited", about)
                assert 0 < error["retry_after"] <= 30
            one = "/api/session/one"
            changes = (
                http.post(f"{one}/rate", json={"rating": 1}),
                http.post(f"{one}/regenerate-summary"),
                http.patch(one, json={"title": "new"}),
                http.delete(one),
            )
            for change in changes:
                answer = await change
                assert answer.status_code == 429
                assert answer.json()["error"]["code"] == "rate_limited"
                assert 1 <= int(answer.headers["retry-after"]) <= 30
            session = (await http.get(one)).json()
    assert (session["status"], session["user_rating"]) == ("active", 4)


async def test_too_many_sockets_of_one_user_are_refused(database):
    """The socket over the limit is told to come back, and a place that is left is free again."""
    async with serving(database, limits={"sockets_per_user": 1}) as server:
        async with Peer(server.url, "one") as first:
            await first.next()
            async with Peer(server.url, "two") as second:
                assert (await second.next())["code"] == "too_many"
                await second.ws.wait_closed()
                assert second.ws.close_code == 1013
        async with Peer(server.url, "two") as third:
            assert (await third.next())["type"] == "ready"


async def test_rating_is_told_to_everybody_and_kept(database):
    """A rating by one client is seen by the other and stored with its session."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as left, Peer(server.url, "one") as right:
            await left.ask("a", "hello")
            await left.say(Rate(4))
            event = await right.until("session", lambda f: f.get("user_rating"))
            stored = await server.app.store.session("local", left.of("ready")[0]["session"])
    assert event["user_rating"] == 4
    assert stored is not None
    assert stored.rating == 4


async def test_end_completes_with_metrics_and_an_honest_note(database):
    """Offline, an ended session has counted metrics and a note that says why no summary."""
    async with serving(database) as server, Peer(server.url, "trip") as peer:
        await peer.ask("a", "hello there my friend")
        await peer.say(End())
        summary = await peer.until("summary")
        completed = await peer.until("session", lambda f: f["status"] == "completed")
        await peer.say(Send("b", "one more thing"))
        active = await peer.until("session")
        await peer.until("run_finished")
        await peer.say(End())
        again = await peer.until("summary")
    assert "summary" not in summary
    assert "model" in summary["note"]
    assert summary["metrics"]["total_messages"] == 2
    assert summary["metrics"]["user_words"] == 4
    assert completed["title"] == "trip"
    assert active["status"] == "active"
    assert again["metrics"]["total_messages"] == 4


async def test_session_ends_when_everybody_has_left_for_the_grace_period(database):
    """Nobody attached and nothing running for the grace period ends a session."""
    async with serving(database, GENPY_GRACE_SECONDS="0.1") as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("a", "hello")
            session_id = peer.of("ready")[0]["session"]
        async with asyncio.timeout(PATIENCE):
            while True:
                session = await server.app.store.session("local", session_id)
                assert session is not None
                if session.status == "completed":
                    break
                await asyncio.sleep(0.02)
    assert session.metrics is not None
    assert session.metrics.messages == 2


async def test_coming_back_within_the_grace_period_ends_nothing(database):
    """A client that drops and returns finds its session active, in the same epoch."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("a", "hello")
        ready = peer.of("ready")[0]
        seq = peer.frames[-1]["seq"]
        async with Peer(server.url, "one", epoch=ready["epoch"], after=seq) as back:
            again = await back.next()
    assert again["epoch"] == ready["epoch"]
    assert again["replay"] == "complete"
    assert again["status"] == "active"


async def test_session_without_a_message_writes_nothing(database):
    """Attaching and leaving leaves no row; what waits or was said there takes no memory before."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            await peer.next()
            (live,) = server.app.hub._live.values()
            (subscriber,) = live.audience.subscribers
            empty = (live.audience.log._entries, live.runs._waiting, subscriber._queue)
            assert sum(map(sys.getsizeof, empty)) < 200
        assert await server.app.store.sessions("local", limit=5) == []


def joined(frames):
    """Frames with the deltas that follow each other as one, as a client that comes back gets them."""
    shown = []
    for frame in frames:
        last = shown[-1] if shown else {}
        if frame["type"] == last.get("type") == "delta":
            shown[-1] = {**last, "seq": frame["seq"], "text": last["text"] + frame["text"]}
        else:
            shown.append(frame)
    return shown


async def test_resume_cut_at_every_event_gives_the_same_events(database):
    """Wherever a client is cut off, what it then gets is exactly what it missed."""
    async with serving(database) as server, Peer(server.url, "one") as whole:
        await whole.ask("a", "How many messages are in this chat?")
        ready = whole.of("ready")[0]
        events = [f for f in whole.frames if f.get("seq") and f["type"] != "ready"]
        for cut in range(len(events) + 1):
            seq = events[cut - 1]["seq"] if cut else 0
            async with Peer(server.url, "one", epoch=ready["epoch"], after=seq) as peer:
                assert (await peer.next())["replay"] == "complete"
                missed = [await peer.next() for _ in joined(events[cut:])]
            assert missed == joined(events[cut:])
    assert len(whole.of("delta")) > 1
    assert whole.of("tool_finished")[0]["ok"]


@pytest.mark.parametrize(("epoch", "after"), [("other", 1), (None, 1), ("same", 999), ("same", -1)])
async def test_a_place_that_is_not_known_gets_everything_again(database, epoch, after):
    """Another epoch, or a number that never was, is answered with the stored messages."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        if epoch == "same":
            epoch = peer.of("ready")[0]["epoch"]
        async with Peer(server.url, "one", epoch=epoch, after=after) as back:
            ready = await back.next()
            assert ready["replay"] != "complete"
            assert (await back.next())["text"] == "hello"


async def test_unknown_subprotocol_is_refused_with_400(database):
    """A client of a protocol that this server does not speak is told so before the handshake."""
    async with serving(database) as server:
        address = server.url.replace("http", "ws")
        with pytest.raises(websockets.InvalidStatus) as caught:
            await connect(f"{address}/ws/session/one", subprotocols=["genpy.v9"])
    assert caught.value.response.status_code == 400


async def test_number_zero_is_no_place_behind_what_the_server_did_not_see(database):
    """At a server that found messages, a client without a number gets them, in the same epoch too."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("b", "again")
        assert peer.of("ready")[0]["seq"] == 0
        assert peer.of("snapshot_end")[0]["seq"] > 0
        async with Peer(server.url, "one", epoch=peer.of("ready")[0]["epoch"], after=0) as back:
            assert (await back.next())["replay"] == "truncated"
            assert (await back.until("message"))["text"] == "hello"
            assert (await back.until("snapshot_end"))["seq"] > 1


async def test_an_id_that_only_servers_make_is_refused_without_its_row(database):
    """A guessed id of a named session opens nothing; that of one's own session does."""
    guessed = "0190a1b2-c3d4-8e5f-8a9b-0c1d2e3f4a5b"
    tokens = f"ann:{TOKEN},bob:{TOKEN}2"
    async with serving(database, GENPY_TOKEN=tokens) as server:
        async with Peer(server.url, "trip", token=TOKEN) as ann:
            await ann.ask("a", "hello")
            named = ann.of("ready")[0]["session"]
        answers = []
        for ref in (guessed, named):
            async with Peer(server.url, ref, token=f"{TOKEN}2") as bob:
                answers.append(await bob.next())
        async with Peer(server.url, named, token=TOKEN) as ann:
            assert (await ann.next())["type"] == "ready"
    assert answers[0] == answers[1]
    assert (answers[0]["code"], answers[0]["type"]) == ("not_found", "error")


@pytest.mark.parametrize(
    ("asked", "read"), [({"fresh": 1}, False), ({"fresh": 1, "epoch": "old", "after": 0}, True)]
)
async def test_a_session_that_is_just_made_is_not_looked_up(database, monkeypatch, asked, read):
    """A client that comes back to one is shown what is stored of it."""
    opened = []
    async with serving(database) as server:
        attach = server.app.store.attach

        async def noted(*given, **more):
            opened.append(given)
            return await attach(*given, **more)

        monkeypatch.setattr(server.app.store, "attach", noted)
        async with Peer(server.url, str(uuid4()), **asked) as peer:
            await peer.until("ready")
    assert bool(opened) is read


async def test_nothing_is_timed_while_the_server_stops(database):
    """A client that leaves then starts no grace period, which would outlive the server."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("a", "hi")
            (live,) = server.app.hub._live.values()
            await server.app.hub.close()

        async def left():
            return not live.audience.subscribers

        await eventually(left)
        assert live.grace is None


async def test_a_conversation_has_a_title_with_its_first_message(database):
    """Every client is told at once, and the list has the same."""
    async with serving(database) as server, Peer(server.url, str(uuid4())) as peer:
        await peer.ask("a", "Where is the hotel in Rome?")
        (session,) = await server.app.store.sessions("local", limit=9)
    assert [frame["title"] for frame in peer.of("session")] == [session.title]
    assert session.title == "Where is the hotel in Rome?"
