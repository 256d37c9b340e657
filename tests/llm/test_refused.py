"""What a service refuses is left out of its requests from then on, and nothing is asked for ever."""

import json
import time
from contextlib import aclosing
from types import SimpleNamespace

import msgspec
import pytest
from support.model_replies import REQUEST, everything, said
from support.scripted_model import DONE, Script, chunk, event
from support.tools import SPECS

from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmError, LlmTooLarge
from genpy_server.llm import groq as door
from genpy_server.llm.base import ChatMessage, ChatRequest, Finish, TextDelta
from genpy_server.llm.dialect import Asked, refused, shorter
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.trouble import Complaint

WITH_TOOLS = msgspec.structs.replace(REQUEST, tools=SPECS)
ASKED = [ChatMessage("system", "sum up"), ChatMessage("user", "hello")]
DRAFT = {"summary": "Hello.", "topics": ["greeting"], "sentiment": "positive", "outcomes": []}


def completions(upstream):
    return [r["body"] for r in upstream.requests if r["path"].endswith("/chat/completions")]


def fail(upstream, status, body):
    upstream.script(Script(status, json.dumps(body).encode()))


NO_TOOLS = [
    (400, {"error": {"message": "registry/gemma3 does not support tools"}}),
    (400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice'}}),
    (500, {"error": {"code": 500, "message": "tools param requires --jinja flag"}}),
    (404, {"error": {"message": "No endpoints found that support tool use.", "code": 404}}),
    (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra"}]}),
    (400, {"error": {"message": "Function calling is not enabled for this model"}}),
    (501, {"error": "tools are not implemented"}),
]


@pytest.mark.parametrize(("status", "body"), NO_TOOLS)
async def test_model_without_tools_is_offered_none_again(compatible, upstream, status, body):
    """A refusal of tools costs no reply: it comes without them, and so do the next ones."""
    fail(upstream, status, body)
    upstream.say("Hi")
    assert said(await everything(compatible, WITH_TOOLS)) == "Hi"
    assert said(await everything(compatible, WITH_TOOLS)) == "Hi"
    assert ["tools" in body for body in completions(upstream)] == [True, False, False]


async def test_refusal_is_learned_though_the_reader_leaves_at_the_finish(compatible, upstream):
    """A reply whose reader does not read on behind its finish teaches what was left out."""
    fail(upstream, *NO_TOOLS[0])
    upstream.say("Hi")
    for _ in range(2):
        async with aclosing(compatible.stream(WITH_TOOLS)) as events:
            async for item in events:
                if isinstance(item, Finish):
                    break
    assert ["tools" in body for body in completions(upstream)] == [True, False, False]


async def test_reasoning_that_the_template_began_stays_known(compatible, upstream):
    """After one reply that held only the end of reasoning, all that follow are read so."""
    upstream.say("hm", "</think>", "Hello")
    found = []
    for _ in range(3):
        text = ""
        async with aclosing(compatible.stream(REQUEST)) as events:
            async for item in events:
                if isinstance(item, Finish):
                    break
                text += item.text if isinstance(item, TextDelta) else ""
        found.append(text)
    assert found[1:] == ["Hello", "Hello"]


async def test_refused_tools_are_that_set_only(compatible, upstream):
    """Another set of tools is offered all the same."""
    fail(upstream, *NO_TOOLS[0])
    upstream.say("Hi")
    await everything(compatible, WITH_TOOLS)
    await everything(compatible, msgspec.structs.replace(REQUEST, tools=SPECS[:1]))
    assert ["tools" in body for body in completions(upstream)] == [True, False, True]


PARTS = [
    ("temperature", 400, {"error": {"message": "Unsupported value: 'temperature' does not support "
     "0.7 with this model.", "param": "temperature", "code": "unsupported_value"}}),
    ("temperature", 422, {"detail": [{"loc": ["body", "temperature"], "msg": "should be less"}]}),
    ("stream_options", 422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}),
    ("stream_options", 400, {"message": "Unrecognized request argument supplied: stream_options"}),
    ("max_tokens", 400, {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported "
     "with this model. Use 'max_completion_tokens' instead.", "param": "max_tokens"}}),
    ("stream_options", 400, {"title": "Invalid", "status": 400,
     "invalid_params": [{"name": "stream_options", "reason": "not allowed"}]}),
    ("stream", 400, {"error": {"message": "'stream' is not supported"}}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "status", "body"), PARTS)
async def test_part_that_is_refused_is_left_out(compatible, upstream, part, status, body):
    """What a refusal names is left out at once and from then on."""
    fail(upstream, status, body)
    upstream.say("Hi")
    assert said(await everything(compatible)) == "Hi"
    assert said(await everything(compatible)) == "Hi"
    assert [part in body for body in completions(upstream)] == [True, False, False]
    if part == "max_tokens":
        assert completions(upstream)[-1]["max_completion_tokens"] == 2048


NO_SYSTEM = [
    (400, "System role not supported"),
    (500, "Jinja Exception: System role not supported"),
    (400, "Only user and assistant roles are supported!"),
    (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    (400, "this model does not support system prompts"),
    (422, "Invalid role: system. Must be user or assistant"),
]


@pytest.mark.parametrize(("status", "words"), NO_SYSTEM)
async def test_model_without_a_system_role_reads_it_with_the_question(
    compatible, upstream, status, words
):
    """Where no system message is taken, its text begins what the person says, then and later."""
    fail(upstream, status, {"error": {"message": words}})
    upstream.say("Hi")
    for _ in range(2):
        assert said(await everything(compatible)) == "Hi"
    sent = [[(row["role"], row["content"]) for row in b["messages"]] for b in completions(upstream)]
    assert sent[0] == [("system", "be kind"), ("user", "hello")]
    assert sent[1:] == [[("user", "be kind\n\nhello")]] * 2
    assert (await compatible.check()).left_out == ("system_role",)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("Unrecognized request arguments supplied: stop", ["stop"]),
        ("stop: array too long", ["stop"]),
        ("functions are not supported", ["tools"]),
        ("invalid definition for function call 'x'", ["tools"]),
        ("Your organization must be verified to stream this model.", ["stream"]),
        ("After the optional system message, roles must alternate", []),
        ("System message must be at the beginning.", []),
        ("The server's operating system is not supported", []),
        ("Model does not support JSON output", ["response_format"]),
        ("Unsupported response_mime_type", ["response_format"]),
        ("outlines is not installed", ["response_format"]),
        ("strict mode is not available", ["response_format"]),
        ("Tell me a story about a bus stop.", []),
        (
            "unknown field `stop`, expected one of `model`, `stream`, `temperature`, `tools`",
            ["stop"],
        ),
        ("temperature is not supported. Supported parameters: stop, tools", ["temperature"]),
        ("`temperature` may only be set to 1 when `stop` is set", ["temperature"]),
        ("Tools are not supported in streaming mode", ["tools"]),
        ("Parameters that are not supported: stop, temperature", ["stop", "temperature"]),
        ("This model does not support parameter responseFormat", ["response_format"]),
        ("Failed to initialize samplers: failed to parse grammar", ["tools", "response_format"]),
        ("Conversation roles must alternate user/assistant", ["tools", "system_role"]),
        ("After the optional system message, conversation roles must alternate", []),
        ("unknown variant `system`, expected one of `user`, `assistant`", ["system_role"]),
        ("Role 'system' is not supported", ["system_role"]),
        ("Please use a valid role: user, model.", ["system_role"]),
    ],
)
def test_words_that_name_a_part(words, named):
    """What a refusal is about is told by its words, and by no others."""
    parts = [
        "tools:a",
        "system_role",
        "stop",
        "stream",
        "temperature",
        "response_format:json_schema",
    ]
    found = refused(Complaint({"error": {"message": words}}, 400), parts)
    assert [part.partition(":")[0] for part in found] == named


@pytest.mark.parametrize(
    "body",
    [
        {"issues": [{"path": ["stop"], "message": "no"}]},
        {"error": {"issues": [{"keys": ["stop"], "message": "no"}]}},
        {"error": {"details": [{"fieldViolations": [{"field": "stop"}]}]}},
        {"errors": [{"instancePath": "/stop", "message": "no"}]},
    ],
)
def test_fields_that_name_a_part(body):
    """What a refusal is about may stand in a field of its own."""
    assert refused(Complaint(body, 400), ["temperature", "stop"]) == ["stop"]


def test_template_that_fails_takes_no_tools():
    """A chat template that fails at the tools is given none."""
    body = {"error": "Value is not callable: null at row 62:\n{%- for tool in tools %}"}
    assert refused(Complaint(body, 500), ["tools:a", "temperature"]) == ["tools:a"]


async def test_refusal_inside_a_stream_counts_as_well(compatible, upstream):
    """A service that answers 200 and then refuses is understood, as long as nothing came of a reply."""
    refusal = event({"error": {"message": "temperature is not supported", "code": 400}})
    upstream.script(Script(pieces=[refusal, DONE]))
    upstream.say("Hi")
    assert said(await everything(compatible)) == "Hi"
    upstream.only(Script(pieces=[chunk({"content": "so"}), event({"error": "max_tokens: 400"})]))
    with pytest.raises(LlmError):
        await everything(compatible)
    assert ["temperature" in body for body in completions(upstream)] == [True, False, False]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("tools", "当前模型不支持函数调用"),
        ("tools", "Модель не поддерживает вызов функций"),
        ("temperature", "Sampling cannot be steered."),
        ("stream", "该模型不支持流式输出"),
        ("system_role", "Le rôle système n'est pas accepté."),
    ],
)
async def test_a_refusal_in_unknown_words_is_understood(compatible, upstream, part, words):
    """One part after the other is left out alone, and the one whose lack is accepted stays out."""
    body = json.dumps({"error": {"message": words}}).encode()
    parts = ("tools", "stream_options", "temperature", "system_role", "max_tokens", "stream")
    for _ in range(parts.index(part) + 1):
        upstream.script(Script(400, body))
    upstream.say("Hi")
    for _ in range(2):
        assert said(await everything(compatible, WITH_TOOLS)) == "Hi"
    assert len(completions(upstream)) == parts.index(part) + 3
    assert (await compatible.check()).left_out == (part,)


async def test_a_refusal_that_nothing_helps_is_examined_once(compatible, upstream):
    """Where a request is refused without any of its parts, the next one is asked once."""
    upstream.only(Script(400, json.dumps({"error": {"message": "Nein."}}).encode()))
    for asked in (6, 7):
        with pytest.raises(LlmError, match="Nein"):
            await everything(compatible)
        assert len(completions(upstream)) == asked
    assert (await compatible.check()).left_out == ()


async def test_a_limit_that_names_the_context_is_one_of_the_reply(compatible, upstream):
    """A refusal of `max_tokens` does not shorten the conversation."""
    words = (
        "`max_tokens` must be less than or equal to `1024`, the maximum of this `context_window`"
    )
    fail(upstream, 400, {"error": {"message": words}})
    upstream.say("Hi")
    assert said(await everything(compatible)) == "Hi"
    first, second = completions(upstream)
    assert first["messages"] == second["messages"]
    assert "max_tokens" not in second


async def test_several_parts_may_be_refused_in_turn(compatible, upstream):
    """Each refusal takes away one more, until the request is taken."""
    for _, status, body in (PARTS[1], PARTS[2], PARTS[4]):
        fail(upstream, status, body)
    fail(upstream, 400, {"error": "max_completion_tokens is unknown"})
    upstream.say("Hi")
    assert said(await everything(compatible)) == "Hi"
    assert set(completions(upstream)[-1]) == {"model", "messages", "stream"}
    health = await compatible.check()
    assert health.left_out == (
        "max_completion_tokens", "max_tokens", "stream_options", "temperature",
    )  # fmt: skip


async def test_refusal_that_stays_is_told_and_teaches_nothing(compatible, upstream):
    """A service that refuses with and without the part it names is asked twice, not for ever."""
    upstream.only(Script(422, json.dumps(PARTS[1][2]).encode()))
    with pytest.raises(LlmError, match="temperature: should be less"):
        await everything(compatible)
    assert ["temperature" in body for body in completions(upstream)] == [True, False]
    assert (await compatible.check()).left_out == ()


async def test_what_was_refused_is_tried_again_the_next_day(compatible, upstream, monkeypatch):
    """A server that was updated is given everything again."""
    fail(upstream, *PARTS[0][1:])
    upstream.say("Hi")
    await everything(compatible)
    later = time.monotonic() + door.REFUSED_SECONDS + 1
    # Its clock alone: that of the event loop is the same function.
    monkeypatch.setattr(door, "time", SimpleNamespace(monotonic=lambda: later))
    await everything(compatible)
    assert ["temperature" in body for body in completions(upstream)] == [True, False, True]


async def test_what_one_model_refuses_another_gets(upstream):
    """Refusals are remembered for a service and a model."""
    one = GroqLlm(key=None, model="one", url=upstream.url)
    fail(upstream, *PARTS[0][1:])
    upstream.say("Hi")
    await everything(one)
    one._configured = "two"
    await everything(one)
    assert ["temperature" in body for body in completions(upstream)] == [True, False, True]
    await one.close()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "tools"),
        (429, "temperature"),
        (503, "tools"),
        (403, "max_tokens"),
        (500, "temperature"),
    ],
)
def test_other_trouble_names_no_part(status, text):
    """A key, a limit or a crash is not blamed on a part that its text happens to name."""
    parts = ("tools:a", "temperature", "max_tokens")
    assert refused(Complaint({"error": text}, status), parts) == []


@pytest.mark.parametrize("status", [400, 500, None])
@pytest.mark.parametrize("body", [None, "", {}, {"unreadable": "x"}])
def test_refusal_without_words_names_no_part(status, body):
    """Where a service says nothing, nothing is left out."""
    parts = ("tools:a", "system_role", "temperature", "max_tokens", "stop", "stream")
    assert refused(Complaint(body, status), parts) == []


FORMS = [
    ("json_schema", 400, "This model does not support response format `json_schema`."),
    ("json_schema", 400, 'Either "json_schema" or "grammar" can be specified, but not both'),
    ("json_schema", 404, "json_schema is not available"),
    ("json_schema", 415, "response_format is not supported"),
    ("json_schema", 500, "Failed to parse grammar"),
    ("json_schema", 501, "structured output is not implemented"),
    ("any", 422, [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]),
]


@pytest.mark.parametrize(("form", "status", "text"), FORMS)
@pytest.mark.parametrize("shape", ["error", "detail", "nested"])
async def test_form_that_is_refused_is_asked_for_once(
    compatible, upstream, form, status, text, shape
):
    """A JSON schema, a JSON object and plain words are tried in turn, and what works remembered."""
    body = {"error": {"message": text}} if shape == "nested" else {shape: text}
    refusals = 2 if form == "any" else 1
    for _ in range(refusals):
        fail(upstream, status, body)
    upstream.say("```json\n" + json.dumps(DRAFT) + "\n```")
    for _ in range(2):
        assert (await compatible.structured(ASKED, SummaryDraft)).sentiment == "positive"
    forms = [body.get("response_format", {}).get("type") for body in completions(upstream)]
    assert forms == (
        ["json_schema", "json_object", None, None]
        if form == "any"
        else ["json_schema", "json_object", "json_object"]
    )
    assert "Answer with nothing but JSON" in completions(upstream)[-1]["messages"][0]["content"]


async def test_request_that_is_too_large_is_sent_shorter_once(compatible, upstream):
    """A model with a small context gets a shorter request, and the next ones are short at once."""
    fail(upstream, 400, {"error": {"message": "prompt is too long: 9000 tokens > 2000 maximum"}})
    upstream.say("Hi")
    turns = [
        ChatMessage(role, f"{number} " + "word " * 300)
        for number in range(10)
        for role in ("user", "assistant")
    ]
    request = ChatRequest((ChatMessage("system", "be kind"), *turns, ChatMessage("user", "last?")))
    assert said(await everything(compatible, request)) == "Hi"
    first, second = completions(upstream)
    assert len(json.dumps(second["messages"])) < len(json.dumps(first["messages"])) / 2
    assert second["messages"][0]["content"] == "be kind"
    assert second["messages"][-1]["content"] == "last?"
    assert second["messages"][1]["role"] == "user"
    assert second["max_tokens"] < first["max_tokens"]
    await everything(compatible, request)
    assert completions(upstream)[2]["messages"] == second["messages"]


async def test_request_that_stays_too_large_is_said(compatible, upstream):
    """A context too small for anything is a hint to the settings after two requests."""
    upstream.only(Script(413, b"{}"))
    with pytest.raises(LlmTooLarge, match="GENPY_CONTEXT_TOKENS"):
        await everything(compatible)
    assert len(completions(upstream)) == 2


def test_shorter_request_keeps_what_matters():
    """The oldest turns go first; one long question is cut in its middle."""
    long = Asked((ChatMessage("system", "s" * 300), ChatMessage("user", "u" * 30_000)))
    short = shorter(long, 500)
    assert short.tokens <= 520
    assert short.messages[0].content == "s" * 300
    assert short.messages[1].content.startswith("uuu")
    assert "left out" in short.messages[1].content
