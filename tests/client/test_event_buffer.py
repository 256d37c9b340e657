"""Events between a reader that never waits and a consumer that may be slow."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from genpy_server.client.session_client import EventBuffer
from genpy_server.wire import Delta, Notice, Reasoning


async def all_of(buffer):
    """Everything that is in it."""
    buffer.finish()
    events = []
    while (event := await buffer.take()) is not None:
        events.append(event)
    return events


async def test_deltas_that_follow_each_other_wait_as_one():
    """Pieces of one run that were not taken yet are given as one, with the newest number."""
    buffer = EventBuffer()
    for seq, (offset, text) in enumerate([(0, "ab"), (2, "c"), (3, "def")], 1):
        buffer.put(Delta(seq, "run", offset, text))
    assert await all_of(buffer) == [Delta(3, "run", 0, "abcdef")]


async def test_reasoning_that_follows_waits_as_one_beside_the_text():
    """Pieces of the reasoning join like those of the text, and never with them."""
    buffer = EventBuffer()
    buffer.put(Reasoning(1, "run", 0, "Hm"))
    buffer.put(Reasoning(2, "run", 2, "m"))
    buffer.put(Delta(3, "run", 3, "no"))
    assert await all_of(buffer) == [Reasoning(2, "run", 0, "Hmm"), Delta(3, "run", 3, "no")]


async def test_deltas_that_do_not_follow_stay_apart():
    """Another run, another event between, or an overlap after a cut keeps them apart."""
    apart = [
        Delta(1, "one", 0, "ab"),
        Delta(2, "two", 2, "cd"),
        Notice(3, "waiting", "Wait."),
        Delta(4, "two", 4, "ef"),
        Delta(5, "two", 5, "fg"),
    ]
    buffer = EventBuffer()
    for event in apart:
        buffer.put(event)
    assert await all_of(buffer) == apart


@given(st.lists(st.text(min_size=1, max_size=5), max_size=30), st.data())
def test_nothing_is_lost_however_slow_the_consumer(texts, data):
    """Whenever the consumer comes, the pieces it gets make up the same text."""

    async def run():
        buffer, got, offset = EventBuffer(), "", 0
        for seq, text in enumerate(texts):
            buffer.put(Delta(seq, "run", offset, text))
            offset += len(text)
            if data.draw(st.booleans()):
                got += (await buffer.take()).text
        return got + "".join(delta.text for delta in await all_of(buffer))

    assert asyncio.run(run()) == "".join(texts)


async def test_consumer_that_waits_is_woken():
    """An event wakes who waits for it, and so does the end."""
    buffer = EventBuffer()
    waiting = asyncio.create_task(buffer.take())
    await asyncio.sleep(0)
    buffer.put(Notice(1, "waiting", "Wait."))
    assert await waiting == Notice(1, "waiting", "Wait.")
    waiting = asyncio.create_task(buffer.take())
    await asyncio.sleep(0)
    buffer.finish()
    assert await waiting is None
