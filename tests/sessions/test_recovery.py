"""What a server leaves behind that stops without a word: replies in progress, and what waited."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from types import SimpleNamespace
from uuid import uuid4

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import ServerProcess, configure, serving
from support.scripted_model import Script, Upstream, chunk

from examples.memory_store import MemoryStore
from genpy_server.app import App
from genpy_server.core.backoff import Backoff
from genpy_server.errors import StoreUnavailable
from genpy_server.llm.providers import Providers
from genpy_server.runs import journal, queue
from genpy_server.sessions import presence
from genpy_server.sessions.audience import Place
from genpy_server.sessions.live_session import CUT_SHORT, NOT_ANSWERED, LiveSession
from genpy_server.sessions.presence import Presence, has_ended
from genpy_server.sessions.summaries import Summaries
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.wire import Cancel, End, Retry, Send


def journalled(database):
    """The text of every reply in progress that the file holds; None while there is none."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT message FROM reply_journal ORDER BY position").fetchall()
    return "".join(row[0] for row in rows) if rows else None


async def until_journalled(database, text):
    async def written():
        return journalled(database) == text

    await eventually(written)


@pytest.fixture
async def dead(database, upstream):
    """A server that was killed after the first part of a reply, with two messages waiting."""
    process = ServerProcess(database, GENPY_LLM_URL=upstream.url)
    await process.start()
    upstream.say("seen by all", " never", paused_at=1)
    async with Peer(process.url, "one") as peer:
        await peer.say(Send("a", "the first"))
        await peer.until("delta")
        for name in ("b", "c"):
            await peer.say(Send(name, f"the {name}"))
            await peer.until("ack", lambda f, name=name: f["id"] == name)
        await until_journalled(database, "seen by all")
        await process.kill()


async def test_a_reply_in_progress_survives_the_server(database, upstream, dead):
    """What was seen is a stored reply, marked; what waited behind it is answered in order."""
    upstream.say("answer to b")
    upstream.say("answer to c")
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            for _ in range(2):
                await peer.until("run_finished")
        first, b, c, cut, *answers = await server.app.store.messages(
            "local", peer.of("ready")[0]["session"], limit=9
        )
    assert [m.text for m in (first, b, c)] == ["the first", "the b", "the c"]
    assert (cut.text, cut.meta.status, cut.meta.error) == ("seen by all", "interrupted", CUT_SHORT)
    assert (cut.meta.reply_to, cut.meta.intent) == (first.id, "casual_chat")
    assert [(m.text, m.meta.reply_to) for m in answers] == [
        ("answer to b", b.id),
        ("answer to c", c.id),
    ]
    assert journalled(database) is None
    shown = [m for m in peer.of("message") if m["role"] == "assistant"]
    assert [m["text"] for m in shown] == ["seen by all"]


@pytest.mark.parametrize("machine", ["this one", "another one"])
async def test_the_sweep_stores_what_was_seen_and_answers_nothing(
    database, upstream, dead, machine
):
    """Without a person there the reply is stored all the same, and what waits goes on waiting.

    A server of another machine is gone when it is late, and shows no life for two beats more.
    """
    asked = len(upstream.requests)
    if machine == "another one":
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("UPDATE servers SET id = 'away/1//x', alive_until = '2000-01-01'")
            connection.execute("UPDATE reply_journal SET server = 'away/1//x'")
            connection.commit()
    settings = {"GENPY_LLM_URL": upstream.url, "GENPY_GRACE_SECONDS": "0.3"}
    async with serving(database, **settings) as server:

        async def stored():
            return [m for m in await messages(server) if m.role == "assistant"]

        (cut,) = await eventually(stored)
    assert (cut.text, cut.meta.status) == ("seen by all", "interrupted")
    assert [r for r in upstream.requests[asked:] if r["body"].get("stream")] == []


async def test_the_sweep_waits_for_a_session_that_is_being_read(
    database, upstream, dead, monkeypatch
):
    """What a session reads of itself never replaces what the sweep took over meanwhile."""
    upstream.say("answer to b")
    upstream.say("answer to c")
    opened, listed = asyncio.Event(), asyncio.Event()
    order = []
    attach, interrupted, take_over = (
        SqliteStore.attach,
        SqliteStore.interrupted,
        LiveSession.take_over,
    )

    async def slow_attach(*args, **kwargs):
        found = await attach(*args, **kwargs)
        opened.set()
        await listed.wait()
        order.append("read")
        return found

    async def late_interrupted(*args, **kwargs):
        await opened.wait()
        found = await interrupted(*args, **kwargs)
        listed.set()
        return found

    async def noted_take_over(session):
        order.append("taken over")
        await take_over(session)
        order.append("done")

    monkeypatch.setattr(SqliteStore, "attach", slow_attach)
    monkeypatch.setattr(SqliteStore, "interrupted", late_interrupted)
    monkeypatch.setattr(LiveSession, "take_over", noted_take_over)
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            for _ in range(2):
                await peer.until("run_finished")
        texts = [message.text for message in await messages(server)]
    assert texts == ["the first", "the b", "the c", "seen by all", "answer to b", "answer to c"]
    assert "taken over" not in order[: order.index("read")]


async def test_what_waits_at_one_of_several_servers_is_answered_by_one_of_them(database, upstream):
    """Also where a later question was answered meanwhile, and another server goes on hosting."""
    settings = {"GENPY_LLM_URL": upstream.url}
    process = ServerProcess(database, **settings)
    await process.start()
    upstream.say("seen by all", " never", paused_at=1)
    async with (
        serving(database, **settings) as second,
        serving(database, **settings) as third,
        Peer(second.url, "one") as peer,
        Peer(third.url, "one"),
    ):
        async with Peer(process.url, "one") as first:
            await first.say(Send("a", "the first"))
            await first.until("delta")
            await first.say(Send("b", "the second"))
            await first.until("ack", lambda f: f["id"] == "b")
            upstream.say("answer to c")
            await peer.ask("c", "the third")
            await until_journalled(database, "seen by all")
            await process.kill()
        upstream.say("answer to b")

        async def answered():
            await asyncio.gather(*(server.app.presence.beat() for server in (second, third)))
            await asyncio.gather(*(server.app.hub.renew() for server in (second, third)))
            stored = await messages(second)
            return stored if stored[-1].text == "answer to b" else None

        stored = await eventually(answered)
    ids = {message.client_id: message.id for message in stored}
    assert [(m.text, m.meta.reply_to) for m in stored if m.role == "assistant"] == [
        ("answer to c", ids["c"]),
        ("seen by all", ids["a"]),
        ("answer to b", ids["b"]),
    ]


@asynccontextmanager
async def half_a_reply(database, upstream):
    """Two servers, and a client of the first whose reply is journalled and halted in the middle."""
    settings = {"GENPY_LLM_URL": upstream.url}
    awake = upstream.say("seen by all", " and the rest", paused_at=1)
    async with (
        serving(database, **settings) as asleep,
        serving(database, **settings) as other,
        Peer(asleep.url, "one") as peer,
    ):
        await peer.say(Send("a", "the first"))
        await peer.until("delta")
        await until_journalled(database, "seen by all")
        yield asleep, other, peer, awake


async def test_a_reply_of_a_server_that_was_taken_for_gone_is_stored_whole(database, upstream):
    """A server that slept in a reply stores all of it, beside the beginning that another one stored."""
    async with half_a_reply(database, upstream) as (asleep, other, peer, awake):
        await other.app.store.beat(asleep.app.presence.server, 0)
        async with Peer(other.url, "one") as second:
            cut = await second.until("message", lambda f: f["role"] == "assistant")
        awake.set()
        finished = await peer.until("run_finished")
        question, *replies = await messages(other)
    assert cut["text"] == "seen by all"
    assert [(m.text, m.meta.status) for m in replies] == [
        ("seen by all", "interrupted"),
        ("seen by all and the rest", "done"),
    ]
    assert {m.meta.reply_to for m in replies} == {question.id}
    assert finished["message_id"] == replies[1].id
    assert not peer.of("notice")


@pytest.fixture
def fall_asleep(monkeypatch):
    """Lets 100 s pass on the wall clock at once, as servers see it that slept."""

    def sleep():
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + 100.0)

    return sleep


async def test_a_server_that_was_taken_for_gone_answers_only_what_still_waits_there(
    database, upstream, fall_asleep
):
    """What another one took over it does not answer too; its clients see the other's replies."""
    async with half_a_reply(database, upstream) as (asleep, other, peer, awake):
        for name in ("b", "c"):
            await peer.say(Send(name, f"the {name}"))
            await peer.until("ack", lambda f, name=name: f["id"] == name)
        await other.app.store.beat(asleep.app.presence.server, 0)
        upstream.say("answer to b")
        upstream.say("answer to c")
        async with Peer(other.url, "one") as second:
            for _ in range(2):
                await second.until("run_finished")
        fall_asleep()
        upstream.say("answer to d")
        await peer.say(Send("d", "the d"))
        await peer.until("ack", lambda f: f["id"] == "d")
        awake.set()
        for _ in range(2):
            await peer.until("run_finished")
        stored = await messages(other)
    ids = {message.client_id: message.id for message in stored}
    replies = [(m.text, m.meta.reply_to) for m in stored if m.role == "assistant"]
    assert replies == [
        ("seen by all", ids["a"]),
        ("answer to b", ids["b"]),
        ("answer to c", ids["c"]),
        ("seen by all and the rest", ids["a"]),
        ("answer to d", ids["d"]),
    ]
    assert [f["reply_to"] for f in peer.of("run_started")] == [ids["a"], ids["d"]]
    shown = [f["text"] for f in peer.of("message") if f["role"] == "assistant"]
    assert shown == ["answer to b", "answer to c"]
    assert not peer.of("notice")


@pytest.mark.parametrize("stopped", [False, True])
async def test_after_a_sleep_a_message_waits_for_a_store_that_does_not_answer(
    server, upstream, peer, monkeypatch, fall_asleep, stopped
):
    """It is answered as soon as the store says that it waits here, or stopped at once."""
    delay = 3_600.0 if stopped else 0.0
    monkeypatch.setattr(queue, "SAVE", Backoff(first=delay, longest=delay))
    upstream.say("the answer")
    lose_an_answer(monkeypatch, "take_over")
    await peer.until("ready")
    calls = []

    def note(name):
        async def noted(*args):
            calls.append(name)
            return await getattr(SqliteStore, name)(server.app.store, *args)

        monkeypatch.setattr(server.app.store, name, noted)

    note("beat")
    note("take_over")
    fall_asleep()
    await peer.say(Send("a", "hello"))
    notice = await peer.until("notice")
    assert calls[0] == "beat"  # else what it is told could be taken over after that
    assert "take_over" in calls
    if stopped:
        await peer.say(Cancel())
    finished = await peer.until("run_finished")
    assert (notice["code"], notice["text"]) == (
        StoreUnavailable.code,
        f"The database does not answer. {queue.WAITS}",
    )
    assert finished["status"] == ("stopped" if stopped else "done")
    if not stopped:
        upstream.say("another answer")
        fall_asleep()
        await peer.say(Retry())
        await peer.until("run_finished")
        texts = [message.text for message in await messages(server)]
        assert texts == ["hello", "the answer", "another answer"]


async def test_what_another_server_took_over_and_left_is_answered_here(
    database, upstream, fall_asleep
):
    """A message that was left out of the queue is taken over again when the other one stops."""
    settings = {"GENPY_LLM_URL": upstream.url}
    awake = upstream.say("one", " two", paused_at=1)
    async with serving(database, **settings) as asleep, Peer(asleep.url, "one") as peer:
        await peer.say(Send("a", "the first"))
        await peer.until("delta")
        await until_journalled(database, "one")
        await peer.say(Send("b", "the b"))
        await peer.until("ack", lambda f: f["id"] == "b")
        store, own = asleep.app.store, asleep.app.presence.server
        session = peer.of("ready")[0]["session"]
        await store.beat("other", 60.0)
        await store.beat(own, 0)
        assert (await store.take_over("local", session, "other")).questions
        fall_asleep()
        awake.set()
        await peer.until("run_finished")
        await eventually(lambda: is_idle(asleep, session))
        await store.beat("other", 0)
        upstream.say("answer to b")
        await asleep.app.hub.renew()
        await peer.until("run_finished")
        texts = [message.text for message in await messages(asleep)]
    assert texts[-2:] == ["one two", "answer to b"]


async def is_idle(server, session):
    return not server.app.hub.find("local", session).runs.busy


async def test_a_store_for_one_server_loses_nothing_in_a_sleep(database, upstream, fall_asleep):
    """Nobody else can have taken over what waits."""
    upstream.say("the answer")
    own = App(store=MemoryStore())
    async with (
        serving(database, own=own, GENPY_LLM_URL=upstream.url) as server,
        Peer(server.url, "one") as peer,
    ):
        await peer.until("ready")
        fall_asleep()
        await peer.ask("a", "hello")
    assert [f["status"] for f in peer.of("run_finished")] == ["done"]


async def test_a_take_over_whose_answer_was_lost_is_done_again(
    database, upstream, dead, monkeypatch
):
    """What waited is answered when the session is opened again."""
    upstream.say("answer to b")
    upstream.say("answer to c")
    lose_an_answer(monkeypatch, "take_over")
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        with pytest.raises(StoreUnavailable):
            await server.app.hub.attach("local", "one", None, Place(0))
        async with Peer(server.url, "one") as peer:
            for _ in range(2):
                await peer.until("run_finished")
        texts = [message.text for message in await messages(server)]
    assert texts == ["the first", "the b", "the c", "seen by all", "answer to b", "answer to c"]


async def test_a_message_whose_commit_was_not_known_is_answered_once(
    database, upstream, monkeypatch
):
    """By the next heartbeat, though nobody sends it again; and not twice when somebody does."""
    upstream.say("the answer")
    upstream.say("another answer")
    async with (
        serving(database, GENPY_LLM_URL=upstream.url) as server,
        Peer(server.url, "one") as peer,
    ):
        lose_an_answer(monkeypatch, "append")
        await peer.say(Send("a", "hello"))
        await peer.until("error")
        await server.app.hub.renew()
        await peer.until("run_finished")
        await peer.say(Send("a", "hello"))
        assert (await peer.until("ack"))["duplicate"]
        await peer.ask("b", "and now?")
        texts = [message.text for message in await messages(server)]
    assert texts == ["hello", "the answer", "and now?", "another answer"]


async def test_a_reply_that_cannot_be_stored_is_journalled_on(database, upstream, monkeypatch):
    """While it waits for the database its journal has each part once."""
    append = SqliteStore.append

    async def refused(self, user, session, role, *args, **kwargs):
        if role == "assistant":
            raise StoreUnavailable("The database does not answer.")
        return await append(self, user, session, role, *args, **kwargs)

    monkeypatch.setattr(SqliteStore, "append", refused)
    parts, gates = ["one", " two", " three"], {1: asyncio.Event(), 2: asyncio.Event()}
    pieces = [*(chunk({"content": part}) for part in parts), chunk(finish="stop")]
    upstream.script(Script(pieces=pieces, gates=gates))
    async with (
        serving(database, GENPY_LLM_URL=upstream.url) as server,
        Peer(server.url, "one") as peer,
    ):
        await peer.say(Send("a", "hello"))
        for number, gate in gates.items():
            await until_journalled(database, "".join(parts[:number]))
            gate.set()
        await peer.until("run_finished")
        await until_journalled(database, "".join(parts))


def lose_an_answer(monkeypatch, name):
    """Let a method of the store do its work once, and fail."""
    method = getattr(SqliteStore, name)

    async def lost(*args, **kwargs):
        await method(*args, **kwargs)
        monkeypatch.setattr(SqliteStore, name, method)
        raise StoreUnavailable("The database does not answer.")

    monkeypatch.setattr(SqliteStore, name, lost)


async def messages(server):
    (session,) = await server.app.store.sessions("local", limit=9)
    return await server.app.store.messages("local", session.id, limit=9)


async def test_a_question_without_any_answer_is_marked(database, upstream):
    """A reply of which nothing had come is stored without text, with the reason."""
    process = ServerProcess(database, GENPY_LLM_URL=upstream.url)
    await process.start()
    upstream.silence()
    async with Peer(process.url, "one") as peer:
        await peer.say(Send("a", "the first"))
        await upstream.until(lambda: upstream.open == 1)
        await until_journalled(database, "")
        await process.kill()
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            _, reply = [await peer.until("message") for _ in range(2)]
    assert reply["text"] == ""
    assert (reply["meta"]["status"], reply["meta"]["error"]) == ("interrupted", NOT_ANSWERED)


async def test_what_the_model_thought_survives_the_server(database, upstream):
    """A server that is killed while the model thinks leaves what was seen of that."""
    process = ServerProcess(database, GENPY_LLM_URL=upstream.url)
    await process.start()
    thoughts = [chunk({"reasoning": text}) for text in ("first ", "second", "never")]
    upstream.script(Script(pieces=thoughts, gates={n: asyncio.Event() for n in (1, 2)}))
    async with Peer(process.url, "one") as peer:
        await peer.say(Send("a", "the first"))
        await peer.until("reasoning")

        async def kept():
            with closing(sqlite3.connect(database)) as connection:
                rows = connection.execute("SELECT metadata FROM reply_journal").fetchall()
            return any(json.loads(meta).get("reasoning") == "first " for (meta,) in rows)

        await eventually(kept)
        await process.kill()
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            _, reply = [await peer.until("message") for _ in range(2)]
    assert (reply["text"], reply["meta"]["reasoning"]) == ("", "first ")


def end_all_leases(database):
    """As after a sleep of the computer, or a clock that was set."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE servers SET alive_until = '2000-01-01T00:00:00.000000Z'")
        connection.execute("UPDATE hosts SET until = '2000-01-01T00:00:00.000000Z'")
        connection.execute("UPDATE sessions SET live_until = '2000-01-01T00:00:00.000000Z'")
        connection.commit()


@pytest.mark.parametrize("asleep", [False, True])
async def test_a_session_of_a_server_that_is_alive_is_left_alone(database, upstream, asleep):
    """A second server answers nothing that waits at the first one, and stores nothing of its reply.

    Not even where every lease ended while nothing ran: the first server gets the time to renew its own.
    """
    gate = upstream.say("half", " and half", paused_at=1)
    upstream.say("the second answer")
    settings = {"GENPY_LLM_URL": upstream.url}
    async with serving(database, **settings) as first, serving(database, **settings) as second:
        async with Peer(first.url, "one") as peer:
            await peer.say(Send("a", "hello"))
            await peer.until("delta")
            await peer.say(Send("b", "and then"))
            await peer.until("ack", lambda f: f["id"] == "b")
            await until_journalled(database, "half")
            async with Peer(second.url, "one") as other:
                await other.until("message", lambda f: f["text"] == "and then")
                await second.app.hub.renew()
                if asleep:
                    end_all_leases(database)
                await second.app.hub.sweep()
            if asleep:
                end_all_leases(database)
            async with (
                serving(database, **settings) as third,  # which never saw the first one alive
                Peer(third.url, "one") as other,
            ):
                await other.until("snapshot_end")
                await third.app.hub.sweep()
            gate.set()
            for _ in range(2):
                await peer.until("run_finished")
        texts = [m.text for m in await messages(first)]
        (session,) = await first.app.store.sessions("local", limit=9)
    assert texts == ["hello", "and then", "half and half", "the second answer"]
    assert session.status == "active"
    assert other.of("run_started") == []


async def test_what_waited_when_a_session_was_ended_is_marked(database, upstream):
    """An end stops what waits, too: the next server that opens the session answers none of it."""
    settings = {"GENPY_LLM_URL": upstream.url}
    async with serving(database, **settings) as server, Peer(server.url, "one") as peer:
        upstream.say("half", " never", paused_at=1)
        await peer.say(Send("a", "hello"))
        await peer.until("delta")
        await peer.say(Send("b", "and then"))
        await peer.until("ack", lambda f: f["id"] == "b")
        upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
        await peer.say(End())
        await peer.until("summary")
    asked = len(upstream.requests)
    async with serving(database, **settings) as server, Peer(server.url, "one") as peer:
        await peer.until("snapshot_end")
        a, b, *replies = peer.of("message")
        assert server.app.hub.running("local") == frozenset()
    assert [(m["text"], m["meta"]["status"], m["meta"]["reply_to"]) for m in replies] == [
        ("half", "stopped", a["message_id"]),
        ("", "stopped", b["message_id"]),
    ]
    assert len([r for r in upstream.requests[asked:] if r["body"]]) == 0


async def test_what_waits_when_the_server_stops_is_answered_by_the_next(database, upstream):
    """A graceful stop keeps the running reply as interrupted, and the next server answers the rest."""
    settings = {"GENPY_LLM_URL": upstream.url}
    upstream.say("half", " never", paused_at=1)
    async with serving(database, **settings) as server, Peer(server.url, "one") as peer:
        await peer.say(Send("a", "hello"))
        await peer.until("delta")
        await peer.say(Send("b", "and then"))
        await peer.until("ack", lambda f: f["id"] == "b")
    upstream.say("later")
    async with serving(database, **settings) as server, Peer(server.url, "one") as peer:
        await peer.until("run_finished")
        texts = [m.text for m in await messages(server)]
    assert texts == ["hello", "and then", "half", "later"]


async def test_one_write_journals_every_running_reply(database, monkeypatch):
    """Replies that run together share a write, and only new text is in it."""
    monkeypatch.setattr(journal, "JOURNAL_SECONDS", 3_600.0)
    async with Upstream() as upstream, serving(database, GENPY_LLM_URL=upstream.url) as server:
        writes = []
        write = server.app.store.journal

        async def counted(name, pieces):
            writes.append([(piece.position, piece.text) for piece in pieces])
            await write(name, pieces)

        monkeypatch.setattr(server.app.store, "journal", counted)
        gates = [upstream.say("abc", "def", "ghi", paused_at=1) for _ in range(2)]
        async with Peer(server.url, "one") as one, Peer(server.url, "two") as two:
            for peer in (one, two):
                await peer.say(Send("a", "hello"))
                await peer.until("delta")
            keep = server.app.hub._services.journal
            await keep.write()
            await keep.write()
            for gate in gates:
                gate.set()
            for peer in (one, two):
                await peer.until("run_finished")
            await keep.write()
    assert writes == [[(0, "abc"), (0, "abc")]]


async def test_a_failing_journal_makes_up_for_it(database, upstream, monkeypatch):
    """A write that failed is repeated with what came since; the reply itself goes on."""
    monkeypatch.setattr(journal, "JOURNAL_SECONDS", 3_600.0)
    gate = upstream.say("abc", "def", "ghi", paused_at=2)
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        keep = server.app.hub._services.journal
        path = server.app.store._path
        async with Peer(server.url, "one") as peer:
            await peer.say(Send("a", "hello"))
            await peer.until("delta", lambda f: f["text"].endswith("def"))
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("ALTER TABLE reply_journal RENAME TO away")
                connection.commit()
                await keep.write()
                connection.execute("ALTER TABLE away RENAME TO reply_journal")
                connection.commit()
            await keep.write()
            assert journalled(database) == "abcdef"
            gate.set()
            assert (await peer.until("run_finished"))["status"] == "done"


def test_a_server_whose_process_has_ended_is_gone_at_once(tmp_path):
    """A dead process of this machine is known to be gone; a live one, and one elsewhere, is not."""
    store = SqliteStore(tmp_path / "genpy.db")
    here = Presence(store, configure(tmp_path / "genpy.db")).server
    place, pid, _, unique = here.split("/")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    alive = f"{place}/{child.pid}//{unique}"
    assert not has_ended(here)
    assert not has_ended(alive)
    assert has_ended(f"{place}/{pid}//another")
    assert has_ended(f"{place}/{os.getppid()}/1/{unique}")
    child.communicate(b"")
    assert has_ended(alive)
    assert not has_ended(f"elsewhere/{child.pid}//{unique}")
    assert not has_ended("something else")


@pytest.mark.parametrize("grace", ["0.05", "0.3", "30"])
def test_a_lease_outlasts_a_slow_call(database, grace):
    """However soon a session ends, its server keeps it through three seconds without a heartbeat."""
    presence = Presence(SqliteStore(database), configure(database, GENPY_GRACE_SECONDS=grace))
    assert presence.live_seconds >= 3 * presence.beat_seconds >= 3.0


async def test_a_long_summary_is_asked_for_once(database, upstream):
    """A second server leaves a session alone whose summary takes longer than a sign of life lasts."""
    store = SqliteStore(database)
    await store.open()
    await store.append("local", str(uuid4()), "user", "hello", title="t", live_seconds=0.01)
    draft = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    gate = upstream.say(json.dumps(draft), paused_at=0)
    settings = {"GENPY_LLM_URL": upstream.url, "GENPY_GRACE_SECONDS": "0.05"}
    async with serving(database, **settings) as first, serving(database, **settings) as second:
        await upstream.until(lambda: upstream.open == 1)
        seen = set()

        async def renewed():
            seen.update(server.app.presence._last_answer for server in (first, second))
            return len(seen) > 5  # more than a lease, of which one is three signs of life

        await eventually(renewed)
        async with asyncio.timeout(20):  # a sweep that asks again waits for the same answer
            for server in (first, second):
                await server.app.hub.sweep()
        gate.set()

        async def completed():
            return await store.sessions("local", limit=2, status="completed")

        (session,) = await eventually(completed)
    await store.close()
    assert session.summary == "s"
    assert len([request for request in upstream.requests if request["body"]]) == 1


async def test_an_idle_server_shows_itself_before_it_takes_a_right(database):
    """Its row may have been removed long ago; without one its right would be anybody's."""
    store = SqliteStore(database)
    await store.open()
    session = str(uuid4())
    await store.append("local", session, "user", "hello", title="t")
    settings = configure(database, GENPY_GRACE_SECONDS="0.05")
    presence = Presence(store, settings)
    summaries = Summaries(store, Providers(settings), settings, presence)
    assert await summaries.claim("local", session) is not None
    assert await Summaries(store, Providers(settings), settings).claim("local", session) is None
    await store.close()


async def test_a_server_that_leaves_is_gone_at_once(database):
    """A stopped server leaves no row, so that the next one need not wait for its lease."""
    async with serving(database) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        name = server.app.presence.server
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT id FROM servers").fetchall() == [(name,)]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT id FROM servers").fetchall() == []


async def test_a_server_is_known_before_it_looks_for_what_others_left(database):
    """Even where it finds nothing: another server that looks then must not take it for gone."""
    async with serving(database) as server:
        store, hub = server.app.store, server.app.hub
        own = hub._presence.server
        await store.beat(own, 0)
        hub._presence._last_answer = None
        await hub.sweep()
        assert own in await store.beat("another", 60.0)


async def test_a_server_knows_what_others_may_have_taken_in_its_sleep(database, monkeypatch):
    """What was there before it; also after the next heartbeat, which a clock that stood still sends too."""
    now = 1e9
    clock = SimpleNamespace(time=lambda: now, monotonic=lambda: 1e3)
    monkeypatch.setattr(presence, "time", clock)
    sent = []

    class Alone:
        async def beat(self, server, seconds):
            sent.append(now)
            return {}

    own = Presence(Alone(), configure(database, GENPY_GRACE_SECONDS="300"))
    await own.beat()
    assert not own.lapsed_since(now)
    for step in (100, 0, 10):
        now += step
        await own.show()
        assert [own.lapsed_since(1e9 + at) for at in (0, 60, 90, 100)] == [True, True, False, False]
    assert sent == [1e9, 1e9 + 100, 1e9 + 110]


@pytest.mark.parametrize("jumps", ["wall", "monotonic", None])
async def test_a_server_is_late_in_time_that_this_one_saw(database, monkeypatch, jumps):
    """A clock that was set, or a sleep of the computer, begins the count of its seconds again."""
    now = {"wall": 1e9, "monotonic": 1e3}
    clock = SimpleNamespace(time=lambda: now["wall"], monotonic=lambda: now["monotonic"])
    monkeypatch.setattr(presence, "time", clock)
    removed = []

    class Late:
        async def beat(self, server, seconds):
            removed.extend([] if seconds else [server])
            return {"another": True}

    own = Presence(Late(), configure(database, GENPY_GRACE_SECONDS="30"))
    for step in (0, 10, 5, 6):
        now = {clock: at + step for clock, at in now.items()}
        if step == 5 and jumps is not None:
            now[jumps] += 3_600
        await own.beat()
    assert removed == ([] if jumps else ["another"])
