"""What every model promises, and how upstream trouble is named: the real SDK on loopback."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest
from upstream import DONE, Script, Upstream, call_piece, chunk, event

from genpy_server import settings
from genpy_server.core.models import SummaryDraft, Usage
from genpy_server.errors import (
    LlmBadOutput,
    LlmBadToolCall,
    LlmCutOff,
    LlmError,
    LlmKeyRejected,
    LlmModelUnknown,
    LlmRateLimited,
    LlmTooLarge,
    LlmUnavailable,
)
from genpy_server.llm.base import ChatMessage, ChatRequest, Finish, TextDelta, ToolCall
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.offline import OfflineLlm
from genpy_server.llm.select import open_llm
from genpy_server.llm.trouble import duration
from genpy_server.tools.registry import SPECS

REQUEST = ChatRequest((ChatMessage("system", "be kind"), ChatMessage("user", "hello")))


@pytest.fixture
async def upstream():
    async with Upstream() as service:
        yield service


@pytest.fixture(params=["groq", "compatible"])
async def llm(request, upstream, monkeypatch):
    if request.param == "groq":
        monkeypatch.setenv("GROQ_BASE_URL", upstream.root)
        model = GroqLlm(key="k" * 20, model="openai/gpt-oss-120b")
    else:
        model = GroqLlm(key=None, model=None, url=upstream.url)
    yield model
    await model.close()


async def everything(llm, request=REQUEST):
    async with aclosing(llm.stream(request)) as events:
        return [event async for event in events]


async def test_every_model_streams_text_and_one_finish(llm, upstream):
    """Text comes first and exactly one finish comes last, offline as well."""
    upstream.say("Hello", " there")
    for model in (llm, OfflineLlm()):
        *texts, finish = await everything(model)
        assert all(isinstance(text, TextDelta) for text in texts)
        assert "".join(text.text for text in texts)
        assert isinstance(finish, Finish)
        assert finish.reason == "stop"


async def test_text_usage_and_request_are_what_was_meant(llm, upstream):
    """The reply's text and usage arrive, and the service was asked what was meant."""
    upstream.say("Hello", " there")
    *texts, finish = await everything(llm, msgspec.structs.replace(REQUEST, tools=SPECS))
    assert "".join(text.text for text in texts) == "Hello there"
    assert finish.usage == Usage(11, 7)
    asked = upstream.requests[-1]["body"]
    assert asked["model"] == llm.model == "openai/gpt-oss-120b"
    assert asked["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
    ]
    assert len(asked["tools"]) == 3
    assert 2048 in (asked.get("max_completion_tokens"), asked.get("max_tokens"))


async def test_reasoning_is_no_part_of_the_reply(llm, upstream):
    """What a model thinks aloud is not shown as its answer."""
    pieces = [chunk({"reasoning": "hmm"}), chunk({"content": "yes"}), chunk(finish="stop"), DONE]
    upstream.script(Script(pieces=pieces))
    assert [e.text for e in await everything(llm) if isinstance(e, TextDelta)] == ["yes"]


async def test_tool_calls_come_whole_and_in_order(llm, upstream):
    """Parallel and fragmented calls are put together before the finish."""
    pieces = [
        chunk({"tool_calls": [call_piece(0, "a", "f", '{"x"')]}),
        chunk({"tool_calls": [call_piece(1, "b", "g", "{}")]}),
        chunk({"tool_calls": [call_piece(0, None, None, ":1}")]}),
        chunk(finish="tool_calls"),
        DONE,
    ]
    upstream.script(Script(pieces=pieces))
    first, second, finish = await everything(llm)
    assert (first, second) == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))
    assert finish.reason == "tool_calls"


async def test_calls_and_results_are_sent_as_pairs(llm, upstream):
    """A tool's call and its result reach the service in the dialect's form."""
    upstream.say("ok")
    call = ToolCall("c1", "get_session_stats", "{}")
    messages = (
        *REQUEST.messages,
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", '{"n":1}', tool_call_id="c1", name=call.name, display="**never**"),
    )
    await everything(llm, ChatRequest(messages))
    assistant, tool = upstream.requests[-1]["body"]["messages"][-2:]
    assert assistant["tool_calls"][0]["function"] == {"name": call.name, "arguments": "{}"}
    assert tool == {"role": "tool", "content": '{"n":1}', "tool_call_id": "c1"}


@pytest.mark.parametrize(
    ("status", "code", "expected", "says"),
    [
        (401, "invalid_api_key", LlmKeyRejected, "_KEY"),
        (404, "model_not_found", LlmModelUnknown, "_MODEL"),
        (400, "model_decommissioned", LlmModelUnknown, "_MODEL"),
        (413, "request_too_large", LlmTooLarge, "GENPY_CONTEXT_TOKENS"),
        (400, "context_length_exceeded", LlmTooLarge, "GENPY_CONTEXT_TOKENS"),
        (500, "internal_server_error", LlmUnavailable, "again"),
        (503, "", LlmUnavailable, "again"),
        (498, "", LlmUnavailable, "again"),
        (400, "tool_use_failed", LlmBadToolCall, "tool"),
        (422, "odd", LlmError, "odd"),
    ],
)
async def test_refusal_has_a_name_and_a_next_step(llm, upstream, status, code, expected, says):
    """Each refusal is its own error, whose sentence says what to do, after one request."""
    upstream.fail(status, code)
    with pytest.raises(expected) as caught:
        await everything(llm)
    assert type(caught.value) is expected
    assert says in caught.value.message
    asked = [r for r in upstream.requests if r["path"].endswith("completions")]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("headers", "message", "wait"),
    [
        ({"retry-after": "600"}, "", 600.0),
        ({}, "Please try again in 2m59.56s. Visit us", 179.56),
        ({}, "slow down", None),
    ],
)
async def test_rate_limit_says_how_long_to_wait(llm, upstream, headers, message, wait):
    """The wait comes from the header or the text, and nothing is tried again behind our back."""
    upstream.fail(429, "rate_limit_exceeded", message, headers)
    with pytest.raises(LlmRateLimited) as caught:
        await everything(llm)
    assert caught.value.retry_after == wait
    assert sum(r["path"].endswith("completions") for r in upstream.requests) == 1


@pytest.mark.parametrize(
    "piece",
    [
        event({"error": {"message": "m", "code": "tool_use_failed"}}, "error"),
        chunk({}, x_groq={"error": {"message": "m", "code": "tool_use_failed"}}),
    ],
)
async def test_error_inside_the_stream_has_its_name(llm, upstream, piece):
    """An error behind status 200 is as good as any other."""
    upstream.script(Script(pieces=[chunk({"content": "so "}), piece]))
    with pytest.raises(LlmBadToolCall):
        await everything(llm)


@pytest.mark.parametrize("hang_up", [True, False])
async def test_reply_cut_off_is_no_success(llm, upstream, hang_up):
    """A socket that closes, or a stream that stops without a finish, is a cut-off reply."""
    upstream.cut("Half of", " it", hang_up=hang_up)
    texts = []

    async def read() -> None:
        async with aclosing(llm.stream(REQUEST)) as events:
            async for item in events:
                texts.append(item.text)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(LlmCutOff):
        await read()
    assert "".join(texts) == "Half of it"


async def test_stream_cut_at_any_byte_is_cut_off_or_whole(upstream):
    """Wherever the bytes end, the reply is whole with a finish or it is reported as cut off."""
    whole = chunk({"content": "Grüße"}) + chunk(finish="stop") + DONE
    llm = GroqLlm(key=None, model="m", url=upstream.url)
    ends = [*range(1, len(whole), 7), len(whole)]
    outcomes = set()
    for end in ends:
        upstream.only(Script(pieces=[whole[:end]], hang_up=True))
        try:
            *_, finish = await everything(llm)
        except LlmCutOff:
            outcomes.add("cut off")
        except LlmUnavailable:
            outcomes.add("cut off before any text")
        else:
            assert isinstance(finish, Finish)
            outcomes.add("whole")
    await llm.close()
    assert {"cut off", "whole"} <= outcomes


async def test_service_that_is_not_there_has_a_name(llm, upstream):
    """Nobody at the address is said with the address."""
    await upstream.stop()
    with pytest.raises(LlmUnavailable, match=r"127\.0\.0\.1"):
        await everything(llm)


async def test_cancelled_reply_closes_the_connection(llm, upstream):
    """Stopping to read a reply stops the service from making it."""
    upstream.say("one", "two", paused_at=1)

    async def read_one() -> None:
        async with aclosing(llm.stream(REQUEST)) as events:
            async for _ in events:
                pass

    reading = asyncio.create_task(read_one())
    await upstream.until(lambda: upstream.open == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


DRAFT = {"summary": "They said hello.", "topics": ["greeting"], "sentiment": "positive"}


async def test_structured_answer_is_checked(llm, upstream):
    """A fitting answer is a value of its type; the service was asked for strict JSON."""
    upstream.answer = {**DRAFT, "outcomes": []}
    draft = await llm.structured([ChatMessage("user", "sum up")], SummaryDraft)
    assert draft == SummaryDraft("They said hello.", ["greeting"], "positive", [])
    asked = upstream.requests[-1]["body"]["response_format"]
    schema = asked["json_schema"]["schema"]
    assert asked["json_schema"]["strict"]
    assert schema["required"] == ["summary", "topics", "sentiment", "outcomes"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    "content", ["", "nonsense", "[]", msgspec.json.encode(DRAFT).decode(), '{"summary": 1}']
)
async def test_structured_answer_that_does_not_fit_is_refused(llm, upstream, content):
    """Nothing but the form asked for is taken."""
    upstream.answer = lambda _: content
    with pytest.raises(LlmBadOutput):
        await llm.structured([ChatMessage("user", "sum up")], SummaryDraft)


async def test_other_models_are_asked_for_json_with_the_schema(upstream):
    """A model without strict output gets the schema in words, and may fence its answer."""
    llm = GroqLlm(key=None, model="llama3", url=upstream.url)
    upstream.answer = lambda _: (
        f"```json\n{msgspec.json.encode({**DRAFT, 'outcomes': []}).decode()}\n```"
    )
    draft = await llm.structured([ChatMessage("system", "sum up")], SummaryDraft)
    await llm.close()
    asked = upstream.requests[-1]["body"]
    assert draft.topics == ["greeting"]
    assert asked["response_format"] == {"type": "json_object"}
    assert '"outcomes"' in asked["messages"][0]["content"]


async def test_offline_has_no_structured_answers():
    """Offline, a summary is refused with what to do."""
    with pytest.raises(LlmUnavailable, match="Configure"):
        await OfflineLlm().structured([], SummaryDraft)


async def test_check_tells_a_living_model_from_a_dead_one(llm, upstream):
    """A model in the list is alive; another is named with the setting and some that live."""
    assert (await llm.check()).model == "openai/gpt-oss-120b"
    upstream.models = ["new-model"]
    with pytest.raises(LlmModelUnknown, match=r"_MODEL.*new-model"):
        await llm.check()


async def test_key_is_sent_and_a_wrong_one_refused(upstream):
    """The key reaches the service, and its refusal names the setting."""
    upstream.key = "right"
    for key, expected in (("right", None), ("wrong", LlmKeyRejected)):
        llm = GroqLlm(key=key, model=None, url=upstream.url)
        if expected is None:
            await llm.check()
        else:
            with pytest.raises(expected, match="GENPY_LLM_KEY"):
                await llm.check()
        await llm.close()


async def test_server_without_models_says_so(upstream):
    """A server that has loaded no model is no riddle."""
    upstream.models = []
    llm = GroqLlm(key=None, model=None, url=upstream.url)
    with pytest.raises(LlmModelUnknown, match="Load one"):
        await everything(llm)
    await llm.close()


@pytest.mark.parametrize(
    ("variables", "kind"),
    [
        ({}, "offline"),
        ({"GROQ_API_KEY": "gsk_x"}, "groq"),
        ({"GENPY_LLM_URL": "http://127.0.0.1:1/v1"}, "compatible"),
        ({"GENPY_LLM_URL": "http://127.0.0.1:1/v1", "GROQ_API_KEY": "gsk_x"}, "compatible"),
    ],
)
async def test_settings_choose_the_model(variables, kind):
    """The address of a server wins over a Groq key, and without either it is offline."""
    llm = open_llm(settings.load(variables))
    assert llm.kind == kind
    await llm.close()


def test_offline_first_explains_and_then_is_brief():
    """The first answer says how to add a model, later ones do not repeat it."""

    async def said(*messages: ChatMessage) -> str:
        events = await everything(OfflineLlm(), ChatRequest(messages))
        return "".join(e.text for e in events if isinstance(e, TextDelta))

    first = asyncio.run(said(ChatMessage("user", "hi")))
    assert "No model is configured" in first
    assert "GROQ_API_KEY" in first
    later = asyncio.run(
        said(ChatMessage("user", "hi"), ChatMessage("assistant", first), ChatMessage("user", "hm"))
    )
    assert "GROQ_API_KEY" not in later
    assert "No model" in later


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2m59.56s", 179.56),
        ("900ms", 0.9),
        ("1h2s", 3602.0),
        ("7", 7.0),
        ("soon", None),
        ("", None),
    ],
)
def test_durations_are_read(text, seconds):
    """A duration as services write it is a number of seconds."""
    assert duration(text) == seconds
