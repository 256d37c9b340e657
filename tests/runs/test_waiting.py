"""A reply waits while what was shown of it cannot be stored: for every kind of a store's failure."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import Running
from support.scripted_model import DONE, Script, Upstream, call_piece, chunk

from genpy_server.runs import journal, run
from genpy_server.wire import REPLY_WAITS, Cancel, Send

TEXTS = ("One ", "two " * 20_000, "three ", "four.")
"""The second is more than a full disk has room for."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is soon late, and that a reply waits is told without delay."""
    monkeypatch.setattr(journal, "JOURNAL_SECONDS", 0.05)
    monkeypatch.setattr(run, "WAITING_SECONDS", 0.0)


@contextmanager
def locked(server: Running, database: Path) -> Iterator[None]:
    """Another program keeps the file."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def moved(server: Running, database: Path) -> Iterator[None]:
    """The file is somewhere else for a while."""
    away = database.rename(database.with_name("away.db"))
    yield
    away.rename(database)


@contextmanager
def broken(server: Running, database: Path) -> Iterator[None]:
    """The statement fails, for whatever reason."""
    with closing(sqlite3.connect(database)) as other:
        other.execute("ALTER TABLE reply_journal RENAME TO away")
        other.commit()
        yield
        other.execute("ALTER TABLE away RENAME TO reply_journal")
        other.commit()


@contextmanager
def full(server: Running, database: Path) -> Iterator[None]:
    """The disk is full."""
    write = server.app.store.runner.write
    limit = "PRAGMA max_page_count"
    sizes = asyncio.create_task(write(lambda c: c.execute(f"{limit} = 1").fetchone()))
    yield
    assert sizes.done()
    again = asyncio.create_task(write(lambda c: c.execute(f"{limit} = 100000").fetchone()))
    again.add_done_callback(asyncio.Task.result)


TROUBLES = pytest.mark.parametrize("trouble", [locked, full, moved, broken])


class Talk:
    """A reply in parts parts, each of which the model gives when it is told to."""

    def __init__(self, upstream: Upstream) -> None:
        pieces = [*(chunk({"content": text}) for text in TEXTS), chunk(finish="stop"), DONE]
        self._gates = {number: asyncio.Event() for number in range(len(pieces))}
        self._given = 0
        upstream.script(Script(pieces=pieces, gates=self._gates))

    def give(self, parts: int = 1) -> None:
        """Let the model say so many parts more."""
        for _ in range(parts):
            self._gates[self._given].set()
            self._given += 1


@pytest.fixture
def talk(upstream: Upstream) -> Talk:
    return Talk(upstream)


async def eventually_late(server: Running) -> None:
    """Return when the journal is late."""
    shows_more = server.app.hub._services.journal.shows_more

    async def late() -> bool:
        return not shows_more.is_set()

    await eventually(late)


def kept(database: Path) -> str:
    """The text of the reply in progress in the file."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT message FROM reply_journal ORDER BY position").fetchall()
    return "".join(row[0] for row in rows)


async def until_waiting(talk: Talk, server: Running, peer: Peer) -> None:
    """Show two parts, of which the second cannot be stored, and have the model say the third."""
    talk.give()
    await peer.until("delta", lambda frame: "two" in frame["text"])
    await eventually_late(server)
    talk.give()
    notice = await peer.until("notice")
    assert notice["code"] == REPLY_WAITS


async def begin(talk: Talk, peer: Peer, database: Path) -> None:
    """Show one part, and wait until it is stored."""
    talk.give()
    await peer.say(Send("a", "count"))
    await peer.until("delta")

    async def stored() -> bool:
        return kept(database) == "One "

    await eventually(stored)


@TROUBLES
async def test_a_reply_waits_until_what_was_shown_is_stored(trouble, talk, server, database, peer):
    """No more is shown than one interval's worth; then the reply goes on and is stored whole."""
    await begin(talk, peer, database)
    with trouble(server, database):
        await until_waiting(talk, server, peer)
        assert peer.text == "".join(TEXTS[:2])
    await peer.until("delta", lambda frame: "three" in frame["text"])
    assert kept(database).startswith("".join(TEXTS[:2]))
    talk.give(3)
    finished = await peer.until("run_finished")
    assert (finished["status"], peer.text) == ("done", "".join(TEXTS))
    assert finished["message_id"]
    assert not peer.of("error")


@TROUBLES
async def test_a_reply_that_waits_can_be_stopped(trouble, talk, server, database, peer):
    """A person does not wait with it: the reply is stopped at once, with what was seen of it."""
    await begin(talk, peer, database)
    with trouble(server, database):
        await until_waiting(talk, server, peer)
        await peer.say(Cancel())
        if trouble is not locked:  # else its end waits for the file
            await peer.until("run_finished")
    session = peer.of("ready")[0]["session"]

    async def stored():
        found = await server.app.store.messages("local", session, limit=9)
        return found[1:]

    (reply,) = await eventually(stored)
    assert (reply.text, reply.meta.status) == ("".join(TEXTS[:2]), "stopped")


async def test_a_reply_does_not_wait_for_ever(talk, server, database, peer, monkeypatch):
    """After some seconds it is shown to its end, with a notice that it is not stored yet."""
    monkeypatch.setattr(run, "JOURNAL_PATIENCE", 0.2)
    await begin(talk, peer, database)
    with broken(server, database):
        await until_waiting(talk, server, peer)
        await peer.until("delta", lambda frame: "three" in frame["text"])
        talk.give(3)
        finished = await peer.until("run_finished")
    assert (finished["status"], peer.text) == ("done", "".join(TEXTS))
    waits, goes_on, *_ = [(notice["code"], notice["text"]) for notice in peer.of("notice")]
    assert (waits[0], goes_on[0]) == (REPLY_WAITS, "store_error")
    assert waits[1].endswith(run.WAITS)
    assert goes_on[1].endswith(run.GOES_ON)
    assert "no such table" in goes_on[1]


async def test_no_reply_begins_while_the_journal_is_late(talk, server, upstream, database, peer):
    """The question is acknowledged; the model is asked once replies are journalled again."""
    await begin(talk, peer, database)
    async with Peer(server.url, "two") as other:
        with broken(server, database):
            await until_waiting(talk, server, peer)
            asked = len(upstream.requests)
            upstream.say("Yes.")
            await other.say(Send("b", "and you?"))
            notice = await other.until("notice")
            assert notice["code"] == REPLY_WAITS
            assert len(upstream.requests) == asked
        finished = await other.until("run_finished")
    assert (finished["status"], other.text) == ("done", "Yes.")


async def test_no_tool_runs_while_the_journal_is_late(server, upstream, database, peer):
    """What a tool did is part of the reply, and would be lost with it."""
    gates = {number: asyncio.Event() for number in (1, 2)}
    call = call_piece(0, "call_1", "session_stats", "{}")
    texts = ({"content": "Look: "}, {"content": "now. "}, {"tool_calls": [call]})
    pieces = [*map(chunk, texts), chunk(finish="tool_calls"), DONE]
    upstream.script(Script(pieces=pieces, gates=gates))
    upstream.say("It is short.")
    await peer.say(Send("a", "what is it?"))
    await peer.until("delta")

    async def stored() -> bool:
        return kept(database) == "Look: "

    await eventually(stored)
    with broken(server, database):
        gates[1].set()
        await peer.until("delta", lambda frame: "now" in frame["text"])
        await eventually_late(server)
        gates[2].set()
        await peer.until("notice")
        assert not peer.of("tool_started")
    await peer.until("tool_finished")
    assert (await peer.until("run_finished"))["status"] == "done"
