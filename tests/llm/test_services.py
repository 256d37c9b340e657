"""Replies as services were seen to send them, one row each: native quirks, errors in the middle, gateways."""

import json

import pytest
from support.model_replies import read
from support.scripted_model import DONE, event

from genpy_server.core.models import Usage
from genpy_server.llm.trouble import Service, refusal

H = "Hello world."
SERVICE = Service("compatible", "http://here/v1", "THE_KEY", "THE_URL")


def part(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(
        {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}
    )


# name: (pieces, text, reasoning, usage where it is told, finish or the words of the error)
REPLIES = {
    "ollama native thinking": ([
        b'{"model":"qwen3","created_at":"x","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}\n',
        b'{"model":"q","message":{"role":"assistant","content":"Hello world."},"done":false}\n',
        b'{"model":"q","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":1,"prompt_eval_count":11,"eval_count":7}\n'],
        H, "hm", Usage(11, 7)),
    "ollama done load": ([
        b'{"model":"m","created_at":"x","message":{"role":"assistant","content":""},"done_reason":"load","done":true}\n'],
        "", "", None, "any"),
    "ollama 0 index reasoning field": ([part({"role": "assistant", "content": "", "reasoning":
        "hm"}), part({"role": "assistant", "content": H}), part({"role": "assistant", "content": ""},
        "stop"), event({"id": "c", "choices": [], "usage": {"prompt_tokens": 11,
        "completion_tokens": 7, "total_tokens": 18}}), DONE ], H, "hm", Usage(11, 7)),
    "ollama cloud error": ([part({"content": "Hello world."}), b'{"error":"unexpected EOF"}\n'], H,
        "", None, "error:unexpected EOF"),
    "vllm": ([part({"role": "assistant", "content": ""}, logprobs=None), part({"content": H,
        "reasoning_content": None}), part({"content": ""}, "stop", stop_reason=None), event({
        "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7,
        "prompt_tokens_details": None}}), DONE ], H, "", Usage(11, 7)),
    "vllm stop_reason int": ([event({"choices": [{"index": 0, "delta": {"content": H},
        "finish_reason": "stop", "stop_reason": 151645}]}), DONE ], H, "", None),
    "vllm midstream": ([part({"content": H}), event({"object": "error", "message":
        "EngineCore encountered an issue. See stack trace for the root cause.", "type":
        "InternalServerError", "param": None, "code": 500}), DONE ], H, "", None,
        "error:EngineCore"),
    "vllm abort": ([part({"content": H}), part({}, "abort"), DONE], H, "", None, "error:"),
    "vllm reasoning only key": ([part({"reasoning": "hm"}), part({"content": "\n\nHello world."}),
        part({}, "stop"), DONE], "\n\nHello world.", "hm", None),
    "lmstudio error event": ([
        b'event: error\ndata: {"error":{"message":"The model has crashed without additional information. (Exit code: 139)"}}\n\n'],
        "", "", None, "error:crashed"),
    "lmstudio err text": ([
        b'event: error\ndata: {"error":"Model unloaded.","message":"Model unloaded."}\n\n'], "", "",
        None, "error:unloaded"),
    "lmstudio gen fail": ([part({"content": H}),
        b'data: {"error":"Failed to parse input at pos 0: <tool_call>"}\n\n' ], H, "", None,
        "error:Failed to parse"),
    "tgi": ([
        b'data:{"object":"chat.completion.chunk","id":"","created":1,"model":"m","system_fingerprint":"2.0","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello world."},"logprobs":null,"finish_reason":null}]}\n\n',
        b'data:{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":"eos_token"}],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n',
        b"data: [DONE]\n\n"], H, "", Usage(11, 7)),
    "tgi eos text": ([part({"content": "Hello world."}), part({"content": "</s>"}, "eos_token"),
        DONE], H, "", None),
    "tgi gen native": ([
        b'data:{"index":1,"token":{"id":1,"text":"Hello","logprob":-0.1,"special":false},"generated_text":null,"details":null}\n\n',
        b'data:{"index":2,"token":{"id":1,"text":" world.","logprob":-0.1,"special":false},"generated_text":null,"details":null}\n\n',
        b'data:{"index":3,"token":{"id":2,"text":"</s>","special":true},"generated_text":"Hello world.","details":{"finish_reason":"eos_token","generated_tokens":3}}\n\n'],
        H, "", None),
    "tgi error": ([part({"content": H}),
        b'data:{"error":"Request failed during generation: Server error: CUDA out of memory","error_type":"generation"}\n\n'],
        H, "", None, "error:CUDA"),
    "tgi incomplete": ([
        b'data: {"error":{"message":"Incomplete generation stream","http_status_code":500}}\n\n'],
        "", "", None, "error:Incomplete"),
    "llamacpp timings": ([part({"role": "assistant", "content": None}), part({"content": H}), part
        ({}, "stop"), event({"choices": [], "usage": {"completion_tokens": 7, "prompt_tokens": 11,
        "total_tokens": 18}, "timings": {"prompt_n": 1}}), DONE ], H, "", Usage(11, 7)),
    "llamacpp prompt progress": ([event({"choices": [{"index": 0, "delta": {"role": "assistant",
        "content": None}, "finish_reason": None}], "prompt_progress": {"total": 10, "cache": 0,
        "processed": 5}}), part({"content": H}), part({}, "stop"), DONE ], H, "", None),
    "llamacpp error line": ([part({"content": H}),
        b'error: {"code":500,"message":"context shift is disabled","type":"server_error"}\n\n' ], H,
        "", None, "error:context shift"),
    "llamacpp native": ([
        b'data: {"content":"Hello","stop":false,"id_slot":0,"multimodal":false}\n\n',
        b'data: {"content":" world.","stop":false}\n\n',
        b'data: {"content":"","stop":true,"stop_type":"limit","tokens_predicted":7,"tokens_evaluated":11,"truncated":false}\n\n'],
        H, "", Usage(11, 7), "length"),
    "llamacpp native eos": ([b'data: {"content":"Hello world.","stop":false}\n\n',
        b'data: {"content":"","stop":true,"stopped_eos":true,"stopped_limit":false,"tokens_predicted":7,"tokens_evaluated":11}\n\n'],
        H, "", Usage(11, 7), "stop"),
    "openrouter": ([b": OPENROUTER PROCESSING\n\n", b": OPENROUTER PROCESSING\n\n", part({"role":
        "assistant", "content": "", "reasoning": "hm", "reasoning_details": [{"type":
        "reasoning.text", "text": "hm", "format": None, "index": 0}]}, provider="X"), part({
        "role": "assistant", "content": H}, provider="X"), event({"choices": [{"index": 0, "delta":
        {"role": "assistant", "content": ""}, "finish_reason": "stop", "native_finish_reason":
        "end_turn", "logprobs": None}], "provider": "X"}), event({"choices": [{"index": 0,
        "delta": {"role": "assistant", "content": ""}, "finish_reason": None}], "usage": {
        "prompt_tokens": 11, "completion_tokens": 7, "cost": 0.001, "cost_details": {}}}), DONE],
        H, "hm", Usage(11, 7)),
    "openrouter mid error": ([part({"content": H}), event({"id": "gen", "provider": "X", "error":
        {"code": 502, "message": "Provider disconnected unexpectedly"}, "choices": [{"index": 0,
        "delta": {"content": ""}, "finish_reason": "error"}]}), DONE ], H, "", None,
        "error:Provider disconnected"),
    "openrouter choice error": ([part({"content": H}), event({"choices": [{"index": 0, "delta": {
        "content": ""}, "finish_reason": "error", "error": {"code": 524, "message":
        "Upstream idle timeout exceeded"}}]}), DONE ], H, "", None, "error:Upstream idle"),
    "openrouter encrypted": ([part({"content": "", "reasoning_details": [{"type":
        "reasoning.encrypted", "data": "gAAAA=="}]}), part({"content": H}), part({}, "stop"), DONE],
        H, "", None),
    "openrouter annotations": ([part({"content": H, "annotations": [{"type": "url_citation",
        "url_citation": {"url": "x"}}]}), part({}, "stop"), DONE ], H, "", None),
    "azure": ([event({"choices": [], "created": 0, "id": "", "model": "", "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {
        "filtered": False, "severity": "safe"}}}]}), event({"choices": [{"content_filter_results":
        {}, "delta": {"content": "", "refusal": None, "role": "assistant"}, "finish_reason": None,
        "index": 0, "logprobs": None}], "id": "c", "obfuscation": "abc"}), event({"choices": [{
        "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}, "delta": {
        "content": H}, "finish_reason": None, "index": 0}], "obfuscation": "x"}), event({
        "choices": [{"content_filter_results": {}, "delta": {}, "finish_reason": "stop", "index": 0}]}),
        event({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}}), DONE ], H,
        "", Usage(11, 7)),
    "azure async filter": ([part({"content": H}), event({"choices": [{"content_filter_offsets": {
        "check_offset": 1, "start_offset": 1, "end_offset": 2}, "content_filter_results": {"hate":
        {"filtered": False}}, "finish_reason": None, "index": 0}]}), part({}, "stop"), event({
        "choices": [{"content_filter_offsets": {}, "content_filter_results": {}, "finish_reason":
        None, "index": 0}]}), DONE ], H, "", None),
    "azure filtered": ([part({"content": "Hello "}), event({"choices": [{"content_filter_results":
        {"hate": {"filtered": True, "severity": "high"}}, "delta": {}, "finish_reason":
        "content_filter", "index": 0}]}), DONE ], "Hello ", "", None, "content_filter"),
    "mistral": ([part({"role": "assistant", "content": ""}), part({"content": H}, "stop", usage={
        "prompt_tokens": 11, "total_tokens": 18, "completion_tokens": 7}, p="abcd"), DONE ], H,
        "", Usage(11, 7)),
    "magistral": ([part({"content": [{"type": "thinking", "thinking": [{"type": "text", "text":
        "h"}]}]}), part({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}],
        "closed": True}]}), part({"content": H}), part({}, "stop"), DONE ], H, "hm", None),
    "mistral reference": ([part({"content": [{"type": "text", "text": "Hello "}, {"type":
        "reference", "reference_ids": [1, 2]}, {"type": "text", "text": "world."}]}), part({},
        "stop"), DONE ], H, "", None),
    "deepseek": ([b": keep-alive\n\n", part({"role": "assistant", "content": None,
        "reasoning_content": ""}), part({"content": None, "reasoning_content": "hm"}), part({
        "content": H, "reasoning_content": None}), part({"content": "", "reasoning_content": None},
        "stop", usage={"prompt_tokens": 11, "completion_tokens": 7, "prompt_cache_hit_tokens": 4,
        "prompt_cache_miss_tokens": 7}), DONE ], H, "hm", Usage(11, 7, 4)),
    "deepseek resource": ([part({"content": H}), part({"content": ""},
        "insufficient_system_resource"), DONE], H, "", None, "error:"),
    "gemini": ([event({"choices": [{"delta": {"content": "Hello ", "role": "assistant"}, "index":
        0}], "created": 1, "id": "x", "model": "gemini", "object": "chat.completion.chunk", "usage":
        {"completion_tokens": 2, "prompt_tokens": 11, "total_tokens": 13}}), event({"choices": [{
        "delta": {"content": "world.", "role": "assistant"}, "finish_reason": "stop", "index": 0}],
        "usage": {"completion_tokens": 7, "prompt_tokens": 11}}), DONE ], H, "", Usage(11, 7)),
    "gemini thought tag": ([part({"content": "<thought>hm", "extra_content": {"google": {"thought":
        True}}}), part({"content": "</thought>Hello world."}), part({}, "stop"), DONE ], H, "hm",
        None),
    "gemini extra thought": ([part({"content": "hm", "extra_content": {"google": {"thought": True}}}),
        part({"content": H}), part({}, "stop"), DONE ], H, "hm", None),
    "gemini array error": ([
        b'[{\n  "error": {\n    "code": 503,\n    "message": "The model is overloaded. Please try again later.",\n    "status": "UNAVAILABLE"\n  }\n}\n]'],
        "", "", None, "error:overloaded"),
    "gemini native": ([
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hello "}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":11}}\r\n\r\n',
        b'data: {"candidates":[{"content":{"parts":[{"text":"world."}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":7}}\r\n\r\n'],
        H, "", Usage(11, 7)),
    "gemini malformed call": ([part({"content": H}), part({"role": "assistant"},
        "function_call_filter: MALFORMED_FUNCTION_CALL"), DONE ], H, "", None, "any"),
    "cohere native v2": ([event({"type": "message-start", "id": "x", "delta": {"message": {"role":
        "assistant", "content": []}}}, "message-start"), event({"type": "content-start", "index":
        0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}, "content-start"),
        event({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text":
        "Hello world."}}}}, "content-delta"), event({"type": "content-end", "index": 0},
        "content-end"), event({"type": "message-end", "delta": {"finish_reason": "COMPLETE",
        "usage": {"tokens": {"input_tokens": 11, "output_tokens": 7}}}}, "message-end"), DONE],
        H, "", None),
    "anthropic native": ([event({"type": "message_start", "message": {"id": "m", "role":
        "assistant", "content": [], "usage": {"input_tokens": 11, "output_tokens": 1}}},
        "message_start"), event({"type": "content_block_start", "index": 0, "content_block": {
        "type": "thinking", "thinking": ""}}, "content_block_start"), event({"type":
        "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        "content_block_delta"), event({"type": "ping"}, "ping"), event({"type":
        "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello world."}},
        "content_block_delta"), event({"type": "content_block_stop", "index": 1},
        "content_block_stop"), event({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 7}}, "message_delta"), event({"type": "message_stop"},
        "message_stop")], H, "hm", Usage(11, 7)),
    "anthropic whole": ([json.dumps({"id": "m", "type": "message", "role": "assistant", "content":
        [{"type": "text", "text": "Hello world."}], "stop_reason": "end_turn", "usage": {
        "input_tokens": 11, "output_tokens": 7}}).encode()], H, "", Usage(11, 7)),
    "responses api": ([event({"type": "response.created", "response": {"id": "r", "error": None,
        "status": "in_progress"}}, "response.created"), event({"type":
        "response.output_text.delta", "delta": "Hello "}, "response.output_text.delta"), event({
        "type": "response.output_text.delta", "delta": "world."}, "response.output_text.delta"),
        event({"type": "response.completed", "response": {"id": "r", "status": "completed", "error":
        None, "usage": {"input_tokens": 11, "output_tokens": 7}}}, "response.completed")], H,
        "", Usage(11, 7)),
    "cf workers ai": ([b'data: {"response":"Hello ","p":"abc"}\n\n',
        b'data: {"response":"world.","p":"abc"}\n\n',
        b'data: {"response":"","usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}\n\n',
        DONE ], H, "", Usage(11, 7)),
    "cf 200 html": ([
        b'<!DOCTYPE html>\n<html lang="en-US"><head><title>Just a moment...</title></head><body></body></html>'],
        "", "", None, "error:Just a moment"),
    "gw 200 err": ([b'{"error":{"code":"1305","message":"Model overloaded, try later"}}'], "", "",
        None, "error:overloaded"),
    "gw 200 errno": ([b'{"error_code":336501,"error_msg":"Rate limit reached"}'], "", "", None,
        "error:Rate limit"),
    "gw 200 baidu": ([
        b'data: {"error_code":18,"error_msg":"Open api qps request limit reached","id":"x"}\n\n'],
        "", "", None, "error:qps"),
    "gw amazon exc": ([part({"content": H}),
        b'data: {"internalServerException":{"message":"The system encountered an unexpected error"}}\n\n'],
        H, "", None, "error:unexpected error"),
    "bedrock wrapped usage": ([part({"content": "", "role": "assistant"}), part({"content": H}),
        part({}, "end_turn"), event({"choices": [], "usage": {"prompt_tokens": 11,
        "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 0}},
        "amazon-bedrock-invocationMetrics": {"x": 1}}), DONE ], H, "", Usage(11, 7)),
    "bedrock guardrail": ([part({"content": H}), part({}, "guardrail_intervened"), DONE], H, "",
        None, "content_filter"),
    "bedrock throttling": ([part({"content": H}), event({"throttlingException": {"message":
        "Too many requests, please wait"}})], H, "", None, "error:Too many"),
    "bedrock exc json": ([
        b'{"message":"Model is getting throttled. Try your request again.","__type":"ThrottlingException"}'],
        "", "", None, "error:throttled"),
    "dashscope native": ([
        b'id:1\nevent:result\n:HTTP_STATUS/200\ndata:{"output":{"choices":[{"message":{"content":"Hello world.","role":"assistant"},"finish_reason":"stop"}]},"usage":{"input_tokens":11,"output_tokens":7},"request_id":"x"}\n\n'],
        H, "", Usage(11, 7)),
    "dashscope error": ([
        b'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","request_id":"x"}\n\n'],
        "", "", None, "error:good standing"),
    "sglang error": ([event({"error": {"object": "error", "message":
        "The request is aborted: waiting timeout", "type": "BadRequest", "param": None, "code": 400}}),
        DONE ], "", "", None, "error:waiting timeout"),
    "koboldcpp": ([b'event: message\ndata: {"token": "Hello world.", "finish_reason": null}\n\n',
        b'event: message\ndata: {"token": "", "finish_reason": "stop"}\n\n' ], H, "", None),
    "tabby": ([part({"role": "assistant", "content": H}, "stop"), event({"choices": [], "usage": {
        "prompt_tokens": 11.0, "completion_tokens": 7.0}}), b"data: [DONE]\n\n"], H, "", Usage(11,
        7)),
    "litellm err": ([part({"content": H}), event({"error": {"message":
        "litellm.APIConnectionError: APIConnectionError: OpenAIException - peer closed connection",
        "type": None, "param": None, "code": "500"}})], H, "", None, "error:peer closed"),
    "perplexity": ([event({"choices": [{"index": 0, "message": {"role": "assistant", "content":
        "Hello "}, "delta": {"role": "assistant", "content": "Hello "}}], "citations": ["a"]}),
        event({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello world."},
        "delta": {"role": "assistant", "content": "world."}, "finish_reason": "stop"}]})], H, "",
        None),
    "cumulative messages": ([event({"choices": [{"index": 0, "message": {"role": "assistant",
        "content": "Hello the wide wide"}}]}), event({"choices": [{"index": 0, "message": {"role":
        "assistant", "content": "Hello the wide wide world."}, "finish_reason": "stop"}]})],
        "Hello the wide wide world.", "", None),
    "watsonx": ([b"id: 1\nevent: message\ndata: {}\n\n",
        b'id: 2\nevent: message\ndata: {"id":"chat-x","choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant","content":"Hello world."}}]}\n\n',
        b'id: 3\nevent: message\ndata: {"choices":[{"index":0,"finish_reason":"stop","delta":{"role":"assistant","content":""}}]}\n\n',
        b"id: 4\nevent: close\ndata: {}\n\n"], H, "", None),
    "ndjson usage": ([
        b'{"choices":[{"delta":{"content":"Hello world."},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n'],
        H, "", Usage(11, 7)),
    "reasoning object content": ([part({"reasoning": {"content": "hm"}}), part({"content": H}),
        part({}, "stop"), DONE], H, "hm", None),
    "databricks list reasoning": ([event({"choices": [{"delta": {"role": "assistant", "content": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": ""}]}]},
        "index": 0, "finish_reason": None}]}), part({"content": H}), part({}, "stop"), DONE ], H,
        "hm", None),
    "github models filter": ([event({"choices": [{"index": 0, "delta": {"content": H},
        "finish_reason": "stop", "content_filter_results": {"error": {"code":
        "content_filter_error", "message": "The contents are not filtered"}}}]}), DONE ], H, "",
        None),
    "nvidia nim err": ([event({"type": "about:blank", "status": 500, "title":
        "Internal Server Error", "detail": "Inference connection error"})], "", "", None,
        "error:Inference connection"),
    "huggingface router err": ([b'{"error":"Model x is overloaded","error_type":"overloaded"}'],
        "", "", None, "error:overloaded"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("apart", [True, False])
async def test_reply_of_a_service_is_read(name, apart):
    """Text, reasoning, usage and end of a reply are those that its service meant, in one read or many."""
    pieces, text, reasoning, usage, *rest = REPLIES[name]
    end = rest[0] if rest else "stop"
    found = await read(*(pieces if apart else [b"".join(pieces)]))
    assert (found.text, found.reasoning) == (text, reasoning)
    if end.startswith("error:"):
        body = getattr(found.error, "body", None)
        said = found.error if body is None else refusal(SERVICE, "m", status=None, body=body)
        assert end.removeprefix("error:") in str(said)
    else:
        assert found.error is None
        assert end in ("any", found.finish.reason)
        assert usage in (None, found.finish.usage)
