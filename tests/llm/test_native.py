"""Replies in the native API of other services: their text, reasoning, calls, usage and end are read too."""

import json
import struct
import zlib

import pytest
from support.model_replies import read
from support.scripted_model import DONE, chunk, event
from support.tools import SPECS

from genpy_server.core.models import Usage
from genpy_server.llm.chunks import ChunkReader
from genpy_server.llm.reply import EventSplitter
from genpy_server.llm.trouble import Service, refusal

H = "Hello world."
SEARCH, STATS = "search_chat_history", "get_session_stats"
ROME = (SEARCH, {"keyword": "Rome"})
USED = (11, 7)
SERVICE = Service("compatible", "http://here/v1", "THE_KEY", "THE_URL")


def named(payload):
    """An event named by its type."""
    return event(payload, payload["type"])


def whole(payload):
    return json.dumps(payload).encode()


def gemini(parts, finish=None, **more):
    ends = {} if finish is None else {"finishReason": finish}
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **ends}
    return event({"candidates": [candidate], **more})


def of_responses(kind, **fields):
    return named({"type": f"response.{kind}", **fields})


def cohere(kind, **fields):
    return named({"type": kind, **fields})


def binary(name, payload):
    """A message of an AWS event stream."""
    pairs = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for key, value in pairs.items()
    )
    data = json.dumps(payload, separators=(",", ":")).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(data), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + data
    return message + struct.pack(">I", zlib.crc32(message))


GEMINI_USAGE = {"promptTokenCount": 11, "candidatesTokenCount": 7}  # fmt: skip
ANTHROPIC_CALL = [named({"type": "content_block_start", "index": 1,
    "content_block": {"type": "tool_use", "id": "toolu_1", "name": SEARCH, "input": {}}}),
    named({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta",
    "partial_json": ""}}), named({"type": "content_block_delta", "index": 1,
    "delta": {"type": "input_json_delta", "partial_json": '{"keyword": "R'}}),
    named({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta",
    "partial_json": 'ome"}'}}), named({"type": "content_block_stop", "index": 1})]  # fmt: skip


def anthropic_end(reason):
    return [named({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 7}}), named({"type": "message_stop"})]  # fmt: skip


ANTHROPIC_START = [named({"type": "message_start", "message": {"id": "m", "type": "message",
    "role": "assistant", "model": "claude", "content": [], "stop_reason": None,
    "usage": {"input_tokens": 11, "output_tokens": 1}}})]  # fmt: skip
ANTHROPIC_TEXT = [named({"type": "content_block_start", "index": 0,
    "content_block": {"type": "text", "text": ""}}), named({"type": "content_block_delta",
    "index": 0, "delta": {"type": "text_delta", "text": H}}), named({"type": "content_block_stop",
    "index": 0})]  # fmt: skip
RESPONSE = {"object": "response", "id": "r", "created_at": 1, "status": "in_progress",
    "error": None, "incomplete_details": None, "instructions": "be kind", "output": [],
    "text": {"format": {"type": "text"}}, "reasoning": {"effort": "medium", "summary": "auto"},
    "tools": [{"type": "function", "name": SEARCH, "parameters": {}}], "usage": None,
    "truncation": "disabled"}  # fmt: skip
CALL_ITEM = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": SEARCH,
    "arguments": "", "status": "in_progress"}  # fmt: skip
CALLED = {**CALL_ITEM, "arguments": '{"keyword": "Rome"}', "status": "completed"}  # fmt: skip
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": H, "annotations": []}]}  # fmt: skip
RESPONSE_USAGE = {"input_tokens": 11, "output_tokens": 7,
    "input_tokens_details": {"cached_tokens": 0}, "total_tokens": 18}  # fmt: skip
COMPLETED = {**RESPONSE, "status": "completed", "usage": RESPONSE_USAGE}  # fmt: skip
RESPONSE_TEXT = [of_responses("output_item.added", output_index=0, item={**MESSAGE, "content": [],
    "status": "in_progress"}), of_responses("content_part.added", output_index=0,
    part={"type": "output_text", "text": "", "annotations": []}), of_responses("output_text.delta",
    output_index=0, delta="Hello ", item_id="m", logprobs=[]), of_responses("output_text.delta",
    output_index=0, delta="world.", item_id="m"), of_responses("output_text.done", output_index=0,
    text=H, item_id="m"), of_responses("content_part.done", output_index=0,
    part=MESSAGE["content"][0]), of_responses("output_item.done", output_index=0, item=MESSAGE)]  # fmt: skip
RESPONSE_CALL = [of_responses("output_item.added", output_index=1, item=CALL_ITEM),
    of_responses("function_call_arguments.delta", output_index=1, item_id="fc_1",
    delta='{"keyword": "R'), of_responses("function_call_arguments.delta", output_index=1,
    item_id="fc_1", delta='ome"}'), of_responses("function_call_arguments.done", output_index=1,
    item_id="fc_1", name=SEARCH, arguments='{"keyword": "Rome"}'),
    of_responses("output_item.done", output_index=1, item=CALLED)]  # fmt: skip
RESPONSE_START = [of_responses("created", response=RESPONSE), of_responses("in_progress",
    response=RESPONSE)]  # fmt: skip


def cohere_end(reason):
    return cohere("message-end", id="c", delta={"finish_reason": reason,
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 6},
        "tokens": {"input_tokens": 11, "output_tokens": 7}}})  # fmt: skip


BEDROCK_END = [event({"messageStop": {"stopReason": "tool_use"}}),
    event({"metadata": {"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
    "metrics": {"latencyMs": 12}}})]  # fmt: skip
BEDROCK_TEXT = [event({"messageStart": {"role": "assistant"}}),
    event({"contentBlockDelta": {"delta": {"text": "Hello "}, "contentBlockIndex": 0}}),
    event({"contentBlockDelta": {"delta": {"text": "world."}, "contentBlockIndex": 0}}),
    event({"contentBlockStop": {"contentBlockIndex": 0}})]  # fmt: skip
BEDROCK_CALL = [event({"contentBlockStart": {"start": {"toolUse": {"toolUseId": "tu_1",
    "name": SEARCH}}, "contentBlockIndex": 1}}),
    event({"contentBlockDelta": {"delta": {"toolUse": {"input": '{"keyword": "R'}},
    "contentBlockIndex": 1}}),
    event({"contentBlockDelta": {"delta": {"toolUse": {"input": 'ome"}'}},
    "contentBlockIndex": 1}}), event({"contentBlockStop": {"contentBlockIndex": 1}})]  # fmt: skip
# name: (pieces, text, reasoning, calls, finish or the words of the error, usage where it is told)
REPLIES = {
    "gemini call": ([gemini([{"functionCall": {"name": SEARCH, "args": {"keyword": "Rome"}}}],
        "STOP", usageMetadata=GEMINI_USAGE)], "", "", [ROME], "tool_calls", USED),
    "gemini two calls, text, thought": ([gemini([{"text": "hm", "thought": True}]),
        gemini([{"text": "Hello "}, {"text": "world."}]), gemini([{"functionCall": {"name": SEARCH,
        "args": {"keyword": "Rome"}}, "thoughtSignature": "abc"}, {"functionCall": {"name": STATS,
        "args": {}}}]), gemini([{"text": ""}], "STOP", usageMetadata=GEMINI_USAGE)], H, "hm",
        [ROME, (STATS, {})], "tool_calls", USED),
    "gemini same call twice other args": ([gemini([{"functionCall": {"name": SEARCH,
        "args": {"keyword": "Rome"}}}, {"functionCall": {"name": SEARCH,
        "args": {"keyword": "Oslo"}}}], "STOP")], "", "", [ROME, (SEARCH, {"keyword": "Oslo"})],
        "tool_calls", None),
    "gemini array stream":
        ([b'[{\n "candidates": [{"content": {"parts": [{"text": "Hello "}]}}]\n}\n',
        b',\r\n{"candidates": [{"content": {"parts": [{"functionCall": {"name": "search_chat_history", "args": {"keyword": "Rome"}}}]}, "finishReason": "STOP"}]}\n]'],
        "Hello ", "", [ROME], "tool_calls", None),
    "gemini whole": ([whole({"candidates": [{"content": {"parts": [{"text": H},
        {"functionCall": {"id": "x", "name": SEARCH, "args": {"keyword": "Rome"}}}]},
        "finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE})], H, "", [ROME], "tool_calls",
        USED),
    "gemini blocked prompt": ([event({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 11}})], "", "", [], "content_filter", None),
    "gemini snake case":
        ([event({"candidates": [{"content": {"parts": [{"function_call": {"name": SEARCH,
        "args": {"keyword": "Rome"}}}]}, "finish_reason": "STOP"}],
        "usage_metadata": {"prompt_token_count": 11, "candidates_token_count": 7}})], "", "",
        [ROME], "tool_calls", USED),
    "gemini wrapped response":
        ([event({"response": {"candidates": [{"content": {"parts": [{"text": H}]},
        "finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE}})], H, "", [], "stop", USED),
    "gemini max": ([gemini([{"text": H}], "MAX_TOKENS")], H, "", [], "length", None),
    "anthropic call": ([*ANTHROPIC_START, *ANTHROPIC_TEXT, *ANTHROPIC_CALL,
        *anthropic_end("tool_use")], H, "", [ROME], "tool_calls", USED),
    "anthropic two calls no args": ([*ANTHROPIC_START, named({"type": "content_block_start",
        "index": 0, "content_block": {"type": "tool_use", "id": "toolu_0", "name": STATS,
        "input": {}}}), named({"type": "content_block_stop", "index": 0}), *ANTHROPIC_CALL,
        *anthropic_end("tool_use")], "", "", [(STATS, {}), ROME], "tool_calls", USED),
    "anthropic whole with call": ([whole({"id": "m", "type": "message", "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text",
        "text": H}, {"type": "tool_use", "id": "t", "name": SEARCH, "input": {"keyword": "Rome"}}],
        "stop_reason": "tool_use", "usage": {"input_tokens": 11, "output_tokens": 7}})], H, "hm",
        [ROME], "tool_calls", USED),
    "anthropic max": ([*ANTHROPIC_START, *ANTHROPIC_TEXT, *anthropic_end("max_tokens")], H, "", [],
        "length", USED),
    "anthropic window": ([*ANTHROPIC_START, *ANTHROPIC_TEXT,
        *anthropic_end("model_context_window_exceeded")], H, "", [], "length", USED),
    "anthropic refusal": ([*ANTHROPIC_START, *ANTHROPIC_TEXT, *anthropic_end("refusal")], H, "",
        [], "content_filter", USED),
    "anthropic text block start with text": ([*ANTHROPIC_START,
        named({"type": "content_block_start", "index": 0, "content_block": {"type": "text",
        "text": H}}), *anthropic_end("end_turn")], H, "", [], "stop", USED),
    "anthropic search results": ([*ANTHROPIC_START, named({"type": "content_block_start",
        "index": 0, "content_block": {"type": "server_tool_use", "id": "srv", "name": "web_search",
        "input": {}}}), named({"type": "content_block_delta", "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"query":"x"}'}}),
        named({"type": "content_block_start", "index": 1,
        "content_block": {"type": "web_search_tool_result", "tool_use_id": "srv",
        "content": [{"type": "web_search_result", "title": "A", "url": "u",
        "encrypted_content": "zzz"}]}}), *ANTHROPIC_TEXT, *anthropic_end("end_turn")], H, "", [],
        "stop", USED),
    "anthropic signature": ([*ANTHROPIC_START, named({"type": "content_block_delta", "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        named({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta",
        "signature": "EqQB"}}), *ANTHROPIC_TEXT, named({"type": "content_block_delta", "index": 1,
        "delta": {"type": "citations_delta", "citation": {"cited_text": "no"}}}),
        *anthropic_end("end_turn")], H, "hm", [], "stop", USED),
    "anthropic legacy completion": ([named({"type": "completion", "completion": "Hello ",
        "stop_reason": None}), named({"type": "completion", "completion": "world.",
        "stop_reason": "stop_sequence"})], H, "", [], "stop", None),
    "responses call": ([*RESPONSE_START, *RESPONSE_CALL, of_responses("completed",
        response={**COMPLETED, "output": [CALLED]})], "", "", [ROME], "tool_calls", USED),
    "responses text and call": ([*RESPONSE_START, *RESPONSE_TEXT, *RESPONSE_CALL,
        of_responses("completed", response={**COMPLETED, "output": [MESSAGE, CALLED]})], H, "",
        [ROME], "tool_calls", USED),
    "responses reasoning": ([*RESPONSE_START, of_responses("output_item.added", output_index=0,
        item={"type": "reasoning", "id": "rs", "summary": []}),
        of_responses("reasoning_summary_part.added", output_index=0, part={"type": "summary_text",
        "text": ""}), of_responses("reasoning_summary_text.delta", output_index=0, delta="hm"),
        of_responses("reasoning_summary_text.done", output_index=0, text="hm"),
        of_responses("reasoning_summary_part.done", part={"type": "summary_text", "text": "hm"}),
        of_responses("output_item.done", output_index=0, item={"type": "reasoning", "id": "rs",
        "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"}),
        *RESPONSE_TEXT, of_responses("completed", response={**COMPLETED, "output": [MESSAGE]})], H,
        "hm", [], "stop", USED),
    "responses whole": ([whole({**COMPLETED, "output": [{"type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}]}, MESSAGE, CALLED]})], H, "hm", [ROME],
        "tool_calls", USED),
    "responses only the end": ([*RESPONSE_START, of_responses("completed", response={**COMPLETED,
        "output": [MESSAGE]})], H, "", [], "stop", USED),
    "responses incomplete": ([*RESPONSE_START, *RESPONSE_TEXT, of_responses("incomplete",
        response={**COMPLETED, "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"}, "output": [MESSAGE]})], H, "", [],
        "length", USED),
    "responses filter": ([*RESPONSE_START, *RESPONSE_TEXT, of_responses("incomplete",
        response={**COMPLETED, "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"}})], H, "", [], "content_filter", USED),
    "responses refusal": ([*RESPONSE_START, of_responses("refusal.delta", delta=H),
        of_responses("refusal.done", refusal=H), of_responses("completed", response=COMPLETED)], H,
        "", [], "stop", USED),
    "responses error event": ([*RESPONSE_START, of_responses("output_text.delta", delta="Hello "),
        event({"type": "error", "code": "server_error", "message": "boom", "param": None},
        "error")], "Hello ", "", [], "error:boom", None),
    "responses failed": ([*RESPONSE_START, of_responses("failed", response={**RESPONSE,
        "status": "failed", "error": {"code": "server_error", "message": "boom"}})], "", "", [],
        "error:boom", None),
    "responses mcp args are no text": ([*RESPONSE_START, of_responses("mcp_call_arguments.delta",
        delta='{"a"'), of_responses("code_interpreter_call_code.delta", delta="import x"),
        of_responses("web_search_call.searching", item_id="w"), of_responses("audio.delta",
        delta="UklGRg=="), *RESPONSE_TEXT, of_responses("completed", response=COMPLETED)], H, "",
        [], "stop", USED),
    "cohere v2 call": ([cohere("message-start", id="c", delta={"message": {"role": "assistant",
        "content": [], "tool_plan": "", "tool_calls": []}}), cohere("tool-plan-delta",
        delta={"message": {"tool_plan": "hm"}}), cohere("tool-call-start", index=0,
        delta={"message": {"tool_calls": {"id": "s_1", "type": "function",
        "function": {"name": SEARCH, "arguments": ""}}}}), cohere("tool-call-delta", index=0,
        delta={"message": {"tool_calls": {"function": {"arguments": '{"keyword": "R'}}}}),
        cohere("tool-call-delta", index=0,
        delta={"message": {"tool_calls": {"function": {"arguments": 'ome"}'}}}}),
        cohere("tool-call-end", index=0), cohere("tool-call-start", index=1,
        delta={"message": {"tool_calls": {"id": "s_2", "type": "function",
        "function": {"name": STATS, "arguments": "{}"}}}}), cohere_end("TOOL_CALL")], "", "hm",
        [ROME, (STATS, {})], "tool_calls", USED),
    "cohere v2 thinking": ([cohere("content-start", index=0,
        delta={"message": {"content": {"type": "thinking", "thinking": ""}}}),
        cohere("content-delta", index=0, delta={"message": {"content": {"thinking": "hm"}}}),
        cohere("content-delta", index=1, delta={"message": {"content": {"text": H}}}),
        cohere("citation-start", index=0, delta={"message": {"citations": {"start": 0,
        "text": "Hello"}}}), cohere_end("COMPLETE")], H, "hm", [], "stop", USED),
    "cohere v2 whole": ([whole({"id": "c", "finish_reason": "TOOL_CALL",
        "message": {"role": "assistant", "tool_plan": "hm", "content": [{"type": "text",
        "text": H}], "tool_calls": [{"id": "s", "type": "function", "function": {"name": SEARCH,
        "arguments": '{"keyword": "Rome"}'}}]}, "usage": {"tokens": {"input_tokens": 11,
        "output_tokens": 7}}})], H, "hm", [ROME], "tool_calls", USED),
    "cohere v2 max": ([cohere("content-delta", index=0,
        delta={"message": {"content": {"text": H}}}), cohere_end("MAX_TOKENS")], H, "", [],
        "length", USED),
    "cohere v2 error": ([cohere("content-delta", index=0,
        delta={"message": {"content": {"text": H}}}), cohere_end("ERROR")], H, "", [], "error:",
        None),
    "cohere v1": ([b'{"is_finished":false,"event_type":"stream-start","generation_id":"x"}\n',
        b'{"is_finished":false,"event_type":"text-generation","text":"Hello "}\n',
        b'{"is_finished":false,"event_type":"text-generation","text":"world."}\n',
        b'{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hello world.","generation_id":"x","chat_history":[{"role":"USER","message":"hello"},{"role":"CHATBOT","message":"Hello world."}],"meta":{"tokens":{"input_tokens":11,"output_tokens":7}}}}\n'],
        H, "", [], "stop", USED),
    "cohere v1 calls":
        ([b'{"event_type":"tool-calls-generation","tool_calls":[{"name":"search_chat_history","parameters":{"keyword":"Rome"}}]}\n',
        b'{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"","tool_calls":[{"name":"search_chat_history","parameters":{"keyword":"Rome"}}]}}\n'],
        "", "", [ROME], "tool_calls", None),
    "bedrock text and call": ([*BEDROCK_TEXT, *BEDROCK_CALL, *BEDROCK_END], H, "", [ROME],
        "tool_calls", USED),
    "bedrock two calls": ([BEDROCK_TEXT[0],
        event({"contentBlockStart": {"start": {"toolUse": {"toolUseId": "tu_0", "name": STATS}},
        "contentBlockIndex": 0}}), *BEDROCK_CALL, *BEDROCK_END], "", "", [(STATS, {}), ROME],
        "tool_calls", USED),
    "bedrock reasoning":
        ([event({"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}},
        "contentBlockIndex": 0}}),
        event({"contentBlockDelta": {"delta": {"reasoningContent": {"signature": "abc"}},
        "contentBlockIndex": 0}}), *BEDROCK_TEXT,
        event({"messageStop": {"stopReason": "end_turn"}}), BEDROCK_END[1]], H, "hm", [], "stop",
        USED),
    "bedrock whole": ([whole({"output": {"message": {"role": "assistant",
        "content": [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"text": H}, {"toolUse": {"toolUseId": "t", "name": SEARCH,
        "input": {"keyword": "Rome"}}}]}}, "stopReason": "tool_use", "usage": {"inputTokens": 11,
        "outputTokens": 7}, "metrics": {"latencyMs": 1}})], H, "hm", [ROME], "tool_calls", USED),
    "bedrock flat (sdk events)": ([event({"contentBlockIndex": 0, "delta": {"text": "Hello "},
        "p": "abc"}), event({"contentBlockIndex": 0, "delta": {"text": "world."}, "p": "abcdef"}),
        event({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t", "name": SEARCH}},
        "p": "a"}), event({"contentBlockIndex": 1,
        "delta": {"toolUse": {"input": '{"keyword": "Rome"}'}}}),
        event({"stopReason": "tool_use", "p": "x"}), event({"usage": {"inputTokens": 11,
        "outputTokens": 7}, "metrics": {"latencyMs": 1}})], H, "", [ROME], "tool_calls", USED),
    "bedrock binary": ([binary("messageStart", {"p": "ab", "role": "assistant"}),
        binary("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello "},
        "p": "ab"}), binary("contentBlockDelta", {"contentBlockIndex": 0,
        "delta": {"text": "world."}, "p": "ab"}), binary("contentBlockStop",
        {"contentBlockIndex": 0}), binary("messageStop", {"stopReason": "end_turn"}),
        binary("metadata", {"usage": {"inputTokens": 11, "outputTokens": 7}})], H, "", [], "stop",
        USED),
    "bedrock guardrail": ([*BEDROCK_TEXT,
        event({"messageStop": {"stopReason": "guardrail_intervened"}})], H, "", [],
        "content_filter", None),
    "bedrock llama invoke": ([event({"generation": "Hello ", "prompt_token_count": 11,
        "generation_token_count": 1, "stop_reason": None}), event({"generation": "world.",
        "prompt_token_count": None, "generation_token_count": 7, "stop_reason": "stop"})], H, "",
        [], "stop", USED),
    "bedrock titan": ([event({"outputText": "Hello world.", "index": 0,
        "totalOutputTextTokenCount": 7, "completionReason": "FINISH", "inputTextTokenCount": 11})],
        H, "", [], "stop", USED),
    "ollama native call":
        ([b'{"model":"q","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"search_chat_history","arguments":{"keyword":"Rome"}}}]},"done":false}\n',
        b'{"model":"q","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}\n'],
        "", "", [ROME], "tool_calls", USED),
    "dashscope native call":
        ([b'data:{"output":{"choices":[{"message":{"content":"","role":"assistant","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"search_chat_history","arguments":"{\\"keyword\\": \\"Rome\\"}"}}]},"finish_reason":"tool_calls"}]},"usage":{"input_tokens":11,"output_tokens":7}}\n\n'],
        "", "", [ROME], "tool_calls", USED),
    "dashscope text format":
        ([b'data:{"output":{"text":"Hello world.","finish_reason":"stop"},"usage":{"input_tokens":11,"output_tokens":7}}\n\n'],
        H, "", [], "stop", USED),
    "hf list": ([whole([{"generated_text": H}])], H, "", [], "stop", None),
    "cf workers ai call": ([whole({"result": {"response": None, "tool_calls": [{"name": SEARCH,
        "arguments": {"keyword": "Rome"}}], "usage": {"prompt_tokens": 11,
        "completion_tokens": 7}}, "success": True, "errors": [], "messages": []})], "", "", [ROME],
        "tool_calls", USED),
    "cf workers ai whole": ([whole({"result": {"response": H, "usage": {"prompt_tokens": 11,
        "completion_tokens": 7}}, "success": True, "errors": [], "messages": []})], H, "", [],
        "stop", USED),
    "ai sdk ui": ([event({"type": "start"}), event({"type": "text-start", "id": "t"}),
        event({"type": "text-delta", "id": "t", "delta": "Hello "}), event({"type": "text-delta",
        "id": "t", "delta": "world."}), event({"type": "text-end", "id": "t"}),
        event({"type": "finish", "finishReason": "stop"}), DONE], H, "", [], "stop", None),
    "dify": ([event({"event": "message", "task_id": "x", "answer": "Hello "}),
        event({"event": "message", "answer": "world."}), event({"event": "message_end",
        "metadata": {"usage": {"prompt_tokens": 11, "completion_tokens": 7}}})], H, "", [], "stop",
        USED),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("apart", [True, False])
async def test_reply_of_another_dialect_is_read(name, apart):
    """Text, reasoning, calls, usage and end are what was meant, in one read or many, each once."""
    pieces, text, reasoning, calls, end, usage = REPLIES[name]
    found = await read(*(pieces if apart else [b"".join(pieces)]), tools=SPECS)
    assert (found.text, found.reasoning, found.calls) == (text, reasoning, calls)
    if end.startswith("error:"):
        body = getattr(found.error, "body", None)
        said = found.error if body is None else refusal(SERVICE, "m", status=None, body=body)
        assert end.removeprefix("error:") in str(said)
    else:
        assert (found.error, found.finish.reason) == (None, end)
        assert usage is None or found.finish.usage == Usage(*usage)


BESIDE = [
    {"data": {"content": "queued"}},
    {"results": [{"title": "A", "content": "a page"}]},
    {"queue_position": 3, "text": "waiting"},
    {"type": "tool-output-available", "output": {"text": "found"}},
    {"type": "status", "data": {"text": "queued"}},
    {"type": "search_results", "results": [{"content": "a page"}]},
    {"type": "data-weather", "data": {"text": "sunny"}},
    {"event": "workflow_started", "data": {"inputs": {"text": "x"}}},
]


@pytest.mark.parametrize("note", BESIDE)
@pytest.mark.parametrize("native", [True, False])
async def test_notes_beside_a_reply_are_no_text(note, native):
    """Once a part of a reply came in its form, values of a less sure form add nothing to it."""
    texts = [
        named({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}})
        if native
        else chunk({"content": text})
        for text in ("Hello ", "world.")
    ]
    found = await read(texts[0], event(note), texts[1], event(note), DONE, tools=SPECS)
    assert (found.text, found.reasoning, found.calls, found.error) == (H, "", [], None)


async def test_array_of_objects_is_read_as_it_comes():
    """An array printed over many lines gives each object's text with its last line, at a cost that only adds up."""
    objects = [{"candidates": [{"content": {"parts": [{"text": f"{n} "}]}}]} for n in range(500)]
    lines = json.dumps(objects, indent=2).encode().splitlines(keepends=True)
    reader = ChunkReader()
    events = EventSplitter(reader)
    texts = []
    for line in lines[:-1]:
        events.feed(line)
        if text := reader.take()[0]:
            texts.append(text)
            assert line.rstrip().endswith((b"}", b"},"))
    assert texts == [f"{n} " for n in range(500)]
