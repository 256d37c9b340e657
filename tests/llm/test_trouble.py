"""Upstream trouble by name: over the wire with the real SDK, and in plain calls."""

from datetime import UTC, datetime, timedelta

import pytest
from support.model_replies import REQUEST, everything, said
from support.scripted_model import DONE, Script, chunk, event

from genpy_server.errors import (
    LlmBadOutput,
    LlmBadToolCall,
    LlmCutOff,
    LlmError,
    LlmKeyRejected,
    LlmLoading,
    LlmModelUnknown,
    LlmQuotaSpent,
    LlmRateLimited,
    LlmTimeout,
    LlmTooLarge,
    LlmUnavailable,
)
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.trouble import Complaint, Service, duration, refusal

NGROK = (
    "<!DOCTYPE html>\n<html><head><style>.a{{color:red}}</style>\n<noscript>{}</noscript>"
    "<script>let a = {{}}</script></head><body></body></html>"
)
SERVICE = Service("compatible", "http://here/v1", "THE_KEY", "THE_URL")


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
    """Each refusal is its own error, whose sentence says what to do, after one request, and a shorter one."""
    upstream.fail(status, code)
    with pytest.raises(expected) as caught:
        await everything(llm)
    assert type(caught.value) is expected
    assert says in caught.value.message
    asked = sum(r["path"].endswith("completions") for r in upstream.requests)
    unclear = 6 if code == "odd" and llm.kind == "compatible" else 1  # without one part each
    assert asked == (2 if expected is LlmTooLarge else unclear)


@pytest.mark.parametrize(
    ("headers", "message", "wait"),
    [
        ({"retry-after": "600"}, "", 600.0),
        ({"retry-after": "1e300"}, "", 604_800.0),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", 0.0),
        ({"retry-after": "not a date"}, "", None),
        ({"retry-after-ms": "1500"}, "", 1.5),
        ({}, "Please retry after 20 seconds.", 20.0),
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
        ({"x-ratelimit-reset-requests": "6m0s"}, "", 360.0),
        ({"retry-after": "PT1M30S"}, "", 90.0),
        ({}, "Limite atteinte. Réessayez dans 20 secondes.", 20.0),
        ({}, "请在20秒后重试", 20.0),
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


@pytest.mark.parametrize("status", [503, 529])
async def test_service_in_trouble_may_say_how_long_to_wait(llm, upstream, status):
    """An overloaded service says when to come back, as a rate-limited one does."""
    upstream.fail(status, "", "overloaded", {"retry-after": "7"})
    with pytest.raises(LlmUnavailable, match="in 7 s") as caught:
        await everything(llm)
    assert caught.value.retry_after == 7.0


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
    first, finished = len(chunk({"content": "Grüße"})), len(whole) - len(DONE)
    llm = GroqLlm(key=None, model="m", url=upstream.url)
    for end in [*range(1, len(whole), 9), first, finished, len(whole)]:
        upstream.only(Script(pieces=[whole[:end]], hang_up=True))
        try:
            events = await everything(llm)
        except (LlmUnavailable, LlmCutOff):
            assert end < finished
        else:
            assert said(events) == "Grüße"
            assert end >= finished - 2  # the blank line at the end need not have come
    await llm.close()


@pytest.mark.parametrize("odd", [b"data: {nonsense\n\n", b"data: [1]\n\n", b"data: 1\n\n"])
async def test_rubbish_in_a_stream_costs_nothing(llm, upstream, odd):
    """What cannot be read is skipped."""
    upstream.script(Script(pieces=[chunk({"content": "so "}), odd, DONE]))
    assert said(await everything(llm)) == "so "


@pytest.mark.parametrize(
    ("status", "body", "expected", "says"),
    [
        # Ollama
        (404, {"error": {"message": 'model "x" not found, try pulling it first', "code": None}},
         LlmModelUnknown, "GENPY_MODEL"),
        (404, {"error": "model 'x' not found"}, LlmModelUnknown, "GENPY_MODEL"),
        (500, {"error": "llama runner process has terminated: out of memory"}, LlmUnavailable,
         "out of memory"),
        # a wrong address, and a right one that gives a reason
        (404, "404 page not found", LlmError, "THE_URL"),
        (404, {"detail": "Not Found"}, LlmError, "THE_URL"),
        (404, "<html><head><title>404 Not Found</title></head></html>", LlmError, "THE_URL"),
        (405, None, LlmError, "THE_URL"),
        (404, {"error": {"message": "No endpoints found that match your data policy"}}, LlmError,
         "data policy"),
        # llama.cpp
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size",
                         "type": "exceed_context_size_error"}}, LlmTooLarge, "CONTEXT"),
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
         LlmLoading, "still loading"),
        # vLLM
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens",
               "type": "BadRequestError", "code": 400}, LlmTooLarge, "CONTEXT"),
        (404, {"object": "error", "message": "The model `x` does not exist.", "code": 404},
         LlmModelUnknown, "GENPY_MODEL"),
        # Groq
        (400, {"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed"}},
         LlmBadOutput, "form"),
        (403, {"error": {"message": "blocked", "code": "model_permission_blocked_project"}},
         LlmModelUnknown, "GENPY_MODEL"),
        # OpenRouter, LiteLLM, FastAPI, Google, Anthropic, Cloudflare, Hugging Face, DeepSeek
        (502, {"error": {"message": "Provider returned error", "code": 502, "metadata": {
            "raw": '{"error": {"message": "GPU on fire"}}'}}}, LlmUnavailable, "GPU on fire"),
        (400, {"error": {"message": "foo/x is not a valid model ID", "code": 400}},
         LlmModelUnknown, "GENPY_MODEL"),
        (400, {"error": {"message": "litellm.BadRequestError: You passed in model=x. There is no "
                         "such model", "type": None, "param": None, "code": "400"}},
         LlmModelUnknown, "GENPY_MODEL"),
        (422, {"detail": [{"loc": ["body", "top_k"], "msg": "Input should be less than 5"}]},
         LlmError, "top_k: Input should be"),
        (400, {"detail": "The tokenizer of this model is missing."}, LlmError, "tokenizer"),
        (400, {"detail": {"error": {"message": "deep inside"}}}, LlmError, "deep inside"),
        (400, [{"error": {"code": 400, "message": "Bad config", "status": "INVALID_ARGUMENT"}}],
         LlmError, "Bad config"),
        (429, {"error": {"code": 429, "message": "You exceeded your current quota, please check "
                         "your plan and billing details", "status": "RESOURCE_EXHAUSTED",
                         "details": [{"retryDelay": "34s"}]}}, LlmRateLimited, "in 34 s"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
         LlmUnavailable, "Overloaded"),
        (400, {"success": False, "errors": [{"code": 7003, "message": "No route"}]}, LlmError,
         "No route"),
        (503, {"error": "Model x is currently loading", "estimated_time": 20.0}, LlmLoading,
         "loading"),
        (402, {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}},
         LlmQuotaSpent, "Insufficient Balance"),
        (429, {"error": {"message": "You exceeded your current quota.",
                         "code": "insufficient_quota"}}, LlmQuotaSpent, "no credit"),
        (400, {"object": "error", "message": "Sampling parameter is wrong"}, LlmError, "Sampling"),
        (502, "<html><head><title>502 Bad Gateway</title></head></html>", LlmUnavailable,
         "502 Bad Gateway"),
        (400, "<html><title>400 Bad Request</title>The plain HTTP request was sent to HTTPS port</html>",
         LlmError, "(400): 400 Bad Request: The plain HTTP request was sent"),
        (403, {"error": {"message": "Your country is not supported"}}, LlmKeyRejected, "country"),
        (500, None, LlmUnavailable, "(500)"),
        (400, 42, LlmError, "(400)"),
        (400, {"error": True, "message": "down"}, LlmError, "down"),
        # more words for a wrong key, for no credit, for a model that is not there, and for a filter
        (400, {"error": {"message": "API key not valid. Please pass a valid API key."}},
         LlmKeyRejected, "THE_KEY"),
        (400, {"error": {"message": "Invalid API key provided"}}, LlmKeyRejected, "THE_KEY"),
        (400, {"error": {"message": "Your credit balance is too low to access the API"}},
         LlmQuotaSpent, "balance is too low"),
        (403, {"error": {"message": "Key limit exceeded (total limit)"}}, LlmQuotaSpent, "Key limit"),
        (403, {"error": {"message": "You do not have access to model x"}}, LlmModelUnknown, "access"),
        (403, {"error": {"message": "Model x is not available on your plan"}}, LlmModelUnknown, "plan"),
        (410, {"error": {"message": "The model x has been retired"}}, LlmModelUnknown, "retired"),
        (400, {"error": {"message": '"x" does not support chat'}}, LlmModelUnknown, "GENPY_MODEL"),
        (404, {"error": {"message": "This is not a chat model."}}, LlmModelUnknown, "GENPY_MODEL"),
        (400, {"error": "No models loaded. Please load a model"}, LlmModelUnknown, "No models loaded"),
        (400, {"error": {"message": "Model unloaded."}}, LlmModelUnknown, "unloaded"),
        (503, {"status": "loading model"}, LlmLoading, "still loading"),
        (400, {"error": {"message": "x", "code": "content_filter"}}, LlmError, "content filter"),
        (400, {"error": {"message": "rejected because it was considered high risk"}}, LlmError,
         "content filter"),
        (400, {"error": {"message": "Output blocked by content filtering policy"}}, LlmError,
         "content filter"),
        (429, {"error": {"message": "You have exceeded the 5-hour usage quota."}}, LlmRateLimited,
         "5-hour usage quota. Try again in a moment"),
        (404, {"error": {"message": "Resource not found"}}, LlmError, "THE_URL"),
        (404, {"message": "Cannot POST /v1/chat/completions"}, LlmError, "THE_URL"),
        (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096", "error_type": "x"},
         LlmTooLarge, "CONTEXT"),
        (422, {"error": "Input validation error: `inputs` must have less than 4095 tokens."},
         LlmTooLarge, "CONTEXT"),
        (400, {"error": {"message": "Model x not supported for chat completions"}}, LlmModelUnknown,
         "GENPY_MODEL"),
        (503, {"detail": "Model not ready yet"}, LlmLoading, "still loading"),
        # other shapes
        (400, "<?xml version='1.0'?><Error><Code>Bad</Code><Message>no region</Message></Error>",
         LlmError, "(400, Bad): no region"),
        (400, {"errors": {"model": ["is unknown"]}}, LlmError, "is unknown"),
        (400, {"message": ["top_k must not be 0"], "error": "Bad Request", "statusCode": 400},
         LlmError, "top_k must not be 0"),
        # inside a stream
        (None, {"code": 503, "message": "x"}, LlmUnavailable, "again"),
        (None, {"code": 429, "message": "try again in 2s"}, LlmRateLimited, "in 2 s"),
        (None, {"type": "rate_limit_error", "message": "Slow down, try again in 7s."},
         LlmRateLimited, "in 7 s"),
        (None, "overloaded", LlmUnavailable, "overloaded"),
        (None, ["a", "b"], LlmUnavailable, "a; b"),
        (None, None, LlmUnavailable, "again"),
        (None, [1], LlmUnavailable, "again"),
        (403, "<html><title>Just a moment...</title>", LlmKeyRejected, "a web page (403): Just a moment"),
        (None, {"unreadable": "<html><title>Open WebUI</title>"}, LlmCutOff, "web page: Open WebUI"),
        (None, {"unreadable": "\n<html><title>Sign in to GitHub</title>"}, LlmKeyRejected,
         "asks to sign in on a web page (Sign in to GitHub)"),
        (None, {"unreadable": "\x8b\x02\ufffd\ufffd"}, LlmCutOff, "data that is not text"),
        # tunnels, and what stands in front of servers
        (404, NGROK.format("The endpoint a.ngrok-free.app is offline. (ERR_NGROK_3200)"),
         LlmUnavailable, "no model server at its end: The endpoint a.ngrok-free.app is offline"),
        (404, "The endpoint a.ngrok-free.app is offline.\r\n\r\nERR_NGROK_3200\r\n", LlmUnavailable,
         "no model server at its end"),
        (502, NGROK.format("Traffic was tunneled, but (ERR_NGROK_8012)"), LlmUnavailable,
         "no model server at its end: Traffic was"),
        (None, {"unreadable": NGROK.format("You are about to visit a (ERR_NGROK_6024)")}, LlmCutOff,
         "web page: You are about to visit"),
        (530, "error code: 1033", LlmUnavailable, "no model server at its end: Cloudflare error 1033"),
        (530, "<!DOCTYPE html><title>Cloudflare Tunnel error | a | Cloudflare</title>",
         LlmUnavailable, "no model server at its end"),
        (522, "error code: 522", LlmUnavailable, "522, the server does not answer"),
        (403, "error code: 1010", LlmKeyRejected, "web page (403): Cloudflare error 1010"),
        (503, "<html><h1>503 - Tunnel Unavailable</h1></html>", LlmUnavailable, "no model server"),
        (404, "<html><title>No such app</title>", LlmError, "a web page (404): No such app"),
        (404, "<html><title>Error</title><pre>Cannot POST /v1/x</pre>", LlmError, "No chat"),
        (404, "404", LlmError, "No chat completions"),
        (404, {"statusCode": 404, "message": "Cannot POST /v1/x", "error": "Not Found"}, LlmError,
         "No chat completions"),
        (404, {"message": "Route POST:/x not found", "error": "Not Found"}, LlmError, "No chat"),
        (404, {"error": {"message": "Invalid URL (POST /chat/completions)"}}, LlmError, "No chat"),
        (404, {"error": {"code": 404, "message": "File Not Found"}}, LlmError, "No chat"),
        (404, {"success": False, "errors": [{"message": "No route for that URI"}]}, LlmError, "No chat"),
        (405, {"detail": "Method Not Allowed"}, LlmError, "No chat completions"),
        (None, {"error": "Unexpected endpoint or method. (POST /x). Returning 200 anyway"}, LlmError,
         "No chat completions"),
        # a model that is not there, and one that is but takes less
        (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}},
         LlmModelUnknown, "GENPY_MODEL"),
        (401, {"error": {"message": "key not allowed to access model", "type":
         "key_model_access_denied"}}, LlmModelUnknown, "GENPY_MODEL"),
        (404, {"error": "Le modèle « x » est introuvable"}, LlmModelUnknown, "GENPY_MODEL"),
        (400, {"error": "Ungültiger API-Schlüssel"}, LlmKeyRejected, "_KEY"),
        (400, {"error": "API key 无效"}, LlmKeyRejected, "_KEY"),
        (400, {"error": "Your token has expired"}, LlmKeyRejected, "_KEY"),
        (400, {"error": "输入内容包含敏感信息"}, LlmError, "content filter"),
        (400, {"error": "Multiple models are loaded. Please specify a model"}, LlmModelUnknown, "Multiple"),
        (404, {"error": {"message": "No endpoints found for x."}}, LlmModelUnknown, "GENPY_MODEL"),
        (500, {"error": "No model is loaded"}, LlmModelUnknown, "No model is loaded"),
        (400, {"error": "The model is loaded with context length of only 4096 tokens"}, LlmTooLarge,
         "CONTEXT"),
        # no credit, and limits that pass
        (403, {"error": {"message": "The free tier of the model has been exhausted.", "code":
         "AllocationQuota.FreeTierOnly"}}, LlmQuotaSpent, "no credit"),
        (400, {"error": {"code": "Arrearage", "message": "Access denied"}}, LlmQuotaSpent, "no credit"),
        (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"},
         LlmQuotaSpent, "no credit"),
        (429, {"error": {"message": "Your prepayment credits are depleted.", "status":
         "RESOURCE_EXHAUSTED"}}, LlmQuotaSpent, "no credit"),
        (400, {"error": {"message": "Budget has been exceeded! Max budget: 20.0"}}, LlmQuotaSpent, "Budget"),
        (429, {"error": {"message": "You exceeded your current quota, please check your plan and "
         "billing details. Requests rate limit exceeded, please try again later."}}, LlmRateLimited, "limits"),
        (403, {"error": "Your newly created team doesn't have any credits yet."}, LlmQuotaSpent, "no credit"),
        (403, {"error": "You've used all your free credits"}, LlmQuotaSpent, "no credit"),
        (429, {"error": {"message": "No balance left."}}, LlmQuotaSpent, "No balance left."),
        (429, {"error": {"code": "1113", "message": "余额不足,请充值。"}}, LlmQuotaSpent, "余额不足,请充值。"),
        # access that another key would not have either
        (403, {"detail": "Your IP is not whitelisted"}, LlmKeyRejected,
         "refuses access: Your IP is not whitelisted. See what the key in THE_KEY may use"),
        (403, {"error": {"message": "Verify your organization!"}}, LlmKeyRejected, "organization! See"),
        (403, {"error": {"message": "Forbidden"}}, LlmKeyRejected, "Put a valid one into THE_KEY"),
        (403, {"error": {"message": "Invalid API key"}}, LlmKeyRejected, "Put a valid one into THE_KEY"),
        (400, {"message": "invalid x-api-key"}, LlmKeyRejected, "THE_KEY"),
        (400, {"error": {"message": "Unsupported model: x"}}, LlmModelUnknown, "GENPY_MODEL"),
        (422, {"error": {"message": "model 'x' is not deployed"}}, LlmModelUnknown, "GENPY_MODEL"),
        # filters
        (400, {"error": {"message": "Content Exists Risk"}}, LlmError, "content filter"),
        (400, {"code": "DataInspectionFailed", "message": "no"}, LlmError, "content filter"),
        (403, {"error": {"message": "x requires moderation on Y. Your input was flagged"}}, LlmError,
         "content filter"),
        (400, {"error": {"message": "no", "code": "SensitiveContentDetected"}}, LlmError,
         "content filter"),
        # the reason in other fields
        (400, {"ErrorCode": "x", "ErrorMessage": "boom"}, LlmError, "boom"),
        (400, {"error": {"code": "x", "innererror": {"message": "boom"}}}, LlmError, "boom"),
        (400, {"ResponseMetadata": {"Error": {"Message": "boom"}}}, LlmError, "boom"),
        (400, {"error": {"cause": "boom"}}, LlmError, "boom"),
        (400, {"fault": {"string": "boom"}}, LlmError, "boom"),
    ],
)  # fmt: skip
def test_servers_tell_the_same_in_many_ways(status, body, expected, says):
    """The bodies that servers of the dialect really send have their names too."""
    error = refusal(SERVICE, "x", status=status, body=body)
    assert type(error) is expected
    assert says in error.message


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4097 tokens. However, you requested 5000 tokens",
        "prompt is too long: 205021 tokens > 200000 maximum",
        "The input token count (12000) exceeds the maximum number of tokens allowed (8192).",
        "the request exceeds the available context size (4096 tokens), try increasing it",
        "Please reduce the length of the messages or completion.",
        "Input length 9000 exceeds the maximum allowed length",
        "Requested tokens (5000) exceed context window of 4096",
        "This request has too many tokens",
        "input is too long for the requested model",
        "The conversation is too long, please start a new one",
        "Prompt length is longer than the maximum model length of 4096",
        "max_model_len is 2048",
        "the input token count is 32825 but model only supports up to 32768",
        "Context overflow: the prompt does not fit",
        "Total tokens 9000 > max 8192",
        "输入内容长度超过模型最大上下文限制",
        "La requête dépasse la longueur maximale du contexte (8192 jetons).",
        "Die Eingabe ist zu lang für dieses Modell.",
        "El mensaje supera el límite de contexto",
        "入力が長すぎます。最大トークン数を超えています。",
        "컨텍스트 길이를 초과했습니다",
        "Превышена максимальная длина контекста",
        "Sequence too long",
    ],
)
@pytest.mark.parametrize("status", [400, 422, 500, None])
def test_conversation_that_is_too_long_is_known_in_all_wordings(words, status):
    """However a service says that the context is too small, it is known to be that."""
    assert type(refusal(SERVICE, "x", status=status, body={"error": words})) is LlmTooLarge


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("prompt is too long: 205021 tokens > 200000 maximum", 200_000),
        ("exceeds the available context size (4096 tokens)", 4096),
        ("This model's maximum context length is 4,097 tokens. You requested 5000", 4097),
        ("too long", None),
    ],
)
def test_window_is_read_where_it_is_said(text, limit):
    """The number of tokens that a model takes is read from the refusal."""
    assert Complaint({"error": {"message": text}}, 400).limit == limit


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "message": "Country, region, or territory not supported",
                "code": "unsupported_country_region_territory",
            }
        },
        {"error": {"message": "x", "code": "unsupported_country_region_territory"}},
        {"error": {"message": "The service is not available in your country."}},
        {"error": {"message": "Access from your location is restricted"}},
        "<html><title>Sorry, we are not yet available in your region</title>",
        "error code: 1009",
    ],
)
def test_a_closed_region_is_not_the_keys_fault(body):
    """A service that refuses a country or region is told so, without advice about the key."""
    error = refusal(SERVICE, "x", status=403, body=body)
    assert type(error) is LlmKeyRejected
    assert "does not answer requests from here" in error.message
    assert "Another key does not help" in error.message
    assert SERVICE.key_setting not in error.message


def test_keys_are_not_quoted():
    """A service that quotes a key in its refusal has it left out of our sentence."""
    body = {"error": {"message": "Incorrect key provided: sk-abcdef123456, see docs"}}
    message = refusal(SERVICE, "x", status=403, body=body).message
    assert "sk-abc" not in message
    assert "see docs" in message


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("https://ann:secret@new.example/v1/chat/completions?token=1", "https://new.example/v1"),
        ("", "another address"),
    ],
)
def test_redirect_says_where_to(location, says):
    """A service that has moved is known with its new address, without what is secret in it."""
    error = refusal(SERVICE, "x", status=301, body="", headers={"location": location})
    assert says in error.message
    assert "secret" not in error.message
    assert "THE_URL" in error.message


def test_odd_refusal_is_quoted_in_brief():
    """What has no name is quoted, on one line and not at length."""
    body = {"error": {"message": "top_k\nmust be\n" + "x" * 1000, "code": "odd code!" * 100}}
    message = refusal(SERVICE, "m", status=422, body=body).message
    assert "(422): top_k must be xx" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2m59.56s", 179.56),
        ("900ms", 0.9),
        ("1500 milliseconds", 1.5),
        ("1 minute and 5 seconds", 65.0),
        ("2 hours, 1 min", 7260.0),
        ("1d2h", 93_600.0),
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


def wait_of(text="", headers=None, **body):
    """When a service may be asked again that refused so."""
    body = {"error": {"message": text or "slow down", **body}}
    return refusal(SERVICE, "m", status=429, body=body, headers=headers).retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 1 day.", 86_400.0),
        ("Please wait 20 seconds before retrying.", 20.0),
        ("Your limit resets in 1 hour and 5 minutes", 3900.0),
        ("Retry after 1500 milliseconds", 1.5),
        ("Retry-After: 12s", 12.0),
        ("retry_after=5", 5.0),
        ("You may ask 5 times in 60 seconds.", None),
        ("Limit erreicht. Bitte in 20 Sekunden erneut versuchen.", 20.0),
        ("每60秒最多10次", None),
        ("10 solicitudes por 60 segundos", None),
        ("Try again at 15:00.", None),
        ("We shall wait for 3 more users", None),
        ("Request was throttled. Expected available in 27 seconds.", 27.0),
        ("Retry after 2.5 minutes", 150.0),
    ],
)
def test_waits_are_found_in_words(text, seconds):
    """The text of a refusal says when to come back in any usual unit, and no other number does."""
    assert wait_of(text) == seconds


@pytest.mark.parametrize(
    ("field", "value", "seconds"),
    [
        ("retryAfter", 5, 5.0),
        ("retry_after_seconds", "7", 7.0),
        ("retry_after_ms", 1500, 1.5),
        ("retryDelay", "34.5s", 34.5),
        ("retry_after_ms", None, None),
        ("metadata", {"headers": {"Retry-After": "9"}}, 9.0),
    ],
)
def test_waits_are_found_in_fields(field, value, seconds):
    """The body of a refusal may say it in a field of its own."""
    assert wait_of(**{field: value}) == seconds


def test_a_wait_may_be_given_as_a_time():
    """A header with a date or with a number that counts from 1970 means the time until then."""
    due = (datetime.now(UTC) + timedelta(seconds=89)).replace(microsecond=0)
    stamp = due.timestamp()
    for headers in (
        {"retry-after": due.isoformat()},
        {"retry-after": f"{due:%Y-%m-%dT%H:%M:%S.%f}"},
        {"retry-after": f"{stamp:.3f}"},
        {"x-ratelimit-reset": f"{stamp * 1000:.0f}"},
        {"x-ratelimit-reset-tokens": f"{due:%Y-%m-%dT%H:%M:%S.%fZ}"},
    ):
        assert 30 < wait_of(headers=headers) <= 90
    for text in (
        f"Limit resets at: {due:%Y-%m-%d %H:%M:%S} UTC",
        f"Try again at {due.isoformat()}",
    ):
        assert 30 < wait_of(text) <= 90
    assert 30 < wait_of(metadata={"headers": {"X-RateLimit-Reset": f"{stamp * 1000:.0f}"}}) <= 90
    assert wait_of(headers={"retry-after": "30, 30"}) == 30.0
    assert wait_of(headers={"ratelimit-reset": "30"}) == 30.0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-retry-after": "9"},
        {"retry-after": '"9"'},
        {"x-ratelimit-reset-after": "9"},
        {"x-ratelimit-reset-tokens-minute": "9"},
        {"anthropic-ratelimit-input-tokens-reset": "9", "anthropic-ratelimit-requests-reset": "1"},
        {"ratelimit": '"default";r=0;t=9'},
        {"ratelimit": "limit=100, remaining=0, reset=9"},
    ],
)
def test_waits_are_found_in_headers_of_any_name(headers):
    """A header that says when a limit is reset is known by that word."""
    assert wait_of(headers=headers) == 9.0


def test_a_wait_that_is_over_is_not_counted_in_seconds():
    """A limit whose time has passed, by the service's clock, is said without a number."""
    headers = {"x-ratelimit-reset": "1700000000000"}
    error = refusal(SERVICE, "x", status=429, body={"error": "slow down"}, headers=headers)
    assert error.message.endswith("Try again in a moment.")
    assert error.retry_after == 0
