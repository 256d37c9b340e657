"""Upstream trouble by name: over the wire with the real SDK, and in plain calls."""

import pytest
from support.model_replies import REQUEST, everything, said
from support.scripted_model import DONE, Script, chunk, event

from genpy_server.errors import (
    LlmBadOutput,
    LlmBadToolCall,
    LlmCutOff,
    LlmError,
    LlmKeyRejected,
    LlmModelUnknown,
    LlmRateLimited,
    LlmTimeout,
    LlmTooLarge,
    LlmUnavailable,
)
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.trouble import Service, duration, refusal

SERVICE = Service("compatible", "http://here/v1", "THE_MODEL", "THE_KEY", "THE_URL")


@pytest.mark.parametrize(
    ("status", "code", "expected", "says"),
    [
        (401, "invalid_api_key", LlmKeyRejected, "_KEY"),
        (404, "model_not_found", LlmModelUnknown, "_MODEL"),
        (400, "model_decommissioned", LlmModelUnknown, "_MODEL"),
        (413, "", LlmTooLarge, "GENPY_CONTEXT_TOKENS"),
        (413, "rate_limit_exceeded", LlmTooLarge, "GENPY_REPLY_TOKENS"),
        (400, "context_length_exceeded", LlmTooLarge, "GENPY_CONTEXT_TOKENS"),
        (500, "internal_server_error", LlmUnavailable, "again"),
        (503, "", LlmUnavailable, "again"),
        (498, "", LlmUnavailable, "again"),
        (504, "", LlmTimeout, "too long"),
        (400, "tool_use_failed", LlmBadToolCall, "tool"),
        (422, "odd", LlmError, "422, odd"),
    ],
)
async def test_refusal_has_a_name_and_a_next_step(llm, upstream, status, code, expected, says):
    """Each refusal is its own error, whose sentence says what to do, after one request."""
    upstream.fail(status, code)
    with pytest.raises(expected) as caught:
        await everything(llm)
    assert type(caught.value) is expected
    assert says in caught.value.message
    assert sum(r["path"].endswith("completions") for r in upstream.requests) == 1


@pytest.mark.parametrize(
    ("headers", "message", "wait"),
    [
        ({"retry-after": "600"}, "", 600.0),
        ({"retry-after": "0"}, "Please try again in 9s.", 0.0),
        ({"retry-after": "nan"}, "Please try again in 2m59.56s. Visit us", 179.56),
        ({"x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-reset-requests": "2h"}, "", 7.66),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "7.66s",
                "x-ratelimit-reset-requests": "2h",
            },
            "",
            7200.0,
        ),
        ({}, "slow down", None),
    ],
)
async def test_rate_limit_says_how_long_to_wait(llm, upstream, headers, message, wait):
    """The wait comes from header, text or reset, and nothing is tried again behind our back."""
    upstream.fail(429, "rate_limit_exceeded", message, headers)
    with pytest.raises(LlmRateLimited) as caught:
        await everything(llm)
    assert caught.value.retry_after == wait
    assert sum(r["path"].endswith("completions") for r in upstream.requests) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("tool_use_failed", LlmBadToolCall),
        ("rate_limit_exceeded", LlmRateLimited),
        ("internal_server_error", LlmUnavailable),
        ("context_length_exceeded", LlmTooLarge),
    ],
)
@pytest.mark.parametrize("place", ["event", "x_groq", "chunk"])
async def test_error_inside_the_stream_has_its_name(llm, upstream, code, expected, place):
    """An error behind status 200 is as good as any other."""
    error = {"message": "m", "code": code}
    piece = {
        "event": event({"error": error}, "error"),
        "x_groq": chunk({}, x_groq={"error": error}),
        "chunk": event({"error": error}),
    }[place]
    upstream.script(Script(pieces=[chunk({"content": "so "}), piece]))
    with pytest.raises(expected):
        await everything(llm)


@pytest.mark.parametrize("hang_up", [True, False])
async def test_reply_cut_off_is_no_success(llm, upstream, hang_up):
    """A socket that closes, or a stream that stops without a finish, is a cut-off reply."""
    upstream.cut("Half of", " it", hang_up=hang_up)
    events = []

    async def read() -> None:
        async for item in llm.stream(REQUEST):
            events.append(item)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(LlmCutOff):
        await read()
    assert said(events) == "Half of it"


async def test_stream_cut_at_any_byte_is_cut_off_or_whole(upstream):
    """Wherever the bytes end, the reply is whole with a finish or it is reported as cut off."""
    whole = chunk({"content": "Grüße"}) + chunk(finish="stop") + DONE
    first, complete = len(chunk({"content": "Grüße"})), len(whole) - len(DONE)
    llm = GroqLlm(key=None, model="m", url=upstream.url)
    for end in [*range(1, len(whole), 9), first, complete, len(whole)]:
        upstream.only(Script(pieces=[whole[:end]], hang_up=True))
        try:
            events = await everything(llm)
        except LlmUnavailable:
            assert end < first
        except LlmCutOff:
            assert first <= end < len(whole)
        else:
            assert said(events) == "Grüße"
            assert end == len(whole)
    await llm.close()


@pytest.mark.parametrize("odd", [b"data: {nonsense\n\n", b"data: [1]\n\n", b"data: 1\n\n"])
async def test_rubbish_in_a_stream_is_a_cut_off_reply(llm, upstream, odd):
    """What cannot be read ends the reply, and the next one works."""
    upstream.script(Script(pieces=[chunk({"content": "so "}), odd, DONE]))
    upstream.say("fine")
    with pytest.raises(LlmCutOff):
        await everything(llm)
    assert said(await everything(llm)) == "fine"


@pytest.mark.parametrize(
    ("status", "body", "expected", "says"),
    [
        # Ollama
        (404, {"error": {"message": 'model "x" not found, try pulling it first', "code": None}},
         LlmModelUnknown, "THE_MODEL"),
        (404, {"error": "model 'x' not found"}, LlmModelUnknown, "THE_MODEL"),
        (400, {"error": {"message": "gemma3 does not support tools"}}, LlmBadToolCall, "tool"),
        # a wrong address
        (404, "404 page not found", LlmError, "THE_URL"),
        (405, None, LlmError, "THE_URL"),
        # llama.cpp
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size",
                         "type": "exceed_context_size_error"}}, LlmTooLarge, "CONTEXT"),
        (500, {"error": {"code": 500, "message": "tools param requires --jinja flag"}},
         LlmBadToolCall, "tool"),
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
         LlmUnavailable, "again"),
        # vLLM
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens",
               "type": "BadRequestError", "code": 400}, LlmTooLarge, "CONTEXT"),
        (400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice'}},
         LlmBadToolCall, "tool"),
        # Groq
        (400, {"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}},
         LlmBadOutput, "form"),
        (403, {"error": {"message": "blocked", "code": "model_permission_blocked_project"}},
         LlmModelUnknown, "THE_MODEL"),
        # inside a stream
        (None, {"code": 503, "message": "x"}, LlmUnavailable, "again"),
        (None, {"code": 429, "message": "try again in 2s"}, LlmRateLimited, "in 2 s"),
        (None, "overloaded", LlmUnavailable, "again"),
        (None, None, LlmUnavailable, "again"),
        (None, [1], LlmUnavailable, "again"),
    ],
)  # fmt: skip
def test_servers_tell_the_same_in_many_ways(status, body, expected, says):
    """The bodies that servers of the dialect really send have their names too."""
    error = refusal(SERVICE, "x", status=status, body=body)
    assert type(error) is expected
    assert says in error.message


def test_odd_refusal_is_quoted_in_brief():
    """What has no name is quoted, on one line and not at length."""
    body = {"error": {"message": "top_k\nmust be\n" + "x" * 1000, "code": "odd code!" * 100}}
    message = refusal(SERVICE, "m", status=422, body=body).message
    assert "(422): top_k must be xx" in message
    assert len(message) < 250


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2m59.56s", 179.56),
        ("900ms", 0.9),
        ("1h2s", 3602.0),
        ("7", 7.0),
        ("-7", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_durations_are_read(text, seconds):
    """A duration as services write it is a number of seconds, and nothing else is."""
    assert duration(text) == seconds
