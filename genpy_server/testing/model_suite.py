"""Tests that every model must pass; pytest collects them from a subclass."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from genpy_server.core.models import ChatMessage, SummaryDraft, ToolCall, ToolSpec
from genpy_server.errors import LlmBadOutput, LlmCutOff, LlmError, LlmRateLimited
from genpy_server.llm.base import ChatRequest, Finish, Llm, LlmEvent, TextDelta
from genpy_server.testing.scripted_model import ScriptedModel

REQUEST = ChatRequest((ChatMessage("system", "Be kind."), ChatMessage("user", "Hello")))
TOOL = ToolSpec(
    "shelf",
    "The shelf of a book.",
    {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
)
SUMMARY = {"summary": "Hello.", "topics": ["greeting"], "sentiment": "neutral", "outcomes": []}


async def events_of(llm: Llm, request: ChatRequest = REQUEST) -> list[LlmEvent]:
    """Every event of one reply."""
    async with aclosing(llm.stream(request)) as events:
        return [event async for event in events]


def text_of(events: list[LlmEvent]) -> str:
    """The text of a reply."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


class ModelSuite:
    """The tests of a model, with a scripted service of its message format.

    class TestMyModel(ModelSuite):
        def make_model(self, service: ScriptedModel) -> MyModel:
            return MyModel(service.root)

    `make_service` makes the service; a subclass of `ScriptedModel` writes another format.
    """

    pytestmark = pytest.mark.asyncio

    def make_service(self) -> ScriptedModel:
        """A scripted service that is not started."""
        return ScriptedModel()

    def make_model(self, service: ScriptedModel) -> Llm:
        """A model of the service; override it."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def service(self) -> AsyncIterator[ScriptedModel]:
        """The service, started."""
        async with self.make_service() as service:
            yield service

    @pytest_asyncio.fixture
    async def llm(self, service: ScriptedModel) -> AsyncIterator[Llm]:
        """The model."""
        llm = self.make_model(service)
        yield llm
        await llm.close()

    async def test_text_comes_first_and_one_finish_last(
        self, llm: Llm, service: ScriptedModel
    ) -> None:
        """A reply is text, and then exactly one finish with the used tokens."""
        service.say("Hello", " there")
        *texts, finish = await events_of(llm)
        assert all(isinstance(text, TextDelta) and text.text for text in texts)
        assert text_of(texts) == "Hello there"
        assert isinstance(finish, Finish)
        assert finish.reason == "stop"
        assert finish.usage.prompt_tokens > 0
        assert finish.usage.completion_tokens > 0

    async def test_text_comes_as_it_is_written(self, llm: Llm, service: ScriptedModel) -> None:
        """The first piece is received before the service has sent the second."""
        gate = service.say("first", " second", paused_at=service.pieces_before(1))
        async with aclosing(llm.stream(REQUEST)) as events:
            first = await anext(events)
            assert first == TextDelta("first")
            gate.set()
            assert text_of([first, *[event async for event in events]]) == "first second"

    async def test_a_reply_at_its_limit_says_so(self, llm: Llm, service: ScriptedModel) -> None:
        """A reply that the service cuts at the limit of tokens ends with the reason "length"."""
        service.say("half a", finish="length")
        *_, finish = await events_of(llm)
        assert isinstance(finish, Finish)
        assert finish.reason == "length"

    async def test_a_tool_is_called_and_its_result_read(
        self, llm: Llm, service: ScriptedModel
    ) -> None:
        """An offered tool can be called, and the next request contains the call and its result."""
        request = ChatRequest(REQUEST.messages, tools=(TOOL,))
        service.call("shelf", {"title": "Emma"}, "call_7")
        *_, call, finish = await events_of(llm, request)
        assert isinstance(call, ToolCall)
        assert isinstance(finish, Finish)
        assert (call.id, call.name, finish.reason) == ("call_7", "shelf", "tool_calls")
        assert "Emma" in call.arguments
        service.say("On shelf A3.")
        said = ChatMessage("assistant", "", tool_calls=(call,))
        result = ChatMessage("tool", '"A3"', tool_call_id=call.id, name=call.name)
        more = ChatRequest((*REQUEST.messages, said, result), tools=(TOOL,))
        assert text_of(await events_of(llm, more)) == "On shelf A3."
        sent = str(service.requests[-1]["body"])
        for part in ("Be kind.", "Hello", "call_7", "A3"):
            assert part in sent

    async def test_replies_at_the_same_time_do_not_mix(
        self, llm: Llm, service: ScriptedModel
    ) -> None:
        """Each of several concurrent replies is complete."""
        service.say("One", " whole", " reply")
        together = await asyncio.gather(*(events_of(llm) for _ in range(5)))
        assert {text_of(events) for events in together} == {"One whole reply"}

    async def test_reading_may_stop_at_any_event(self, llm: Llm, service: ScriptedModel) -> None:
        """A reply that is closed in the middle closes its connection, and the next one works."""
        service.say("Hello", " there", paused_at=service.pieces_before(1))
        service.say("Hello", " there")
        async with aclosing(llm.stream(REQUEST)) as events:
            assert isinstance(await anext(events), TextDelta)
        await service.until(lambda: service.open == 0)
        assert isinstance((await events_of(llm))[-1], Finish)

    async def test_a_cut_is_no_end(self, llm: Llm, service: ScriptedModel) -> None:
        """A stream without its end raises, even after some text."""
        service.cut("half a")
        with pytest.raises(LlmCutOff):
            await events_of(llm)

    @pytest.mark.parametrize(("status", "kind"), [(429, LlmRateLimited), (401, LlmError)])
    async def test_trouble_has_a_name(
        self, llm: Llm, service: ScriptedModel, status: int, kind: type[LlmError]
    ) -> None:
        """A rate limit has its own error class, with the seconds to wait."""
        service.fail(status, "some_code", headers={"retry-after": "7"})
        with pytest.raises(kind) as raised:
            await events_of(llm)
        if status == 429:  # noqa: PLR2004 - too many requests
            assert raised.value.retry_after == 7  # noqa: PLR2004 - as was said above

    async def test_a_structured_answer_fits_or_is_refused(
        self, llm: Llm, service: ScriptedModel
    ) -> None:
        """A structured answer is of the requested type; any other raises `LlmBadOutput`."""
        service.answer = SUMMARY
        asked = [ChatMessage("system", "Sum up."), ChatMessage("user", "Hello")]
        draft = await llm.structured(asked, SummaryDraft)
        assert draft == SummaryDraft("Hello.", ["greeting"], "neutral", [])
        wrong: dict[str, Any] = {"summary": 1}
        service.answer = wrong
        with pytest.raises(LlmBadOutput):
            await llm.structured(asked, SummaryDraft)

    async def test_check_names_kind_and_model(self, llm: Llm) -> None:
        """A healthy model names its kind, its address and its id."""
        health = await llm.check()
        assert (health.kind, health.model) == (llm.kind, llm.model)
        assert health.where
        assert health.model

    async def test_closing_unused_and_twice_is_fine(self, llm: Llm) -> None:
        """An unused model can be closed, and closed again."""
        await llm.close()
        await llm.close()
