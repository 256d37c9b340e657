"""What the journal of replies in progress writes."""

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace

import msgspec
import pytest
from support.conditions import PATIENCE, eventually

from genpy_server.core.models import MessageMeta
from genpy_server.errors import StoreError, StoreUnavailable
from genpy_server.runs.journal import (
    GROWTH,
    JOURNAL_SECONDS,
    LAST,
    RETRY_SECONDS,
    ReplyJournal,
    RunProgress,
)


class Written:
    """A store that keeps what is journalled."""

    def __init__(self):
        self.rows = {}
        self.bytes = 0

    async def journal(self, _server, pieces):
        """See `Store.journal`."""
        self.rows |= {piece.position: piece for piece in pieces}
        self.bytes += sum(len(msgspec.json.encode(piece)) for piece in pieces)


class Run(SimpleNamespace):
    """A run as far as its journal looks at it."""

    def __init__(self):
        question = SimpleNamespace(session_id="s", question=SimpleNamespace(id=1))
        super().__init__(id="r", request=question, parts=[], length=0, reasoning_length=0, reasoning=[],
                         tool_calls=SimpleNamespace(records=[]))  # fmt: skip

    def think(self, text):
        """More of its reasoning."""
        self.reasoning.append(text)
        self.reasoning_length += len(text)

    def say(self, text):
        """More of its text."""
        self.parts.append(text)
        self.length += len(text)

    def metadata(self):
        """What is known of the reply."""
        return MessageMeta(run="r", reasoning="".join(self.reasoning) or None,
                           tools=tuple(self.tool_calls.records))  # fmt: skip


async def test_reasoning_is_not_written_with_every_piece():
    """All writes of a reply have at most a few times the bytes of its reasoning and its text."""
    store, run = Written(), Run()
    journal = ReplyJournal(store, "server")
    with journal.following(RunProgress(run)):
        for number in range(200):
            run.think(f"{number:4} and so on through the night. ")
            await journal.write()
        thought = store.bytes
        for number in range(200):
            run.say(f"{number:4} is said.")
            await journal.write()
    assert thought < run.reasoning_length * GROWTH / (GROWTH - 1) + 30 * 200
    assert store.bytes - thought < 2 * run.reasoning_length + 200 * 200
    *rows, last = (store.rows[position] for position in sorted(store.rows))
    assert "".join(row.text for row in rows) == "".join(run.parts)
    assert (last.position, last.text, last.meta) == (LAST, "", run.metadata())


async def test_a_slow_write_does_not_delay_the_next(monkeypatch):
    """The time until the next write is counted from the beginning of a write, not from its end."""
    rests, resting = [], asyncio.Event()
    sleep = asyncio.sleep

    async def rest(seconds):
        rests.append(seconds)
        if len(rests) > 1:
            resting.set()
        await sleep(0)

    class Slow(Written):
        async def journal(self, _server, pieces):
            await resting.wait()  # it ends when the interval to the next one has begun
            await super().journal(_server, pieces)

    monkeypatch.setattr(asyncio, "sleep", rest)
    store, run = Slow(), Run()
    journal = ReplyJournal(store, "server")
    keeping = asyncio.create_task(journal.keep())
    async with asyncio.timeout(PATIENCE):
        with journal.following(RunProgress(run)):
            run.say("text")
            while not store.rows:
                await sleep(0)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert [piece.text for piece in store.rows.values()] == ["text"]


async def test_what_came_in_an_outage_is_written_as_soon_as_it_is_over(monkeypatch):
    """While writes fail one run is tried often, and with its success the others are written."""
    rests, sleep = [], asyncio.sleep

    async def rest(seconds):
        rests.append(seconds)
        await sleep(0)

    class Failing(Written):
        tried = 0

        async def journal(self, _server, pieces):
            self.tried += 1
            if self.tried < 4:
                raise StoreUnavailable("The database does not answer.")
            sizes.append(len(pieces))
            await super().journal(_server, pieces)

    monkeypatch.setattr(asyncio, "sleep", rest)
    store, runs, sizes = Failing(), [Run() for _ in range(3)], []
    journal = ReplyJournal(store, "server")
    keeping = asyncio.create_task(journal.keep())
    async with asyncio.timeout(PATIENCE):
        with ExitStack() as stack:
            for number, run in enumerate(runs):
                run.say(f"text {number}")
                stack.enter_context(journal.following(RunProgress(run)))
            while len(sizes) < 2:
                await sleep(0)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert sizes[:2] == [1, 2]
    assert rests[:5] == [JOURNAL_SECONDS] * 2 + [RETRY_SECONDS] * 3


class Refusing(Written):
    """A store that refuses the pieces of one run."""

    def __init__(self, error=StoreError):
        super().__init__()
        self.error = error
        self.texts = []

    async def journal(self, server, pieces):
        """See `Store.journal`."""
        if any("refused" in piece.text for piece in pieces):
            raise self.error("It is refused.")
        self.texts += [piece.text for piece in pieces]
        await super().journal(server, pieces)


@pytest.mark.parametrize("error", [StoreError, UnicodeEncodeError("utf-8", "", 0, 1, "")])
async def test_a_run_that_the_store_refuses_delays_no_others(error):
    """It is found out, and from then on tried by itself; what the others say is written at once."""
    raised = (lambda _: error) if isinstance(error, Exception) else error
    store, runs = Refusing(raised), [Run() for _ in range(3)]
    journal = ReplyJournal(store, "server")
    with ExitStack() as stack:
        for one in runs:
            stack.enter_context(journal.following(RunProgress(one)))
        runs[0].say("refused")
        for one in runs[1:]:
            one.say("first")
        for _ in range(3):  # all, the one that is refused, another one and then each
            await journal.write()
        assert store.texts == ["first"] * 2
        for one in runs[1:]:
            one.say("second")
        await journal.write()
        assert store.texts == ["first"] * 2 + ["second"] * 2
        runs[0].parts[:] = ["welcome"]
        await journal.write()
        await journal.write()
    assert store.texts[4:] == ["welcome"]


async def test_a_late_write_lets_no_reply_go_on(monkeypatch):
    """While a write takes longer than others no more is shown; when it is done, it goes on."""
    monkeypatch.setattr("genpy_server.runs.journal.JOURNAL_SECONDS", 0.01)
    monkeypatch.setattr("genpy_server.runs.journal.LATE_SECONDS", 0.01)
    answers = asyncio.Event()

    class Slow(Written):
        async def journal(self, server, pieces):
            await answers.wait()
            await super().journal(server, pieces)

    store, run = Slow(), Run()
    journal = ReplyJournal(store, "server")
    keeping = asyncio.create_task(journal.keep())

    async def late():
        return not journal.shows_more.is_set()

    with journal.following(RunProgress(run)):
        run.say("text")
        await eventually(late)
        assert not store.rows
        answers.set()
        async with asyncio.timeout(PATIENCE):
            await journal.shows_more.wait()
        assert store.rows
    answers.clear()
    with journal.following(RunProgress(run)):
        await eventually(late)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert journal.shows_more.is_set()


async def test_what_a_database_does_not_take_is_replaced_in_the_reasoning_too():
    """A model that thinks a NUL, or half of a character, does not stop the journal."""
    store, run = Written(), Run()
    journal = ReplyJournal(store, "server")
    with journal.following(RunProgress(run)):
        run.think("a\0b\ud800c")
        await journal.write()
    assert store.rows[LAST].meta.reasoning == "a\ufffdb\ufffdc"


async def test_reasoning_alone_is_written():
    """A reply that has begun, and whose model thinks on without a word, is journalled."""
    store, run = Written(), Run()
    journal = ReplyJournal(store, "server")
    with journal.following(RunProgress(run)):
        run.say("text")
        await journal.write()
        run.think("A long thought.")
        await journal.write()
    assert store.rows[LAST].meta.reasoning == "A long thought."
