"""No failure of an ending repeats for ever: it ends with a note, or is counted, spaced and bounded."""

import sqlite3
from contextlib import closing

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import serving

from genpy_server.core.models import Metrics
from genpy_server.errors import StoreUnavailable
from genpy_server.sessions.summaries import ATTEMPTS, FAILED, GIVEN_UP
from genpy_server.wire import End

SUMMARY = {"summary": "They spoke.", "topics": ["x"], "sentiment": "neutral", "outcomes": []}


class Failing:
    """A method that raises what nobody foresaw, and counts how often it was called."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    async def __call__(self, *_, **__):
        """Fail."""
        self.calls += 1
        raise self.error


@pytest.fixture
async def said(server, upstream, peer):
    """The id of a session with one turn, whose model writes summaries."""
    upstream.say("hello")
    await peer.ask("a", "hi")
    upstream.answer = SUMMARY
    return peer.of("ready")[0]["session"]


async def abandon(server, session):
    """Let a session look as one whose server is gone."""
    server.app.hub._live.clear()
    await server.app.store.touch({session: ""}, -1.0)


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), KeyError("x")])
async def test_a_summary_that_fails_unforeseen_ends_the_session(
    server, peer, said, monkeypatch, error
):
    """Whatever the model's door raises, `end` is answered with the metrics and a note."""
    failing = Failing(error)
    monkeypatch.setattr(server.app.llm, "structured", failing)
    await peer.say(End())
    summary = await peer.until("summary")
    session = await server.app.store.session("local", said)
    assert session is not None
    assert (session.status, session.summary, session.note) == ("completed", None, FAILED)
    assert session.metrics is not None
    assert session.metrics.messages == 2
    assert summary["note"] == FAILED
    assert failing.calls == 1


async def test_messages_that_cannot_be_counted_end_the_session(server, peer, said, monkeypatch):
    """Metrics that fail are empty metrics; the summary is written all the same."""
    monkeypatch.setattr(server.app.store, "metrics", Failing(OverflowError("10^25")))
    await peer.say(End())
    await peer.until("summary")
    session = await server.app.store.session("local", said)
    assert session is not None
    assert (session.status, session.summary) == ("completed", "They spoke.")
    assert session.metrics == Metrics()


async def test_a_result_that_cannot_be_stored_ends_the_session_with_a_note(
    server, peer, said, monkeypatch
):
    """What the database refuses of a result is left out, and the session is completed."""
    finish = server.app.store.finish_ending

    async def refuses(ending, result):
        if result.summary is not None:
            raise OverflowError("10^25")
        return await finish(ending, result)

    monkeypatch.setattr(server.app.store, "finish_ending", refuses)
    await peer.say(End())
    await peer.until("summary")
    session = await server.app.store.session("local", said)
    assert session is not None
    assert (session.status, session.note) == ("completed", FAILED)


async def test_attempts_of_the_sweep_are_spaced_and_bounded(
    database, server, upstream, said, monkeypatch
):
    """A database that stores no end is asked three times with the model, then without it."""
    finish = server.app.store.finish_ending
    failing = Failing(StoreUnavailable("away"))
    asked = []
    structured = server.app.llm.structured

    async def counted(*args, **kwargs):
        asked.append(args)
        return await structured(*args, **kwargs)

    monkeypatch.setattr(server.app.llm, "structured", counted)
    monkeypatch.setattr(server.app.store, "finish_ending", failing)
    await abandon(server, said)
    for attempt in range(1, 4):
        await server.app.hub.sweep()
        assert (failing.calls, len(asked)) == (attempt, attempt)
        await server.app.hub.sweep()  # its time has not come
        assert failing.calls == attempt
        with closing(sqlite3.connect(database)) as connection:
            waits = "(julianday(ending_until) - julianday('now')) * 86400"
            ((wait, attempts),) = connection.execute(
                f"SELECT {waits}, ending_attempts FROM sessions"
            )
            connection.execute("UPDATE sessions SET ending_until = '2000-01-01T00:00:00.000000Z'")
            connection.commit()
        assert attempts == attempt
        longest = ATTEMPTS.delay(attempt - 1)
        assert longest * 0.7 < wait <= longest
    monkeypatch.setattr(server.app.store, "finish_ending", finish)
    await server.app.hub.sweep()
    session = await server.app.store.session("local", said)
    assert session is not None
    assert (session.status, session.note) == ("completed", GIVEN_UP)
    assert len(asked) == 3
    again = await server.app.records("local").regenerate(said)
    assert (again.summary, again.note) == ("They spoke.", None)


async def test_attempts_go_on_over_restarts(database, upstream):
    """A server that is killed in the middle of an ending leaves a count that the next one reads."""
    settings = {"GENPY_LLM_URL": upstream.url, "GENPY_GRACE_SECONDS": "600"}
    async with serving(database, **settings) as server, Peer(server.url, "one") as peer:
        upstream.say("hello")
        await peer.ask("a", "hi")
        session = peer.of("ready")[0]["session"]
        for _ in range(3):
            claimed = await server.app.store.claim_ending(
                "local", session, lease_seconds=60, server="a/server/that is/gone"
            )
            assert claimed is not None
            await server.app.store.beat("a/server/that is/gone", 0)
        await server.app.store.touch({session: ""}, -1.0)
    upstream.answer = SUMMARY
    async with serving(database, **settings) as server:

        async def ended():
            found = await server.app.store.session("local", session)
            return found if found is not None and found.status == "completed" else None

        found = await eventually(ended)
    assert found.note == GIVEN_UP


async def test_a_person_may_ask_after_every_attempt(server, upstream, said):
    """A summary that is asked for by hand asks the model, however many attempts were cut short."""
    for _ in range(3):
        assert await server.app.store.claim_ending(
            "local", said, lease_seconds=60, server="a/server/that is/gone"
        )
        await server.app.store.beat("a/server/that is/gone", 0)
    session = await server.app.records("local").regenerate(said)
    assert (session.summary, session.note) == ("They spoke.", None)
