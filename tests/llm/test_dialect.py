"""The chat-completions dialect both ways, through the real SDK."""

import msgspec
import pytest
from support.model_replies import REQUEST, everything, said
from support.scripted_model import DONE, USAGE, Script, call_piece, chunk, event
from support.tools import SPECS

from genpy_server.core.models import SummaryDraft, Usage
from genpy_server.errors import LlmModelUnknown, LlmUnavailable
from genpy_server.llm.base import (
    ChatMessage,
    ChatRequest,
    Finish,
    LeftOut,
    Quota,
    TextDelta,
    ToolCall,
)
from genpy_server.llm.dialect import Asked, body_of
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.trouble import Service

ASKED = [ChatMessage("system", "sum up"), ChatMessage("user", "hello")]
DRAFT = {"summary": "Hello.", "topics": ["greeting"], "sentiment": "positive", "outcomes": []}


def completions(upstream):
    return [r["body"] for r in upstream.requests if r["path"].endswith("/chat/completions")]


async def test_request_says_what_was_meant(llm, upstream):
    """Model, messages, tools, limits and temperature reach the service on its own path."""
    upstream.say("Hello")
    await everything(llm, msgspec.structs.replace(REQUEST, tools=SPECS, temperature=0.1))
    (body,) = completions(upstream)
    assert body["model"] == llm.model == "openai/gpt-oss-120b"
    assert body["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
    ]
    assert [tool["function"]["name"] for tool in body["tools"]] == [spec.name for spec in SPECS]
    assert body["temperature"] == 0.1
    path = upstream.requests[-1]["path"]
    if llm.kind == "groq":
        assert path == "/openai/v1/chat/completions"
        assert body["max_completion_tokens"] == 2048
    else:
        assert path == "/v1/chat/completions"
        assert body["max_tokens"] == 2048
        assert body["stream_options"] == {"include_usage": True}


CALL = ToolCall("c1", "get_session_stats", "{}")
PAIR = (
    ChatMessage("assistant", "", tool_calls=(CALL,)),
    ChatMessage("tool", '{"n":1}', tool_call_id="c1", name=CALL.name, display="**never**"),
)


async def test_calls_and_results_are_sent_as_pairs(llm, upstream):
    """With tools in the request, a call and its result reach the service as rows of their own."""
    upstream.say("ok")
    await everything(llm, ChatRequest((*REQUEST.messages, *PAIR), tools=SPECS))
    assistant, tool = completions(upstream)[0]["messages"][-2:]
    assert assistant["content"] == ""
    assert assistant["tool_calls"][0]["function"] == {"name": CALL.name, "arguments": "{}"}
    assert tool == {"role": "tool", "content": '{"n":1}', "tool_call_id": "c1"}


async def test_results_without_tools_are_told_with_the_question(llm, upstream):
    """Without tools in the request a result is marked text of the question; what people see is not sent."""
    upstream.say("ok")
    await everything(llm, ChatRequest((*REQUEST.messages, *PAIR)))
    (body,) = completions(upstream)
    assert [row["role"] for row in body["messages"]] == ["system", "user"]
    question = body["messages"][-1]["content"]
    assert question.startswith("hello\n\nResult of the tool get_session_stats")
    assert '{"n":1}' in question
    assert "**never**" not in question


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        (["s:one", "u:hi"], ["s:one", "u:hi"]),
        (["s:one", "u:a", "u:b"], ["s:one", "u:a\n\nb"]),
        (["s:one", "u:a", "a:b", "u:c"], ["s:one", "u:a", "a:b", "u:c"]),
        (["s:one", "u:a", "a:b", "a:c", "u:d"], ["s:one", "u:a", "a:b\n\nc", "u:d"]),
        (["s:one", "a:b", "u:c"], ["s:one", "u:(", "a:b", "u:c"]),
        (["u:a", "s:one", "s:two"], ["s:one\n\ntwo", "u:a"]),
        (["s:", "u:a"], ["u:a"]),
        (["s:one", "u:a", "u:", "u:b"], ["s:one", "u:a\n\nb"]),
    ],
)
async def test_roles_alternate_behind_one_system_message(compatible, upstream, messages, sent):
    """A turn without a reply is joined with the next question, for templates that demand turns."""
    names = {"s": "system", "u": "user", "a": "assistant"}
    rows = tuple(ChatMessage(names[row[0]], row[2:]) for row in messages)
    upstream.say("ok")
    await everything(compatible, ChatRequest(rows))
    (body,) = completions(upstream)
    found = [f"{row['role'][0]}:{row['content']}" for row in body["messages"]]
    assert [row[:3] if row.startswith("u:(") else row for row in found] == sent
    assert all(isinstance(row["content"], str) for row in body["messages"])


async def test_text_usage_and_quota_arrive(llm, upstream):
    """Text, tokens used and what is left of the service's limits are told."""
    left = {"x-ratelimit-remaining-requests": "999", "x-ratelimit-limit-tokens": "8000"}
    pieces = [chunk({"content": "Hi"}), chunk(finish="stop", x_groq={"usage": USAGE}), DONE]
    upstream.script(Script(pieces=pieces, headers=left))
    *texts, finish = await everything(llm)
    assert said(texts) == "Hi"
    assert finish == Finish("stop", Usage(11, 7), Quota(requests_left=999, tokens_limit=8000))


async def test_tokens_of_one_read_are_one_delta(compatible, upstream):
    """What arrives together is joined, so that it travels on in one frame."""
    together = b"".join(chunk({"content": word}) for word in ("a", "b", "c"))
    upstream.script(Script(pieces=[together, chunk(finish="stop") + DONE]))
    assert (await everything(compatible))[0] == TextDelta("abc")


@pytest.mark.parametrize(
    "last",
    [
        [chunk(finish="stop"), event({"choices": [], "usage": USAGE}), DONE],
        [chunk(finish="stop"), event({"choices": None, "usage": USAGE})],
        [event({"usage": USAGE}), DONE],
    ],
)
async def test_usage_may_come_in_a_chunk_of_its_own(compatible, upstream, last):
    """Servers close a stream in several ways, and each is a complete reply with its usage."""
    upstream.script(Script(pieces=[chunk({"content": "Hi"}), *last]))
    *texts, finish = await everything(compatible)
    assert said(texts) == "Hi"
    assert finish == Finish("stop", Usage(11, 7))


async def test_reasoning_is_no_part_of_the_reply(llm, upstream):
    """What a model thinks aloud is not shown as its answer."""
    thought = chunk({"reasoning": "hmm", "channel": "analysis", "content": None})
    upstream.script(Script(pieces=[thought, chunk({"content": "yes"}), chunk(finish="stop"), DONE]))
    assert said(await everything(llm)) == "yes"


async def test_model_may_say_nothing(llm, upstream):
    """A stream of nothing but its finish is a finish."""
    upstream.say()
    assert [type(event) for event in await everything(llm)] == [Finish]


async def test_tool_calls_come_whole_and_in_order(llm, upstream):
    """Parallel and fragmented calls are put together before the finish, broken JSON as it is."""
    pieces = [
        chunk({"tool_calls": [call_piece(0, "a", "f", '{"x"')]}),
        chunk({"tool_calls": [call_piece(1, "b", "g", "{no json")]}),
        chunk({"tool_calls": [call_piece(0, None, None, ":1}")]}),
        chunk(finish="tool_calls"),
        DONE,
    ]
    upstream.script(Script(pieces=pieces))
    first, second, finish = await everything(llm)
    assert (first, second) == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{no json"))
    assert finish.reason == "tool_calls"


async def test_reply_cut_by_its_limit_calls_nothing(llm, upstream):
    """A call that the limit of tokens cut in the middle is not a call."""
    piece = call_piece(0, "a", "f", '{"x"')
    upstream.script(Script(pieces=[chunk({"tool_calls": [piece]}), chunk(finish="length"), DONE]))
    (finish,) = await everything(llm)
    assert finish.reason == "length"


async def test_groq_is_asked_for_strict_json(groq, upstream):
    """Groq's models of strict output get the schema, everything in it required."""
    upstream.answer = DRAFT
    assert (await groq.structured(ASKED, SummaryDraft)).topics == ["greeting"]
    (body,) = completions(upstream)
    wanted = body["response_format"]["json_schema"]
    assert wanted["strict"]
    assert list(wanted["schema"]["properties"]) == wanted["schema"]["required"]
    assert "title" in wanted["schema"]["required"]
    assert wanted["schema"]["additionalProperties"] is False
    assert body["messages"][0]["content"] == "sum up"
    assert not body.get("stream")
    assert "tools" not in body


async def test_other_models_of_groq_are_asked_in_words(upstream):
    """A model of Groq without strict output gets the schema in its prompt."""
    llm = GroqLlm(key="k", model="qwen/qwen3-32b", groq_url=upstream.root)
    upstream.answer = DRAFT
    await llm.structured(ASKED, SummaryDraft)
    await llm.close()
    (body,) = completions(upstream)
    assert body["response_format"] == {"type": "json_object"}
    assert '"outcomes"' in body["messages"][0]["content"]


async def test_form_is_not_blamed_for_other_trouble(llm, upstream):
    """A service in trouble is not asked a second time in another form."""
    upstream.fail(503, "", "json_schema worker died")
    with pytest.raises(LlmUnavailable):
        await llm.structured(ASKED, SummaryDraft)
    assert len(completions(upstream)) == 1


async def test_first_model_that_can_talk_is_taken_and_asked_for_once(compatible, upstream):
    """Without a configured model a server's first one is used, but none for embeddings."""
    upstream.models = ["nomic-embed-text:latest", "llama3.2:latest"]
    upstream.say("Hi")
    assert compatible.model == ""
    await everything(compatible)
    await everything(compatible)
    assert compatible.model == "llama3.2:latest"
    assert sum(r["method"] == "GET" for r in upstream.requests) == 1


async def test_model_taken_by_itself_is_found_again_when_it_is_gone(compatible, upstream):
    """A server that changed its model works again at the next message."""
    upstream.say("Hi")
    await everything(compatible)
    upstream.models = ["another"]
    upstream.only(Script(404, b'{"error": {"message": "model not found", "code": null}}'))
    with pytest.raises(LlmModelUnknown):
        await everything(compatible)
    upstream.say("Hi")
    await everything(compatible)
    assert compatible.model == "another"


async def test_check_tells_a_living_model_from_a_dead_one(groq, upstream):
    """A model that is not listed is named with the ways to another one and three that live."""
    upstream.models = ["a", "b", "c", "d"]
    with pytest.raises(
        LlmModelUnknown, match=r"openai/gpt-oss-120b.*/model, -m or GENPY_MODEL.*a, b, c\."
    ):
        await groq.check()


async def test_latest_need_not_be_said(upstream):
    """Ollama's `name:latest` may be configured as `name`."""
    upstream.models = ["llama3.2:latest"]
    llm = GroqLlm(key=None, model="llama3.2", url=upstream.url)
    assert (await llm.check()).model == "llama3.2"
    await llm.close()


async def test_server_without_models_says_so(compatible, upstream):
    """A server that has loaded no model says so."""
    upstream.models = []
    with pytest.raises(LlmModelUnknown, match="Load one"):
        await everything(compatible)


@pytest.mark.parametrize(
    ("effort", "host", "sent"),
    [
        ("off", "api.groq.com", {"reasoning_effort": "none"}),
        ("low", "api.openai.com", {"reasoning_effort": "low"}),
        (
            "off",
            "127.0.0.1",
            {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("high", "127.0.0.1", {"reasoning_effort": "high"}),
        ("off", "openrouter.ai", {"reasoning": {"enabled": False}}),
        ("high", "openrouter.ai", {"reasoning": {"effort": "high"}}),
        ("off", "api.deepseek.com", {"thinking": {"type": "disabled"}}),
        (
            "low",
            "api.anthropic.com",
            {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
        ),
    ],
)
def test_each_service_has_its_own_parameter_of_effort(effort, host, sent):
    """The effort goes out under the name that the service has for it, and nothing beside it."""
    asked = Asked(ASKED, temperature=0.0, reasoning_effort=effort)
    service = Service("compatible", f"https://{host}/v1", "KEY", "URL")
    plain, _, _ = body_of(Asked(ASKED, temperature=0.0), "m", (), service)
    body, _, _ = body_of(asked, "m", (), service)
    assert {name: value for name, value in body.items() if name not in plain} == sent


def test_reasoning_of_a_budget_is_added_to_the_reply():
    """Anthropic counts reasoning as part of the reply, and takes no temperature beside it."""
    asked = Asked(ASKED, max_tokens=100, reasoning_effort="low")
    service = Service("compatible", "https://api.anthropic.com/v1", "KEY", "URL")
    body, _, _ = body_of(asked, "m", (), service)
    assert body["max_tokens"] == 100 + body["thinking"]["budget_tokens"]
    assert "temperature" not in body


async def test_a_model_that_cannot_but_think_thinks_little(compatible, upstream):
    """Where "none" is refused the lowest effort is asked for, and that is not said to be left out."""
    upstream.fail(400, "invalid_request_error", "reasoning_effort must be low, medium or high")
    upstream.say("a")
    upstream.say("b")
    request = ChatRequest(ASKED, reasoning_effort="off")
    for _ in range(2):
        events = [event async for event in compatible.stream(request)]
        assert not any(isinstance(event, LeftOut) for event in events)
    sent = [r["body"]["reasoning_effort"] for r in upstream.requests if r["body"]]
    assert sent == ["none", "low", "low"]
