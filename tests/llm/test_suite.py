"""What every model promises, shown for every adapter."""

import asyncio
from contextlib import aclosing

import pytest
from support.model_replies import REQUEST, everything, said

from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmBadOutput, LlmUnavailable
from genpy_server.llm.base import ChatMessage, Finish, TextDelta

SUMMARY = {"summary": "Hello.", "topics": ["greeting"], "sentiment": "neutral", "outcomes": []}


async def test_text_comes_first_and_one_finish_last(any_llm, upstream):
    """A reply is text, and then exactly one finish."""
    upstream.say("Hello", " there")
    *texts, finish = await everything(any_llm)
    assert all(isinstance(text, TextDelta) and text.text for text in texts)
    assert said(texts)
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"


async def test_replies_at_the_same_time_do_not_mix(any_llm, upstream):
    """Each of several replies made at once is whole."""
    upstream.say("One", " whole", " reply")
    alone = said(await everything(any_llm))
    together = await asyncio.gather(*(everything(any_llm) for _ in range(5)))
    assert {said(events) for events in together} == {alone}


async def test_reading_may_stop_at_any_event(any_llm, upstream):
    """A reply that is closed in the middle leaves nothing open, and the next one works."""
    upstream.say("Hello", " there")
    async with aclosing(any_llm.stream(REQUEST)) as events:
        assert isinstance(await anext(events), TextDelta)
    await upstream.until(lambda: upstream.open == 0)
    assert isinstance((await everything(any_llm))[-1], Finish)


async def test_cancelled_reader_is_cancelled(any_llm, upstream):
    """Cancelling the task that reads raises nothing but its cancellation."""
    upstream.say("one", "two", paused_at=1)
    reached = asyncio.Event()

    async def read() -> None:
        async with aclosing(any_llm.stream(REQUEST)) as events:
            async for _ in events:
                reached.set()
                await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await reached.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


async def test_structured_answer_fits_or_is_refused(any_llm, upstream):
    """A structured answer is of the type asked for, and offline there is none."""
    upstream.answer = SUMMARY
    asked = [ChatMessage("system", "sum up"), ChatMessage("user", "hello")]
    if any_llm.kind == "offline":
        with pytest.raises(LlmUnavailable, match="genpy setup"):
            await any_llm.structured(asked, SummaryDraft)
        return
    draft = await any_llm.structured(asked, SummaryDraft)
    assert draft == SummaryDraft("Hello.", ["greeting"], "neutral", [])
    upstream.answer = {"summary": 1}
    with pytest.raises(LlmBadOutput):
        await any_llm.structured(asked, SummaryDraft)


async def test_check_names_kind_and_model(any_llm):
    """A healthy model is told by kind, address and id."""
    health = await any_llm.check()
    assert (health.kind, health.model) == (any_llm.kind, any_llm.model)
    assert health.where
    assert health.model


async def test_closing_unused_and_twice_is_fine(any_llm):
    """A model that was never asked can be closed, and closed again."""
    await any_llm.close()
    await any_llm.close()
