"""A model of others behind its guard: whatever it does is a reply, or a sentence."""

import asyncio

import pytest

from genpy_server.core.models import SummaryDraft, ToolCall
from genpy_server.errors import LlmBadOutput, LlmCutOff, LlmError, LlmUnavailable
from genpy_server.llm.base import ChatMessage, ChatRequest, Finish, LlmHealth, TextDelta
from genpy_server.llm.foreign import ForeignLlm
from genpy_server.plugins import called

REQUEST = ChatRequest((ChatMessage("user", "Hello"),))


class _Scripted:
    """A model that yields what it is given, and raises what of it is an exception."""

    kind = "scripted"
    local = True
    first_token_seconds = 3.0
    model = "scripted-1"

    def __init__(self, *events):
        self.events = events
        self.closed = False

    async def stream(self, request):
        try:
            for event in self.events:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            self.closed = True

    async def structured(self, messages, schema, *, model=None):
        return self.events[0]

    async def check(self):
        return LlmHealth(self.kind, "here", self.model)

    async def probe(self):
        raise ZeroDivisionError

    async def close(self):
        raise OSError("gone already")


def guarded(*events):
    """The guarded model, and the model."""
    model = _Scripted(*events)
    return ForeignLlm("The model x", lambda: model), model


async def replied(*events):
    """The events of one reply."""
    llm, _ = guarded(*events)
    return [event async for event in llm.stream(REQUEST)]


async def test_what_is_well_passes():
    """Events and properties of a model are its own."""
    events = [TextDelta("Hello"), ToolCall("1", "shelf", "{}"), Finish("stop")]
    assert await replied(*events) == events
    llm, _ = guarded()
    assert (llm.kind, llm.local, llm.first_token_seconds) == ("scripted", True, 3.0)
    assert (await llm.check()).model == llm.model == "scripted-1"


async def test_text_that_cannot_be_stored_is_mended():
    """Lone surrogates and NUL become U+FFFD, in arguments of tools too."""
    text, call = await replied(TextDelta("a\ud800\0"), ToolCall("1", "shelf", '"\ud800"'))
    assert text == TextDelta("a\ufffd\ufffd")
    assert call.arguments == '"\ufffd"'


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (ValueError("secret"), LlmError, "^The model x failed with ValueError; the server's log"),
        (SystemExit(3), LlmError, "failed with SystemExit"),
        (KeyboardInterrupt(), LlmError, "failed with KeyboardInterrupt"),
        (asyncio.CancelledError(), LlmError, "failed with CancelledError"),
        (LlmCutOff("Cut."), LlmCutOff, "^Cut.$"),
        ("text", LlmError, "sent 'text', which is not an event"),
        (TextDelta(None), LlmError, "which is not an event"),
    ],
)
async def test_what_goes_wrong_is_an_error_of_the_model(event, kind, words):
    """Whatever an adapter raises or sends is an `LlmError`, without the text of a foreign error."""
    with pytest.raises(kind, match=words):
        await replied(TextDelta("Hello"), event)


async def test_stopping_reaches_the_model():
    """A cancelled or closed reply closes the model's own stream."""
    llm, model = guarded(TextDelta("one"), TextDelta("two"))
    events = llm.stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert model.closed
    waiting, own = asyncio.Event(), asyncio.Event()

    class Waits(_Scripted):
        async def stream(self, request):
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                own.set()
            yield TextDelta("")

    llm = ForeignLlm("x", Waits)
    task = asyncio.create_task(anext(llm.stream(REQUEST)))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert own.is_set()


async def test_answers_are_of_their_type(caplog):
    """A structured answer of another type is refused; closing never fails."""
    llm, _ = guarded({"summary": "s"})
    with pytest.raises(LlmBadOutput, match="returned dict"):
        await llm.structured([], SummaryDraft)
    with pytest.raises(LlmError, match="failed with ZeroDivisionError"):
        await llm.probe()
    await llm.close()
    assert "failed with OSError" in caplog.text


async def test_a_model_that_cannot_be_made_says_why_when_asked():
    """A factory that fails, or makes no model, costs its own replies only."""

    def fails():
        raise KeyError("MODEL_URL")

    llm = ForeignLlm("The model x", lambda: called("package y", fails))
    for failing in (anext(llm.stream(REQUEST)), llm.check()):
        with pytest.raises(LlmUnavailable, match=r"^package y failed: KeyError: 'MODEL_URL'\.$"):
            await failing
    await llm.close()
    none = ForeignLlm("The model x", object)
    with pytest.raises(LlmUnavailable, match="object is not a model; it lacks kind, local"):
        await none.probe()
    assert (none.kind, none.model) == ("failed", "")
