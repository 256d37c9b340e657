"""Replies read from bytes: every dialect of a stream, cut anywhere, with noise between."""

import json
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.model_replies import Reads, events_of, read
from support.scripted_model import DONE, chunk, event
from support.tools import SPECS

from genpy_server.core.models import Usage
from genpy_server.errors import LlmBadToolCall, LlmCutOff
from genpy_server.llm import reply
from genpy_server.llm.base import Finish, TextDelta
from genpy_server.llm.chunks import ChunkReader
from genpy_server.llm.reply import EVENT_BYTES, EventSplitter, ReplyReader, ServiceError
from genpy_server.llm.trouble import Complaint

STOP = chunk({"content": ""}, "stop")


def cut(text):
    """A text whole, in two pieces cut at every place, and in equal pieces of some sizes."""
    for place in range(len(text)):
        yield text[:place], text[place:]
    for size in (1, 2, 3, 5, 8):
        yield tuple(text[place : place + size] for place in range(0, len(text), size))


def raw(content):
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % content


def loose(finish=None, **choice):
    return event({"choices": [{"index": 0, "finish_reason": finish, **choice}]})


HELLO = [chunk({"content": "Hello "}), chunk({"content": "world."}), STOP, DONE]
WHOLE = {"choices": [{"message": {"content": "Hello world."}, "finish_reason": "stop"}]}
ALL = b"".join(HELLO)
STREAMS = {
    "as the dialect has it": HELLO,
    "no blank line at the end": [*HELLO[:2], STOP[:-1]],
    "no line end behind the mark": [*HELLO[:3], b"data: [DONE]"],
    "text in a last line without end": [HELLO[0], chunk({"content": "world."}, "stop")[:-2]],
    "CR LF": [ALL.replace(b"\n", b"\r\n")],
    "CR": [ALL.replace(b"\n", b"\r")],
    "CR LF byte by byte": [bytes([b]) for b in ALL.replace(b"\n", b"\r\n")],
    "BOM": [b"\xef\xbb\xbf", ALL],
    "BOM byte by byte": [b"\xef", b"\xbb", b"\xbf", ALL],
    "no space": [ALL.replace(b"data: ", b"data:")],
    "comments": [b": hello\n\n:\n\n", HELLO[0], b": PROCESSING\n\n", *HELLO[1:]],
    "other fields": [b"id: 1\nretry: 5\n\n", *HELLO],
    "event names": [ALL.replace(b"data:", b"event: message\ndata:")],
    "ping with JSON": [b'event: ping\ndata: {"type": "ping"}\n\n', *HELLO],
    "ping with words": [HELLO[0], b"event: ping\ndata: ping\n\n", *HELLO[1:]],
    "keep-alive as data": [HELLO[0], b"data: keep-alive\n\n", b"data:\n\n", *HELLO[1:]],
    "noise of other types": [b"data: 1\n\ndata: null\n\ndata: [1]\n\n", *HELLO],
    "broken chunk between": [HELLO[0], b"data: {broken\n\n", *HELLO[1:]],
    "deep chunk between": [HELLO[0], b"data: " + b"[" * 100_000 + b"\n\n", *HELLO[1:]],
    "unknown event": [event({"type": "usage_info", "n": 1}, "usage"), *HELLO],
    "mark in small letters": [*HELLO[:3], b"data: [done]\n\n"],
    "mark as JSON": [*HELLO[:3], b'data: "[DONE]"\n\n'],
    "mark as event": [*HELLO[:3], b"event: done\ndata: {}\n\n"],
    "mark with a comma": [*HELLO[:2], b"data: [DONE],\n\n"],
    "mark of another word": [*HELLO[:2], b"data: [END]\n\n"],
    "mark as an event without data": [*HELLO[:2], b"event: close\n\n"],
    "mark as an end of file": [*HELLO[:2], b"event: eof\ndata: \n\n"],
    "mark alone": [*HELLO[:2], DONE],
    "finish without mark": [*HELLO[:3]],
    "garbage behind the mark": [ALL, b"data: {broken\n\n", b"\x00\x01"],
    "broken off behind the finish": [*HELLO[:3], httpx.ReadError("gone")],
    "parts": [loose(delta={"content": [{"type": "text", "text": "Hello world."}]}), STOP],
    "one part": [loose(delta={"content": {"type": "text", "text": "Hello world."}}), STOP],
    "message for delta": [loose(message={"content": "Hello world."}), STOP],
    "messages for deltas": [
        loose(message={"content": "Hello "}),
        loose("stop", message={"content": "world."}),
    ],
    "text for delta": [loose(text="Hello "), loose("stop", text="world.")],
    "delta as text": [loose(delta="Hello world."), STOP],
    "choices as one": [event({"choices": {"delta": {"content": "Hello world."}}}), STOP],
    "whole answer": [json.dumps(WHOLE).encode()],
    "whole answer in lines": [json.dumps(WHOLE, indent=2).encode() + b"\n"],
    "whole answer as an event": [event(WHOLE), DONE],
    "lines of JSON": [line.removeprefix(b"data: ") for line in HELLO[:3]],
    "Ollama's own API": [
        b'{"message":{"role":"assistant","content":"Hello "},"done":false}\n',
        b'{"message":{"content":"world."},"done":false}\n',
        b'{"done":true,"done_reason":"stop","message":{"content":""}}\n',
    ],
    "refusal": [chunk({"refusal": "Hello world."}), STOP],
    "refusal of a whole answer": [event({"choices": [{"message": {"content": None,
        "refusal": "Hello world."}, "finish_reason": "stop"}]})],
    "two choices in a chunk": [event({"choices": [{"index": 0, "delta": {"content": "Hello world."}},
        {"index": 1, "delta": {"content": "Other."}}]}), STOP],
    "two choices in turn": [HELLO[0], event({"choices": [{"index": 1, "delta": {"content": "No."}}]}),
        *HELLO[1:]],
    "index as text": [event({"choices": [{"index": "0", "delta": {"content": "Hello world."}}]}), STOP],
    "only choice is number 1": [event({"choices": [{"index": 1, "delta": {"content": "Hello world."},
        "finish_reason": "stop"}]})],
    "no index": [event({"choices": [{"delta": {"content": "Hello world."}}]}), DONE],
    "id as number": [event({"id": 7, "choices": [{"delta": {"content": "Hello world."}}]}), STOP],
    "choices null": [event({"choices": None}), *HELLO],
    "choices empty": [event({"choices": [], "prompt_filter_results": []}), *HELLO],
    "delta null": [*HELLO[:2], loose("stop", delta=None)],
    "finish reason as number": [*HELLO[:2], loose(1, delta={})],
    "finish reason empty": [loose("", delta={"content": "Hello "}), *HELLO[1:]],
    "finish reason null in words": [loose("null", delta={"content": "Hello "}), *HELLO[1:]],
    "finish reason with every chunk": [loose("stop", delta={"content": "Hello "}), *HELLO[1:]],
    "tab in a text": [raw(b"Hello\tworld.").replace(b"\t", b" "), STOP],
    "more of one word": [chunk({"content": "Hel"}), chunk({"content": "lo world."}), STOP],
    "think tags": [chunk({"content": "<think>\nA greeting"}), chunk({"content": ".\n</think>\n\n"}),
        *HELLO],
    "think tags inside": [chunk({"content": "Hello <think>hm</think> world."}), STOP],
    "reasoning": [chunk({"reasoning": "hm", "content": None}), *HELLO],
    "finish reason in the delta": [*HELLO[:2], loose(delta={"finish_reason": "stop"})],
    "finish reason beside the choices": [
        *HELLO[:2], event({"choices": [{"delta": {}}], "finish_reason": "stop"}),
    ],
    "finish reason beside odd choices": [
        *HELLO[:2], event({"choices": [{"index": "0", "delta": {}}], "finish_reason": "stop"}),
    ],
    "reasoning text": [chunk({"reasoning_text": "hm"}), *HELLO],
    "reasoning content": [chunk({"reasoning_content": "hm"}), *HELLO],
    "thinking part": [loose(delta={"content": [{"type": "thinking",
        "thinking": [{"type": "text", "text": "hm"}]}]}), *HELLO],
    "transcript": [loose(delta={"audio": {"transcript": "Hello world."}}), STOP],
    "one event over many lines": [b"data: ", json.dumps(
        {"choices": [{"delta": {"content": "Hello world."}}]}, indent=1).encode(), b"\n\n", STOP],
    "no blank lines": [ALL.replace(b"\n\n", b"\n")],
    "no blank lines, nor finish": [(HELLO[0] + HELLO[1] + DONE).replace(b"\n\n", b"\n")],
    "one event over many data lines": [b"".join(b"data: " + line + b"\n" for line in json.dumps(
        {"choices": [{"delta": {"content": "Hello world."}}]}, indent=1).encode().split(b"\n")),
        b"\n", STOP],
    "indented": [ALL.replace(b"data:", b" data:")],
    "field twice": [ALL.replace(b"data:", b"data: data:")],
    "field in capitals": [ALL.replace(b"data:", b"Data:")],
    "BOM before every event": [b"\xef\xbb\xbf" + piece for piece in HELLO],
    "NUL between": [HELLO[0], b"\0\0", *HELLO[1:]],
    "comma too many": [b'data: {"choices":[{"delta":{"content":"Hello world."},}],}\n\n', STOP],
    "as Python writes it": [event(str({"id": None, "choices": [{"delta": {"content": "Hello world."},
        "finish_reason": "stop"}]}))],
    "encoded twice": [event(json.dumps(json.dumps({"choices": [{"delta":
        {"content": "Hello world."}}]}))), STOP],
    "wrapped": [event({"code": 0, "message": "success", "data": {"choices": [{"delta":
        {"content": "Hello world."}, "finish_reason": "stop"}]}})],
    "wrapped in a list": [event({"data": [{"choices": [{"delta": {"content": "Hello world."},
        "finish_reason": "stop"}]}]})],
    "whole answer wrapped": [json.dumps({"success": True, "result": WHOLE, "errors": []}).encode()],
    "content without choices": [event({"content": "Hello ", "stop": False}),
        event({"content": "world.", "stop": False}), event({"content": "", "stop": True})],
    "response without choices": [b'{"response":"Hello ","done":false}\n',
        b'{"response":"world.","done":true,"done_reason":"stop"}\n'],
    "state as an event": [HELLO[0], event({"message": "still working"}, "status"), *HELLO[1:]],
    "state as a chunk": [event({"type": "status", "message": "queued"}), *HELLO],
    "success as a chunk": [event({"code": 0, "msg": "success", "message": "ok"}), *HELLO],
    "error that is none": [event({"error": {"code": 0, "message": ""}, "choices": [{"delta":
        {"content": "Hello world."}, "finish_reason": "stop"}]})],
    "errors that are none": [event({"error": {}, "errors": [], "base_resp": {"status_code": 0},
        "choices": [{"delta": {"content": "Hello world."}, "finish_reason": "stop"}]})],
    "mark bare": [*HELLO[:2], b"[DONE]\n"],
    "mark as type": [*HELLO[:2], event({"type": "done"})],
    "mark as truth": [*HELLO[:2], event({"done": True})],
    "mark of another dialect": [*HELLO[:2], event({"type": "message_stop"}, "message_stop")],
    "parts in parts": [loose(delta={"content": [[{"type": "text", "text": "Hello world."}]]}), STOP],
    "text beside an empty delta": [loose(delta={}, text="Hello world."), STOP],
    "finish beside choices": [*HELLO[:2], event({"choices": [], "finish_reason": "stop"})],
    "finish by another name": [*HELLO[:2], loose(delta={"content": ""}, stop_reason="end_turn")],
    "finish in camel case": [*HELLO[:2], loose(delta={"content": ""}, finishReason="stop")],
    "finish as object": [*HELLO[:2], loose({"type": "stop"}, delta={})],
    "finish of another choice": [*HELLO[:2], loose("stop", delta={}, index=1)],
    "index counts chunks": [event({"choices": [{"index": 0, "delta": {"content": "Hello "}}]}),
        event({"choices": [{"index": 1, "delta": {"content": "world."}, "finish_reason": "stop"}]})],
    "whole answer without finish": [json.dumps({"choices": [{"message":
        {"content": "Hello world."}}]}).encode()],
    "array of chunks": [b'[{"choices":[{"delta":{"content":"Hello "}}]},',
        b'{"choices":[{"delta":{"content":"world."},"finish_reason":"stop"}]}]'],
    "array of chunks in lines": [b'[{"choices":[{"delta":{"content":"Hello "}}]}\n,\n',
        b'{"choices":[{"delta":{"content":"world."},"finish_reason":"stop"}]}\n]'],
    "chunks in one line": [b'{"choices":[{"delta":{"content":"Hello "}}]}',
        b'{"choices":[{"delta":{"content":"world."},"finish_reason":"stop"}]}'],
    "chunks in one event": [b'data: {"choices":[{"delta":{"content":"Hello "}}]}',
        b'{"choices":[{"delta":{"content":"world."},"finish_reason":"stop"}]}\n\n'],
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
async def test_text_that_came_is_the_reply(name):
    """Whatever a service puts around it, the text is shown whole and the reply is done."""
    found = await read(*STREAMS[name])
    assert (found.text, found.error) == ("Hello world.", None)
    assert found.finish.reason == "stop"


@pytest.mark.parametrize("name", STREAMS)
async def test_reply_in_one_read_is_the_same(name):
    """What comes in one read is read as what comes in many."""
    pieces = STREAMS[name]
    last = [piece for piece in pieces if isinstance(piece, Exception)]
    whole = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    found = await read(whole, *last)
    assert (found.text, found.error) == ("Hello world.", None)


async def test_short_answer_behind_its_stream_is_not_said_twice():
    """A last chunk with the finish reason that repeats all text and reasoning adds nothing."""
    whole = {"choices": [{"message": {"content": "Hi.", "reasoning_content": "hm"},
        "finish_reason": "stop"}]}  # fmt: skip
    found = await read(chunk({"reasoning_content": "hm"}), chunk({"content": "Hi."}), event(whole))
    assert (found.text, found.reasoning) == ("Hi.", "hm")


async def test_whole_answer_behind_its_stream_is_not_said_twice():
    """A last chunk that repeats the whole message adds what was not said before."""
    whole = {"choices": [{"message": {"content": "Hello, whole wide world."}}]}
    found = await read(chunk({"content": "Hello, whole wide "}), event(whole), STOP)
    assert found.text == "Hello, whole wide world."


THOUGHTS = {
    "in the same chunk": [chunk({"content": "Hello", "reasoning_content": "hm"})],
    "thinking": [chunk({"thinking": "hm"}), chunk({"content": "Hello"})],
    "details": [chunk({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
                chunk({"content": "Hello"})],
    "summary": [chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}),
                chunk({"content": "Hello"})],
    "object": [loose(delta={"reasoning": {"text": "hm"}}), chunk({"content": "Hello"})],
    "blocks": [chunk({"thinking_blocks": [{"type": "thinking", "thinking": "hm"}]}),
               chunk({"content": "Hello"})],
    "blocks and text": [chunk({"reasoning_content": "hm", "thinking_blocks": [{"type": "thinking",
        "thinking": "hm"}]}), chunk({"content": "Hello"})],
    "both names": [chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk({"content": "Hello"})],
}  # fmt: skip


@pytest.mark.parametrize("name", THOUGHTS)
async def test_reasoning_is_read_wherever_it_stands(name):
    """Whatever services call what the model thinks, it is kept once, apart from the text."""
    found = await read(*THOUGHTS[name], STOP)
    assert (found.text, found.reasoning, found.error) == ("Hello", "hm", None)


async def test_lines_that_are_events_are_told_as_they_come():
    """Without blank lines between the events, a text waits for no more than the next one."""
    reader = ReplyReader(
        Reads(HELLO[0][:-1], HELLO[1][:-1], b"", STOP),
        quota=None, token_seconds=60.0, max_tokens=100,
    )  # fmt: skip
    assert await anext(reader.events()) == (TextDelta("Hello "),)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"c", "c"),
        ("é🙂".encode(), "é🙂"),
        (rb"\n\"c\"", '\n"c"'),
        (b"\xff", "\ufffd"),
        (b"a\tb", "a\tb"),
        (b'","tool_calls":[],"refusal":"', ""),
        (b"", ""),
    ],
)
async def test_chunk_that_differs_in_its_text_alone_is_read_whole(content, text):
    """The short way for chunks of one form takes no other chunk for one of them."""
    found = await read(*[raw(b"ab")] * 3, raw(content), raw(content) * 2, raw(b"z"), STOP)
    assert (found.text, found.error) == ("ab" * 3 + text * 3 + "z", None)


NOISE = [
    b": ping\n\n",
    b"\n",
    b"event: ping\ndata: {}\n\n",
    b"data: keep-alive\n\n",
    b'data: {"type":"ping"}\n\n',
    b"data: {broken\n\n",
    b"id: 1\nretry: 2\n\n",
    event({"choices": []}),
    event({"choices": None, "usage": None}),
    chunk({}),
]


@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=6), max_size=8
    ),
    noise=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(NOISE)), max_size=8),
    ends=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(0, 4_000), max_size=30),
    escaped=st.booleans(),
)
async def test_any_stream_cut_anywhere_gives_its_text(texts, noise, ends, cuts, escaped):
    """A valid stream, cut into any reads, with noise between its events, gives the same text, and U+FFFD for NUL."""
    events = [
        event(json.dumps({"choices": [{"delta": {"content": text}}]}, ensure_ascii=escaped))
        for text in texts
    ]
    for place, piece in noise:
        events.insert(min(place, len(events)), piece)
    stream = b"".join([*events, STOP, DONE]).replace(b"\n", ends)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = await read(*(stream[a:b] for a, b in pairwise(edges)))
    assert (found.text, found.error) == ("".join(texts).replace("\0", "\ufffd"), None)
    assert found.finish.reason == "stop"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([raw(b"Hi \xf0\x9f there.")], "Hi \ufffd there."),
        ([raw(b"gr\xfc\xdfe")], "gr\ufffd\ufffde"),
        ([raw(rb"\ud83d"), raw(rb"\ude42")], "🙂"),
        ([raw(rb"a\ud83d"), raw(rb"b")], "a\ufffdb"),
        ([raw(rb"\ude42 low")], "\ufffd low"),
        ([raw(rb"high \ud83d")], "high \ufffd"),
        ([raw(rb"\ud83d\ude42")], "🙂"),
        ([raw(b"a\tb")], "a\tb"),
        ([raw(rb"a\u0000b")], "a\ufffdb"),
        ([chunk({"content": 12.5})], "12.5"),
        ([chunk({"content": "x" * 3_000_000})], "x" * 3_000_000),
    ],
)
async def test_broken_text_is_mended(pieces, text):
    """Bytes and halves of characters that mean nothing are replaced, and those that fit joined."""
    found = await read(*pieces, STOP, DONE)
    assert found.text == text
    assert found.error is None


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 12, "completion_tokens": 3}, Usage(12, 3)),
        ({"prompt_tokens": 12.0, "completion_tokens": 3.5}, Usage(12, 3)),
        ({"prompt_tokens": "12", "completion_tokens": "3"}, Usage(12, 3)),
        ({"input_tokens": 12, "output_tokens": 3}, Usage(12, 3)),
        ({"billed_units": {"input_tokens": 12, "output_tokens": 3}}, Usage(12, 3)),
        ({"timings": {"prompt_n": 12, "predicted_n": 3}}, Usage(12, 3)),
        ({"prompt_tokens": -5, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": 10**25, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": None, "completion_tokens": [3]}, Usage()),
        ({"prompt_tokens": "many", "completion_tokens": True}, Usage()),
        ({}, Usage()),
        ("none", Usage()),
        (7, Usage()),
    ],
)
@pytest.mark.parametrize("place", ["chunk", "own", "groq", "choice", "odd choice"])
async def test_usage_of_any_type_costs_no_reply(usage, counted, place):
    """Counts are read where they are some, and ignored where they are not."""
    last = {
        "chunk": [chunk({}, "stop", usage=usage)],
        "own": [STOP, event({"choices": [], "usage": usage})],
        "groq": [chunk({}, "stop", x_groq={"usage": usage})],
        "choice": [loose("stop", delta={}, usage=usage)],
        "odd choice": [loose("stop", delta=None, usage=usage)],
    }[place]
    found = await read(HELLO[0], *last, DONE)
    assert (found.text, found.error) == ("Hello ", None)
    assert found.finish.usage == counted


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("eos_token", "stop"),
        ("token_limit", "length"),
        ("MAX_OUTPUT_TOKENS", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filter", "content_filter"),
        ("Content-Filter", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("moderation", "content_filter"),
        ("max_new_tokens", "length"),
        ("truncated", "length"),
        ("incomplete", "length"),
        ("policy_violation", "content_filter"),
        ("unsafe", "content_filter"),
        ("ERROR_TOXIC", "content_filter"),
    ],
)
async def test_end_of_a_reply_has_a_name(reason, named):
    """Services call the ends of a reply differently; the filter's is an end of its own."""
    found = await read(HELLO[0], chunk({}, reason))
    assert (found.text, found.finish.reason) == ("Hello ", named)


ERRORS = {
    "event": event({"error": {"message": "boom", "code": 502}}, "error"),
    "event without error": event({"message": "boom"}, "error"),
    "event of words": b"event: error\ndata: boom\n\n",
    "chunk": event({"error": {"message": "boom"}}),
    "chunk with choices": event({"error": {"message": "boom"}, "choices": [{"delta": {},
        "finish_reason": "error"}]}),
    "choice": loose("error", delta={}, error={"message": "boom"}),
    "words": event({"error": "boom"}),
    "x_groq": chunk({}, x_groq={"error": {"message": "boom"}}),
    "line": b'error: {"message": "boom", "code": 500}\n\n',
    "bare JSON": b'{"error": {"message": "boom"}}\n',
    "bare JSON without line end": b'{"error": {"message": "boom"}}',
    "array": event([{"error": {"message": "boom"}}]),
    "array in an error": event({"error": ["boom", "b"]}),
    "detail": event({"detail": "boom"}),
    "message": event({"message": "boom", "type": "error"}),
    "message alone": event({"message": "boom"}),
    "true": event({"error": True, "message": "boom"}),
    "object": event({"object": "error", "message": "boom", "code": 400}),
    "type": event({"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}),
    "broken UTF-8": b'event: error\ndata: {"error": {"message": "boom \xf0\x9f"}}\n\n',
    "success is false": event({"success": False, "message": "boom"}),
    "status and words": event({"status": "error", "msg": "boom"}),
    "code and words": event({"code": 1001, "msg": "boom"}),
    "error_msg": event({"error_code": 17, "error_msg": "boom"}),
    "err": event({"err": "boom"}),
    "capital": event({"Error": "boom"}),
    "problem": event({"title": "boom", "status": 500}),
    "camel case": event({"errorMessage": "boom"}),
    "fault": event({"fault": {"faultstring": "boom"}}),
    "status object": event({"status": {"code": 8, "message": "boom"}}),
    "base_resp": event({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "boom"}}),
    "words in brackets": b"data: [ERROR] boom\n\n",
    "words of an error": b"data: Error: boom\n\n",
    "traceback": b"data: Traceback (most recent call last): boom\n\n",
    "exception": event({"exception": "boom"}),
    "errors by field": event({"errors": {"model": ["boom"]}}),
    "wrapped": event({"data": {"error": {"message": "boom"}}}),
    "in a response": event({"type": "response.failed", "response": {"error": {"message": "boom"}}}),
    "in a delta": loose(delta={"error": "boom"}),
    "errmsg": event({"errcode": 40001, "errmsg": "boom"}),
    "capital message": event({"ErrorCode": "x", "ErrorMessage": "boom"}),
    "error_message": event({"error_message": "boom"}),
    "metadata": event({"ResponseMetadata": {"Error": {"Code": "x", "Message": "boom"}}}),
    "beside a finish reason": event({"finish_reason": "error", "error_message": "boom"}),
    "beside that of a choice": loose("error", delta={"content": ""}, message="boom"),
    "another event": event({"message": "boom"}, "exception"),
    "an event of words": b"event: failed\ndata: boom\n\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("apart", [True, False])
async def test_error_in_a_stream_keeps_its_reason_and_the_text(name, apart):
    """However a service says that it failed, its words are known, and what came before is kept."""
    pieces = (HELLO[0], ERRORS[name]) if apart else (HELLO[0] + ERRORS[name],)
    found = await read(*pieces)
    assert found.text == "Hello "
    assert isinstance(found.error, ServiceError)
    assert "boom" in json.dumps(found.error.body)


@pytest.mark.parametrize("name", ERRORS)
async def test_error_before_the_closing_mark_keeps_its_reason(name):
    """A stream that has only an error and the closing mark fails with that error."""
    found = await read(ERRORS[name], DONE)
    assert isinstance(found.error, ServiceError)
    assert "boom" in json.dumps(found.error.body)


async def test_words_instead_of_an_end_are_the_reason():
    """A stream that breaks off with a line of words failed for that reason."""
    found = await read(HELLO[0], b"upstream boom before the end\n")
    assert (found.text, found.error.body) == ("Hello ", "upstream boom before the end")


@pytest.mark.parametrize("name", ERRORS)
def test_the_reason_of_an_error_is_quoted(name):
    """Whatever form a service gives its reason, the sentence that is shown has it."""
    reader = ChunkReader()
    events = EventSplitter(reader)
    events.feed(ERRORS[name])
    events.end()
    assert "boom" in Complaint(reader.error or reader.suspect).quoted


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([HELLO[0]], "Hello "),
        ([HELLO[0], httpx.ReadError("reset")], "Hello "),
        ([HELLO[0], b"data: " + b"x" * (EVENT_BYTES + 10)], "Hello "),
        ([HELLO[0], chunk({}, "network_error")], "Hello "),
        ([HELLO[0], chunk({}, "aborted")], "Hello "),
        ([HELLO[0], chunk({}, "timeout")], "Hello "),
        ([HELLO[0], chunk({}, "engine_overloaded")], "Hello "),
        ([HELLO[0], chunk({}, "interrupted")], "Hello "),
        ([HELLO[0], b"data: {broken\n\n"], "Hello "),
        ([], ""),
    ],
)
async def test_reply_without_an_end_is_cut_off_after_its_text(pieces, text):
    """A stream that just stops is not a whole reply, and what came of it is given first."""
    found = await read(*pieces)
    assert found.text == text
    assert isinstance(found.error, LlmCutOff | httpx.ReadError)


@pytest.mark.parametrize(
    "page",
    [
        b"<html><h1>Sign in</h1></html>",
        b'<html>\n<style>\n.a {content: 1}\n</style>\n<script>\n{"content": "no"}\n</script>\n</html>',
        b"hello",
        b"data: {nonsense\n\n",
        b"body {color: red}",
    ],
)
async def test_what_is_no_reply_is_said(page):
    """An answer that holds nothing of a reply is known by what it holds."""
    found = await read(page)
    assert isinstance(found.error, ServiceError)
    assert "unreadable" in found.error.body


async def test_reply_that_never_ends_is_cut_at_its_length():
    """A model that ignores the limit of tokens is stopped far beyond it."""
    found = await read(*[chunk({"content": "ha" * 10_000})] * 400, max_tokens=16)
    assert found.finish.reason == "length"
    assert len(found.text) < 5_000_000


@pytest.mark.parametrize(
    "quiet", [b": ping\n\n", chunk({}), chunk({"tool_calls": [{"index": 0, "id": "a"}]})]
)
async def test_signs_of_life_alone_are_no_reply(monkeypatch, quiet):
    """A service that keeps a stream open without a part of the reply is too slow in the end."""
    monkeypatch.setattr(reply, "QUIET_SECONDS", 0.0)

    class Endless:
        limit = 0.0

        async def read(self):
            return quiet

    reader = ReplyReader(Endless(), quota=None, token_seconds=0.0, max_tokens=100)
    with pytest.raises(httpx.ReadTimeout):
        await anext(reader.events())


async def test_long_text_comes_in_more_than_one_delta():
    """A delta has a bounded size whatever one event holds."""
    reader = ReplyReader(
        Reads(chunk({"content": "x" * 100_000}), STOP),
        quota=None, token_seconds=1.0, max_tokens=2048,
    )  # fmt: skip
    sizes = [len(item.text) async for item in events_of(reader) if isinstance(item, TextDelta)]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 32_000


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("<think>\nhm\n</think>\n\nHello", "Hello", "\nhm\n"),
        ("  <THINK>hm</THINK>Hello", "Hello", "hm"),
        ("<thinking>hm</thinking>Hello", "Hello", "hm"),
        ("[THINK]hm[/THINK]Hello", "Hello", "hm"),
        ("\u25c1think\u25b7hm\u25c1/think\u25b7Hello", "Hello", "hm"),
        ("<think>a</think><think>b</think>Hello", "Hello", "ab"),
        ("<|begin_of_thought|>hm<|end_of_thought|>Hello", "Hello", "hm"),
        ("<|channel|>analysis<|message|>hm<|channel|>final<|message|>Hello", "Hello", "hm"),
        ("<think></think>Hello", "Hello", ""),
        ("<think>only", "", "only"),
        ("Say <think>hm</think> hello", "Say hello", "hm"),
        ("The `<think>` tag", "The `<think>` tag", ""),
        ("```\n<think>x</think>\n```\n", "```\n<think>x</think>\n```\n", ""),
        ("a <think> b", "a <think> b", ""),
        ("1 < 2 and <b>", "1 < 2 and <b>", ""),
        ("hm</think>\n\nHello", "hmHello", ""),
        ("<longcat_think>hm</longcat_think>Hello", "Hello", "hm"),
        ("<thoughts>hm</thoughts>Hello", "Hello", "hm"),
        ('<think duration="3">hm</think>Hello', "Hello", "hm"),
        ("<think/>Hello", "Hello", ""),
        ("&lt;think&gt;hm&lt;/think&gt;Hello", "Hello", "hm"),
        ('<details type="reasoning" done="true">hm</details>\nHello', "Hello", "hm"),
        ("<think>\u0130\u0130\u0130</think>Hello", "Hello", "\u0130\u0130\u0130"),
        ("<think>hm</thinking>Hello", "Hello", "hm"),
        ("[THINK]hm</think>Hello", "Hello", "hm"),
        ("<think>hm</think><output>Hello</output>", "Hello", "hm"),
        (
            "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>Hello<|end_of_solution|>",
            "Hello",
            "hm",
        ),
        ("<|inner_prefix|>hm<|inner_suffix|>Hello", "Hello", "hm"),
        ("<|channel>thought\nhm<channel|>Hello", "Hello", "\nhm"),
        ("hm<channel|>Hello", "hmHello", ""),
        ("Here is my thought process: hm Here is my response: Hello", "Hello", " hm "),
        ("<think>hm</think>\n<answer>\nHello\n</answer>", "Hello\n", "hm"),
        ("<answer>Hello</answer>", "<answer>Hello</answer>", ""),
        ("<think>hm</think><response><a>1</a></response>", "<response><a>1</a></response>", "hm"),
        ("Here is my thought process: hm", "Here is my thought process: hm", " hm"),
        ("<details>x</details>", "<details>x</details>", ""),
        ("analysisWe greet.assistantfinalHello", "Hello", "We greet."),
        ("analysis of it", "analysis of it", ""),
        ("analysisWe", "analysisWe", "We"),
        (
            (
                "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|>"
                "<|start|>assistant<|channel|>final<|message|>Hello"
            ),
            "Hello",
            "ab",
        ),
        (
            "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>Hello",
            "I look.\n\nHello",
            "",
        ),
        ("a <think about", "a <think about", ""),
    ],
)
async def test_reasoning_in_tags_is_no_text(text, said, thought):
    """What stands between think tags is reasoning, wherever the text is cut; code is not."""
    for pieces in cut(text):
        found = await read(*(chunk({"content": piece}) for piece in pieces), STOP)
        assert (found.text, found.reasoning) == (said, thought), pieces


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello.</s>", "Hello."),
        ("Hello</s>", "Hello"),
        ("Hello. </s>", "Hello. "),
        ("Hello </s></s>", "Hello "),
        ("Hello.<|im_end|>\n", "Hello."),
        ("Hello.\n<|eot_id|>", "Hello.\n"),
        ("Hello 🙂 <end_of_turn>", "Hello 🙂 "),
        ("Hello.[/INST]", "Hello."),
        ("Hello.\n[/INST]\n", "Hello.\n"),
        ("Hello.<|endoftext|></s>", "Hello."),
        ("Hello.\n<|im_end|>\nBye.", "Hello.\nBye."),
        ("Hello.\n<|im_end|>\n<|im_start|>user\nAnd you?", "Hello.\n"),
        ("Hello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd?", "Hello."),
        ("Hello.\n<|user|>\nAnd you?", "Hello.\n"),
        ("Hello.</s><s>[INST] And you? [/INST]", "Hello."),
        ("<|im_start|>assistant\nHello.<|im_end|>", "Hello."),
        ("<|channel|>final<|message|>Hello.<|return|>", "Hello."),
        ("```\nx\n```</s>", "```\nx\n```"),
        ("Write `</s>`.</s>", "Write `</s>`."),
        ("<|im_end|>", ""),
        ("Hello.<|user|>", "Hello."),
        ("Hello.<|observation|>", "Hello."),
        ("Hello.<\uff5cend\u2581of\u2581sentence\uff5c>", "Hello."),
        ("Hello.<pad><pad>", "Hello."),
        ("The mark of a person is <|user|>", None),
        # what a message says of them
        ("Hello </s> and <|im_end|> are marks.", None),
        ("The mark of Llama is </s>", None),
        ("The mark is `</s>`", None),
        ("```\n<|im_start|>user\nHi<|im_end|>\n```\n", None),
        ("```\nprint(1)\n</s>", None),
        ("The marks:\n\n<|im_end|>\n</s>\n", None),
        ("A turn:\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>", None),
        ("It costs <s>5</s> 4, or <s>4</s>", None),
        ("a [link](x), a[i] < b[0] and [", None),
        ("[I", None),
        ("</section>", None),
    ],
)
async def test_control_marks_are_no_text(text, said):
    """The marks of a template that end a reply are cut, wherever it is cut; those it speaks of are not."""
    for opened in (False, True):
        for pieces in cut(text):
            found = await read(*(chunk({"content": p}) for p in pieces), STOP, opened=opened)
            assert (found.text, found.reasoning * (not opened)) == (
                text if said is None else said,
                "",
            )


async def test_reply_ends_where_another_turn_begins():
    """A model that goes on with the person's turn is not read on."""
    rest = [chunk({"content": "<|im_end|>\n<|im_start|>user\nAnd?"}), AssertionError("read on")]
    found = await read(HELLO[0], *rest)
    assert (found.text, found.error, found.finish.reason) == ("Hello ", None, "stop")


@pytest.mark.parametrize(
    ("text", "chars"),
    [("hm</think>\n\nHello", 2), ("h\n</think>Hello", 2), ("Hello", 0), ("`</think>`", 0)],
)
async def test_the_finish_says_how_much_of_the_text_was_reasoning(text, chars):
    """Where only the end of reasoning is marked, the text before it is counted as such."""
    for pieces in ([text], list(text)):
        found = await read(*(chunk({"content": piece}) for piece in pieces), STOP)
        assert found.finish.reasoning_chars == chars


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 8}}, 8),
        ({"input_tokens_details": {"cached_tokens": 8}}, 8),
        ({"prompt_cache_hit_tokens": 8}, 8),
        ({"cache_read_input_tokens": 8}, 8),
        ({"prompt_tokens_details": None}, 0),
        ({"prompt_tokens_details": {"cached_tokens": "many"}}, 0),
    ],
)
async def test_tokens_of_a_cache_are_counted(usage, cached):
    """The names that services have for them are read, and what is not a count is none."""
    counts = {"prompt_tokens": 11, "completion_tokens": 7, **usage}
    found = await read(chunk({"content": "x"}), chunk(finish="stop", usage=counts))
    assert found.finish.usage == Usage(11, 7, cached)


async def test_reasoning_that_the_template_began_is_known_the_next_time():
    """Where only the end of reasoning is in a reply, later replies are taken to begin in it."""
    found = await read(chunk({"content": "hm</think>\nHello"}), STOP, opened=True)
    assert (found.text, found.reasoning) == ("Hello", "hm")
    found = await read(chunk({"content": "Hello"}), STOP, opened=True)
    assert found.text == "Hello"


HISTORY, STATS, ALL_OF = "search_chat_history", "get_session_stats", "get_all_sessions"
ROME = (HISTORY, {"keyword": "Rome"})


def fn(name=None, arguments=None, **more):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return {**more, "function": function}


CALLS = {
    "fragments": ([fn(HISTORY, "", index=0, id="a"), fn(None, '{"keyword": "R', index=0),
                   fn(None, 'ome"}', index=0)], [ROME]),
    "id repeated without index": ([fn(HISTORY, '{"keyword":', id="a"), fn(None, ' "Rome"}', id="a")],
                                  [ROME]),
    "new id with every fragment": ([fn(HISTORY, "", index=0, id="a"),
                                    fn(None, '{"keyword":', index=0, id="b"),
                                    fn(None, ' "Rome"}', index=0, id="c")], [ROME]),
    "new id and the name again": ([fn(HISTORY, "", index=0, id="a"),
                                   fn(HISTORY, '{"keyword":', index=0, id="b"),
                                   fn(HISTORY, ' "Rome"}', index=0, id="c")], [ROME]),
    "index counts fragments": ([fn(HISTORY, "", index=0, id="a"), fn(None, '{"keyword":', index=1),
                                fn(None, ' "Rome"}', index=2)], [ROME]),
    "neither index nor id": ([fn(HISTORY, '{"keyword":'), fn(None, ' "Rome"}')], [ROME]),
    "name with every fragment": ([fn(HISTORY, '{"keyword":'), fn(HISTORY, ' "Rome"}')], [ROME]),
    "name in pieces": ([fn("get_", "", index=0, id="a"), fn("session_stats", "", index=0)],
                       [(STATS, {})]),
    "two, interleaved": ([fn(HISTORY, '{"keyword":', index=0, id="a"), fn(STATS, "{", index=1, id="b"),
                          fn(None, ' "Rome"}', index=0), fn(None, "}", index=1)],
                         [ROME, (STATS, {})]),
    "two, interleaved by id": ([fn(HISTORY, '{"keyword":', id="a"), fn(STATS, "{", id="b"),
                                fn(None, ' "Rome"}', id="a"), fn(None, "}", id="b")],
                               [ROME, (STATS, {})]),
    "two of one id": ([fn(STATS, "{}", index=0, id="a"), fn(ALL_OF, "{}", index=1, id="a")],
                      [(STATS, {}), (ALL_OF, {})]),
    "two of one index": ([fn(STATS, "{}", index=0, id="a"), fn(ALL_OF, "{}", index=0, id="b")],
                         [(STATS, {}), (ALL_OF, {})]),
    "two without anything": ([fn(STATS, "{}"), fn(ALL_OF, "{}")], [(STATS, {}), (ALL_OF, {})]),
    "one tool twice": ([fn(HISTORY, ""), fn(None, '{"keyword": "Rome"}'), fn(HISTORY, ""),
                        fn(None, '{"keyword": "Oslo"}')], [ROME, (HISTORY, {"keyword": "Oslo"})]),
    "whole call repeated": ([fn(STATS, "{}", index=0, id="a"), fn(STATS, "{}", index=0, id="a")],
                            [(STATS, {})]),
    "empty fragment last": ([fn(STATS, "{}", index=0, id="a"), fn("", "", index=0, id="")],
                            [(STATS, {})]),
    "id and index of other types": ([fn(HISTORY, '{"keyword": "Rome"}', index="0", id=7)], [ROME]),
    "arguments as object": ([fn(HISTORY, {"keyword": "Rome"}, index=0, id="a")], [ROME]),
    "arguments as list": ([fn(HISTORY, ["Rome"], index=0, id="a")], [ROME]),
    "arguments as list of one object": ([fn(HISTORY, [{"keyword": "Rome"}])], [ROME]),
    "arguments encoded twice": ([fn(HISTORY, json.dumps('{"keyword": "Rome"}'))], [ROME]),
    "arguments as Python": ([fn(HISTORY, "{'keyword': 'Rome'}")], [ROME]),
    "arguments in a fence": ([fn(HISTORY, '```json\n{"keyword": "Rome"}\n```')], [ROME]),
    "arguments twice": ([fn(HISTORY, '{"keyword": "Rome"}{"keyword": "Rome"}')], [ROME]),
    "arguments empty": ([fn(STATS, "", index=0, id="a")], [(STATS, {})]),
    "arguments null": ([{"id": "a", "function": {"name": STATS, "arguments": None}}], [(STATS, {})]),
    "arguments null in words": ([fn(STATS, "null")], [(STATS, {})]),
    "parameters": ([{"id": "a", "function": {"name": HISTORY, "parameters": {"keyword": "Rome"}}}],
                   [ROME]),
    "name prefixed": ([fn(f"functions.{STATS}", "{}")], [(STATS, {})]),
    "name with more behind": ([fn(f"{STATS}<|channel|>json", "{}")], [(STATS, {})]),
    "name spelt otherwise": ([fn("Get-Session-Stats", "{}")], [(STATS, {})]),
    "name unknown": ([fn("web_search", '{"q": "x"}')], [("web_search", {"q": "x"})]),
    "without function": ([{"index": 0, "id": "a", "name": STATS, "arguments": "{}"}], [(STATS, {})]),
    "calls in a list": ([[fn(STATS, "{}")]], [(STATS, {})]),
    "nothing among them": ([None, fn(STATS, "{}")], [(STATS, {})]),
    "calls as text": ([json.dumps([fn(STATS, "{}")])], [(STATS, {})]),
    "function as text": ([{"id": "a", "function": STATS, "arguments": "{}"}], [(STATS, {})]),
    "arguments over lines": ([fn(HISTORY, '{"keyword":\n "Rome"\n}')], [ROME]),
    "arguments with an end mark": ([fn(HISTORY, '{"keyword": "Rome"}</s>')], [ROME]),
    "arguments without quotes": ([fn(HISTORY, '{keyword: "Rome"}')], [ROME]),
    "arguments in arguments": ([fn(HISTORY, '{"arguments": {"keyword": "Rome"}}')], [ROME]),
    "arguments with the name": ([fn(HISTORY, json.dumps(
        {"name": HISTORY, "parameters": {"keyword": "Rome"}}))], [ROME]),
    "arguments of two calls in one": ([fn(HISTORY, '{}{"keyword": "Rome"} {"keyword": "Oslo"}', id="a")],
        [ROME, (HISTORY, {"keyword": "Oslo"})]),
    "arguments without their last bracket": ([fn(HISTORY, '{"keyword": "Rome"')], [ROME]),
    "arguments without their first bracket": ([fn(HISTORY, '"keyword": "Rome"}')], [ROME]),
    "arguments as in Python": ([fn(HISTORY, 'keyword="Rome"')], [ROME]),
    "arguments as a call in Python": ([fn(HISTORY, "(keyword='Rome')")], [ROME]),
    "arguments as a word": ([fn(HISTORY, "Rome")], [ROME]),
    "input": ([{"id": "a", "type": "tool_use", "name": HISTORY, "input": {"keyword": "Rome"}}], [ROME]),
    "args": ([{"id": "a", "name": HISTORY, "args": {"keyword": "Rome"}}], [ROME]),
    "tool and params": ([{"tool": HISTORY, "params": {"keyword": "Rome"}}], [ROME]),
    "action": ([{"thought": "hm", "action": HISTORY, "action_input": {"keyword": "Rome"}}], [ROME]),
    "name in quotation marks": ([fn(f'"{STATS}"', "{}")], [(STATS, {})]),
    "name in camel case": ([fn("getSessionStats", "{}")], [(STATS, {})]),
    "name with brackets": ([fn(f"{STATS}()", "")], [(STATS, {})]),
    "name in a namespace": ([fn(f"default_api::{STATS}", "{}")], [(STATS, {})]),
    "name behind a server's": ([fn(f"mcp__genpy__{STATS}", "{}")], [(STATS, {})]),
    "name in a tag": ([fn(f"<function={STATS}>", "{}")], [(STATS, {})]),
    "name in words": ([fn(" search chat history ", '{"keyword": "Rome"}')], [ROME]),
    "name with the arguments": ([fn('search_chat_history{"keyword": "Rome"}', "")], [ROME]),
    "arguments repeated with more": ([fn(HISTORY, '{"key', index=0, id="a"), fn(HISTORY,
        '{"keyword": "Ro', index=0, id="a"), fn(HISTORY, '{"keyword": "Rome"}', index=0, id="a")], [ROME]),
    "arguments as an empty list": ([fn(STATS, "[]")], [(STATS, {})]),
    "arguments undefined": ([fn(STATS, "undefined")], [(STATS, {})]),
    "arguments in other words": ([fn(HISTORY, '{"kwargs": {"keyword": "Rome"}}')], [ROME]),
    "number as text": ([fn(ALL_OF, '{"limit": "5", "topic": "5"}')], [(ALL_OF, {"limit": 5, "topic": "5"})]),
    "one as an argument": ([fn(HISTORY, "1")], [(HISTORY, {"keyword": 1})]),
    "several in one": ([fn("multi_tool_use.parallel", json.dumps({"tool_uses": [
        {"recipient_name": f"functions.{HISTORY}", "parameters": {"keyword": "Rome"}},
        {"recipient_name": f"functions.{STATS}", "parameters": {}}]}))], [ROME, (STATS, {})]),
    "index far away": ([fn(STATS, "{}", index=10**9, id="a")], [(STATS, {})]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("together", [True, False])
async def test_calls_are_those_that_were_meant(name, together):
    """Pieces of calls are put together by what they bring, in one chunk or in many."""
    pieces, meant = CALLS[name]
    rows = [pieces] if together else [[piece] for piece in pieces]
    found = await read(*(chunk({"tool_calls": row}) for row in rows), chunk({}, "tool_calls"),
                       DONE, tools=SPECS)  # fmt: skip
    assert (found.calls, found.error) == (meant, None)
    assert found.finish.reason == "tool_calls"


async def test_every_call_has_an_id_of_its_own():
    """A service that gives no id, or one twice, still gets an answer to each call."""
    pieces = [
        fn(STATS, "{}", index=0, id="a"),
        fn(ALL_OF, "{}", index=1, id="a"),
        fn(HISTORY, "{}"),
    ]
    reader = ReplyReader(
        Reads(chunk({"tool_calls": pieces}, "tool_calls")),
        quota=None, tools=SPECS, token_seconds=1.0, max_tokens=100,
    )  # fmt: skip
    ids = [item.id async for item in events_of(reader) if not isinstance(item, Finish)]
    assert len(set(ids)) == 3
    assert ids[0] == "a"


@pytest.mark.parametrize("beside", ["content", "reasoning", "reasoning_content"])
async def test_call_and_text_may_share_a_chunk(beside):
    """A chunk that holds a call and text or reasoning loses neither."""
    delta = {beside: "hm", "tool_calls": [fn(STATS, "{}", index=0, id="a")]}
    found = await read(chunk(delta), chunk({}, "tool_calls"), tools=SPECS)
    assert found.calls == [(STATS, {})]
    assert (found.text or found.reasoning) == "hm"


async def test_calls_that_the_whole_message_repeats_are_made_once():
    """A last chunk with the whole message again adds no second call."""
    calls = [fn(STATS, "{}", index=0, id="a"), fn(ALL_OF, "{}", index=1, id="b")]
    whole = {"choices": [{"message": {"content": None, "tool_calls": calls}}]}
    found = await read(
        chunk({"tool_calls": calls}), event(whole), chunk({}, "tool_calls"), tools=SPECS
    )
    assert found.calls == [(STATS, {}), (ALL_OF, {})]


async def test_call_as_a_part_of_the_content():
    """Content in parts may hold a call."""
    part = {"type": "tool_use", "id": "a", "name": HISTORY, "input": {"keyword": "Rome"}}
    found = await read(chunk({"content": [part]}), chunk({}, "tool_use"), tools=SPECS)
    assert (found.calls, found.text) == ([ROME], "")


@pytest.mark.parametrize(
    "stream",
    [
        [event({"choices": [{"delta": {"tool_calls": fn(STATS, "{}", id="a")}}]})],
        [event({"choices": [{"delta": {}, "tool_calls": [fn(STATS, "{}", id="a")]}]})],
        [event({"choices": [{"delta": {"function_call": {"name": STATS, "arguments": "{}"}}}]})],
        [event({"choices": [{"message": {"content": None, "tool_calls": [fn(STATS, "{}")]}}]})],
    ],
)
async def test_calls_may_stand_elsewhere(stream):
    """One call instead of a list, the older function_call, and a whole answer are calls too."""
    found = await read(*stream, chunk({}, "tool_calls"), tools=SPECS)
    assert found.calls == [(STATS, {})]


@pytest.mark.parametrize(
    ("text", "calls", "said"),
    [
        ('<tool_call>\n{"name": "get_session_stats", "arguments": {}}\n</tool_call>', [(STATS, {})], ""),
        (('<tool_call>{"name": "get_session_stats"}</tool_call>\n'
         '<tool_call>{"name": "get_all_sessions"}</tool_call>'), [(STATS, {}), (ALL_OF, {})], ""),
        ('Let me look.\n<tool_call>{"name": "get_session_stats"}</tool_call>', [(STATS, {})],
         "Let me look.\n"),
        ('{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}', [ROME], ""),
        (('{"type": "function", "function": {"name": "search_chat_history", '
         '"parameters": {"keyword": "Rome"}}}'), [ROME], ""),
        ('```json\n{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}\n```', [ROME], ""),
        ('[TOOL_CALLS][{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]', [ROME], ""),
        ('<function=search_chat_history>{"keyword": "Rome"}</function>', [ROME], ""),
        (("<tool_call>\n<function=search_chat_history>\n<parameter=keyword>\nRome\n</parameter>\n"
         "</function>\n</tool_call>"), [ROME], ""),
        ('<think>hm</think>\n{"name": "get_session_stats", "arguments": {}}', [(STATS, {})], ""),
        ('[TOOL_CALLS]search_chat_history{"keyword": "Rome"}', [ROME], ""),
        ('[TOOL_CALLS]search_chat_history[ARGS]{"keyword": "Rome"}', [ROME], ""),
        ('<|tool_call|>[{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]<|/tool_call|>',
         [ROME], ""),
        ('<|python_tag|>search_chat_history.call(keyword="Rome")', [ROME], ""),
        (("<tool_call>search_chat_history\n<arg_key>keyword</arg_key>\n<arg_value>Rome</arg_value>\n"
          "</tool_call>"), [ROME], ""),
        (('<function_calls>\n<invoke name="search_chat_history">\n<parameter name="keyword">Rome'
          "</parameter>\n</invoke>\n</function_calls>"), [ROME], ""),
        (("<|tool_calls_section_begin|><|tool_call_begin|>functions.search_chat_history:0"
          '<|tool_call_argument_begin|>{"keyword": "Rome"}<|tool_call_end|>'), [ROME], ""),
        (("<｜tool▁calls▁begin｜>function<｜tool▁sep｜>search_chat_history\n```json\n"  # noqa: RUF001 - as the model writes it
          '{"keyword": "Rome"}\n```<｜tool▁calls▁end｜>'), [ROME], ""),  # noqa: RUF001 - as the model writes it
        (("<|channel|>commentary to=functions.search_chat_history <|constrain|>json<|message|>"
          '{"keyword": "Rome"}<|call|>'), [ROME], ""),
        ('```tool_code\nsearch_chat_history(keyword="Rome")\n```', [ROME], ""),
        ('```tool_call\n{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}\n```',
         [ROME], ""),
        ('<tools>{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}</tools>', [ROME], ""),
        ('{"tool_calls": [{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]}',
         [ROME], ""),
        ('<tool_call>{"name": "search_chat_history", "arguments": {"keyword": "Rome"}</tool_call>',
         [ROME], ""),
        ("```tool_code\nprint('search_chat')\n```", [], None),
        ('{"tool_calls": "none were needed"}', [], None),
        ('{"name": "Ann", "age": 3}', [], None),
        ('{"answer": 42}', [], None),
        ("[1, 2, 3]", [], None),
        ("```json\n[1]\n```", [], None),
        ("```python\nprint(1)\n```", [], None),
        ('Use `<tool_call>{"name": "get_session_stats"}</tool_call>` so.', [], None),
        ('<tool_call>{"name": "nothing"}</tool_call>', [], None),
        ('{"name": "get_session_stats", "argum', [], None),
    ],
)  # fmt: skip
async def test_calls_in_the_text_are_made(text, calls, said):
    """A call of an offered tool that is written as text is a call, and what only looks so is text."""
    for pieces in cut(text):
        found = await read(*(chunk({"content": piece}) for piece in pieces), STOP, tools=SPECS)
        assert (found.calls, found.error) == (calls, None), pieces
        assert found.text == (text if said is None else said), pieces


FAMILIES = {
    "mistral text before": (
        'Let me check.[TOOL_CALLS]search_chat_history[ARGS]{"keyword": "Rome"}',
        [ROME],
        "Let me check.",
    ),
    "mistral list text before": (
        'Let me check.\n[TOOL_CALLS] [{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]',
        [ROME],
        "Let me check.\n",
    ),
    "mistral two": (
        '[TOOL_CALLS]search_chat_history[ARGS]{"keyword": "Rome"}[TOOL_CALLS]get_session_stats[ARGS]{}',
        [ROME, (STATS, {})],
        "",
    ),
    "llama pythonic": ('[search_chat_history(keyword="Rome")]', [ROME], ""),
    "llama pythonic two": (
        '[search_chat_history(keyword="Rome"), get_session_stats()]',
        [ROME, (STATS, {})],
        "",
    ),
    "llama4": ('<|python_start|>[search_chat_history(keyword="Rome")]<|python_end|>', [ROME], ""),
    "deepseek v3": (
        '<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>search_chat_history\n```json\n{"keyword": "Rome"}\n```<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c><\uff5cend\u2581of\u2581sentence\uff5c>',
        [ROME],
        "",
    ),
    "deepseek v31 text": (
        'I will look.\n\n<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>search_chat_history<\uff5ctool\u2581sep\uff5c>{"keyword": "Rome"}<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c>',
        [ROME],
        "I will look.\n\n",
    ),
    "deepseek dsml": (
        '<\uff5cDSML\uff5cfunction_calls>\n<\uff5cDSML\uff5cinvoke name="search_chat_history">\n<\uff5cDSML\uff5cparameter name="keyword" string="true">Rome</\uff5cDSML\uff5cparameter>\n</\uff5cDSML\uff5cinvoke>\n</\uff5cDSML\uff5cfunction_calls>',
        [ROME],
        "",
    ),
    "glm none": ("<tool_call>get_session_stats\n</tool_call>", [(STATS, {})], ""),
    "hermes no close": (
        '<tool_call>\n{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}',
        [ROME],
        "",
    ),
    "qwen xml text": (
        "I'll look.\n<function=search_chat_history>\n<parameter=keyword>\nRome\n</parameter>\n</function>",
        [ROME],
        "I'll look.\n",
    ),
    "qwen xml half": (
        "<function=search_chat_history>\n<parameter=keyword>\nRome\n</parameter>\n</function>\n</tool_call>",
        [ROME],
        "",
    ),
    "kimi text": (
        'Let me look.<|tool_calls_section_begin|><|tool_call_begin|>functions.search_chat_history:0<|tool_call_argument_begin|>{"keyword": "Rome"}<|tool_call_end|><|tool_calls_section_end|>',
        [ROME],
        "Let me look.",
    ),
    "minimax": (
        '<minimax:tool_call>\n<invoke name="search_chat_history">\n<parameter name="keyword">Rome</parameter>\n</invoke>\n</minimax:tool_call>',
        [ROME],
        "",
    ),
    "minimax text": (
        'Looking.\n<minimax:tool_call>\n<invoke name="search_chat_history">\n<parameter name="keyword">Rome</parameter>\n</invoke>\n</minimax:tool_call>',
        [ROME],
        "Looking.\n",
    ),
    "phi functools": (
        'functools[{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]',
        [ROME],
        "",
    ),
    "gemma tool_code print": (
        '```tool_code\nprint(default_api.search_chat_history(keyword="Rome"))\n```',
        [ROME],
        "",
    ),
    "functiongemma": (
        "<start_function_call>call:search_chat_history{keyword:<escape>Rome<escape>}<end_function_call>",
        [ROME],
        "",
    ),
    "gemma4": (
        '<|tool_call>call:search_chat_history{keyword:<|"|>Rome<|"|>}<tool_call|>',
        [ROME],
        "",
    ),
    "command r": (
        'Action: ```json\n[\n    {\n        "tool_name": "search_chat_history",\n        "parameters": {"keyword": "Rome"}\n    }\n]\n```',
        [ROME],
        "",
    ),
    "command a": (
        '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "search_chat_history", "parameters": {"keyword": "Rome"}}\n]<|END_ACTION|>',
        [ROME],
        "",
    ),
    "command a think": (
        '<|START_THINKING|>hm<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "search_chat_history", "parameters": {"keyword": "Rome"}}\n]<|END_ACTION|>',
        [ROME],
        "",
    ),
    "nemotron": (
        '<TOOLCALL>[{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]</TOOLCALL>',
        [ROME],
        "",
    ),
    "hunyuan": (
        '<tool_calls>[{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]</tool_calls>',
        [ROME],
        "",
    ),
    "seed": (
        "<seed:tool_call>\n<function=search_chat_history>\n<parameter=keyword>Rome</parameter>\n</function>\n</seed:tool_call>",
        [ROME],
        "",
    ),
    "internlm": (
        '<|action_start|><|plugin|>{"name": "search_chat_history", "parameters": {"keyword": "Rome"}}<|action_end|>',
        [ROME],
        "",
    ),
    "gpt-oss analysis": (
        '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.search_chat_history <|constrain|>json<|message|>{"keyword": "Rome"}<|call|>',
        [ROME],
        "",
    ),
    "lfm2": (
        '<|tool_call_start|>[search_chat_history(keyword="Rome")]<|tool_call_end|>',
        [ROME],
        "",
    ),
    "lfm2 text": (
        '<|tool_call_start|>[search_chat_history(keyword="Rome")]<|tool_call_end|>Looking that up.',
        [ROME],
        "Looking that up.",
    ),
    "olmo": ('<function_calls>search_chat_history(keyword="Rome")</function_calls>', [ROME], ""),
    "anthropic text": (
        'Looking.\n\n<function_calls>\n<invoke name="search_chat_history">\n<parameter name="keyword">Rome</parameter>\n</invoke>\n</function_calls>',
        [ROME],
        "Looking.\n\n",
    ),
    "tool_call attr": (
        '<tool_call name="search_chat_history">{"keyword": "Rome"}</tool_call>',
        [ROME],
        "",
    ),
    "xml named": (
        '<tool_call>\n<name>search_chat_history</name>\n<arguments>{"keyword": "Rome"}</arguments>\n</tool_call>',
        [ROME],
        "",
    ),
    "react": ('Action: search_chat_history\nAction Input: {"keyword": "Rome"}', [ROME], ""),
    "qwen agent": (
        '\u273fFUNCTION\u273f: search_chat_history\n\u273fARGS\u273f: {"keyword": "Rome"}',
        [ROME],
        "",
    ),
    "python alone": ('search_chat_history(keyword="Rome")', [ROME], ""),
    "functioncall": (
        '<functioncall> {"name": "search_chat_history", "arguments": \'{"keyword": "Rome"}\'}',
        [ROME],
        "",
    ),
    "action keys": ('{"action": "search_chat_history", "action_input": {"keyword": "Rome"}}', [ROME], ""),
    "params": ('{"tool": "search_chat_history", "params": {"keyword": "Rome"}}', [ROME], ""),
    "arguments beside the name": ('{"tool": "search_chat_history", "keyword": "Rome"}', [ROME], ""),
    "arguments in tags": (
        "<tool_call><tool_name>search_chat_history</tool_name><p><keyword>Rome</keyword></p></tool_call>",
        [ROME],
        "",
    ),
    "qwen xml never closed": ("<function=search_chat_history>\n<parameter=keyword>\nRome", [ROME], ""),
    "qwen xml two, one open": ("<tool_call>\n<function=search_chat_history>\n<parameter=keyword>\nRome\n<parameter=scope>\nall_sessions\n</function>\n</tool_call>", [(HISTORY, {"keyword": "Rome", "scope": "all_sessions"})], ""),
    "qwen xml number": ("<tool_call>\n<function=get_all_sessions>\n<parameter=limit>\n5\n</parameter>\n</function>\n</tool_call>", [(ALL_OF, {"limit": 5})], ""),
    "glm number": ("<tool_call>get_all_sessions\n<arg_key>topic</arg_key>\n<arg_value>5</arg_value>\n<arg_key>limit</arg_key>\n<arg_value>5</arg_value>\n</tool_call>", [(ALL_OF, {"topic": "5", "limit": 5})], ""),
    "harmony without marks": ('commentary to=functions.search_chat_history json{"keyword": "Rome"}', [ROME], ""),
    "harmony behind a preamble": ('<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.search_chat_history <|constrain|>json<|message|>{"keyword": "Rome"}<|call|>', [ROME], "I look."),
    "harmony in the role": ('<|start|>assistant to=functions.search_chat_history<|channel|>commentary json<|message|>{"keyword": "Rome"}<|call|>', [ROME], ""),
    "harmony in the analysis": ('<|channel|>analysis to=functions.search_chat_history code<|message|>{"keyword": "Rome"}<|call|>', [ROME], ""),
    "llama slash": ('<function/search_chat_history>{"keyword": "Rome"}</function>', [ROME], ""),
    "llama brackets": ('<function(search_chat_history){"keyword": "Rome"}</function>', [ROME], ""),
    "deepseek dsml 2": ('I look.\n\n<\uff5cDSML\uff5ctool_calls>\n<\uff5cDSML\uff5cinvoke name="search_chat_history">\n<\uff5cDSML\uff5cparameter name="keyword" string="true">Rome</\uff5cDSML\uff5cparameter>\n</\uff5cDSML\uff5cinvoke>\n</\uff5cDSML\uff5ctool_calls>', [ROME], "I look.\n\n"),
    "deepseek plain bars": ('<|tool_calls_begin|><|tool_call_begin|>function<|tool_sep|>search_chat_history\n```json\n{"keyword": "Rome"}\n```<|tool_call_end|><|tool_calls_end|>', [ROME], ""),
    "deepseek invents the result": ('<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>search_chat_history\n```json\n{"keyword": "Rome"}\n```<\uff5ctool\u2581call\u2581end\uff5c><\uff5ctool\u2581calls\u2581end\uff5c><\uff5ctool\u2581outputs\u2581begin\uff5c>No', [ROME], ""),
    "kimi without a section": ('<|tool_call_begin|>functions.search_chat_history:0<|tool_call_argument_begin|>{"keyword": "Rome"}<|tool_call_end|>', [ROME], ""),
    "minimax m3": ('I look.]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="search_chat_history">]<]minimax[>[<keyword>Rome]<]minimax[>[</keyword>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>', [ROME], "I look."),
    "minimax in words": ('[TOOL_CALL]\n{tool => "search_chat_history", args => {\n  --keyword "Rome"\n}}\n[/TOOL_CALL]', [ROME], ""),
    "calling tool": ('[Calling tool: search_chat_history({"keyword": "Rome"})]', [ROME], ""),
    "apertus": ('<|tools_prefix|>[{"search_chat_history": {"keyword": "Rome"}}]<|tools_suffix|>', [ROME], ""),
    "name as key": ('{"search_chat_history": {"keyword": "Rome"}}', [ROME], ""),
    "braces of a template": ('<tool_call>\n{{"name": "search_chat_history", "arguments": {{"keyword": "Rome"}}}}\n</tool_call>', [ROME], ""),
    "function_call": ('{"function_call": {"name": "search_chat_history", "arguments": {"keyword": "Rome"}}}', [ROME], ""),
    "thought before action": ('{"thought": "I look", "action": "search_chat_history", "action_input": {"keyword": "Rome"}}', [ROME], ""),
    "tag of the tool": ("I look.\n<search_chat_history>\n<keyword>Rome</keyword>\n</search_chat_history>", [ROME], "I look.\n"),
    "gemma4 bare": ('call:search_chat_history{keyword:<|"|>Rome<|"|>}', [ROME], ""),
    "gemma4 thought": ('<|channel>thought\nhm<channel|><|tool_call>call:search_chat_history{keyword:<|"|>Rome<|"|>}<tool_call|>', [ROME], ""),
    "gemini": ('tool_code\nprint(default_api.search_chat_history(keyword="Rome"))', [ROME], ""),
    "python in lines": ('search_chat_history(keyword="Rome")\nget_session_stats()', [ROME, (STATS, {})], ""),
    "tag of nobody": ('<tool_invocation>{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}</tool_invocation>', [ROME], ""),
    "fields in tags": ('<use_tool>\n<name>search_chat_history</name>\n<arguments>{"keyword": "Rome"}</arguments>\n</use_tool>', [ROME], ""),
    "tag around Python": ('<api-call>search_chat_history(keyword="Rome")</api-call>', [ROME], ""),
    "talk of a tag of nobody": ("<function> is a tag of mine.", [], None),
    "answer in a tag": ('<action>{"go": "left"}</action> is the answer.', [], None),
    "python by position": ('[search_chat_history("Rome")]', [ROME], ""),
    "python without quotes": ("[search_chat_history(keyword=Rome)]<|eot_id|>", [ROME], ""),
    "hunyuan in an answer": ('<think>hm</think><answer><tool_calls>[{"name": "search_chat_history", "arguments": {"keyword": "Rome"}}]</tool_calls></answer>', [ROME], ""),
    "talk of a tag": ("The tag <search_chat_history> is mine.", [], None),
    "talk in a tag": ("So: <search_chat_history>a word</search_chat_history>.", [], None),
    "tag without arguments": ("<get_session_stats></get_session_stats>", [(STATS, {})], ""),
    "talk of a call": ("call:get_session_stats is how.", [], None),
    "no tool call": ("[Tool call: none was needed]", [], None),
    "JSON about a tool": ('{"search_chat_history": "is a tool"}', [], None),
    "JSON of a thought": ('{"thought": "hm", "answer": 42}', [], None),
    "commentary": ("commentary to=everyone: hello", [], None),
    "talk of python": ("search_chat_history(keyword) searches the chat.", [], None),
    "talk of actions": ("Action: search_chat_history is what I use.", [], None),
    "talk of 2": ("Mistral writes [TOOL_CALLS] before a call.", [], None),
    "kimi no end": (
        '<|tool_calls_section_begin|><|tool_call_begin|>functions.search_chat_history:0<|tool_call_argument_begin|>{"keyword": "Rome"}<|tool_call_end|>',
        [ROME],
        "",
    ),
    "cut call": ('<tool_call>{"name": "search_chat_history", "arguments": {"key', [], None),
    "prose": ("A <tool_call> is made with search_chat_history and so on.", [], None),
    "prose2": ("[TOOL_CALLS] is followed by search_chat_history.", [], None),
    "prose3": ("[tool, kit](x) and [search_chat](y)", [], None),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
async def test_calls_of_every_family_are_made(name):
    """However a family of models writes calls, behind text or without it, they are calls, and prose is none."""
    text, calls, said = FAMILIES[name]
    for pieces in cut(text):
        found = await read(*(chunk({"content": piece}) for piece in pieces), STOP, tools=SPECS)
        assert (found.calls, found.error) == (calls, None), pieces
        assert found.text == (text if said is None else said), pieces


async def test_call_in_the_text_without_tools_is_text():
    """Where no tool was offered nothing is taken out."""
    text = '{"name": "get_session_stats", "arguments": {}}'
    assert (await read(chunk({"content": text}), STOP)).text == text


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "unexpected_tool_call", "tool_use"])
async def test_reply_that_ends_in_no_call_is_a_bad_call(reason):
    """A service that names a call as the end and sends none is asked again, without tools."""
    found = await read(chunk({"role": "assistant"}), chunk({}, reason), DONE, tools=SPECS)
    assert isinstance(found.error, LlmBadToolCall)


async def test_call_without_a_name_is_a_bad_call():
    """A reply that ends in a call of nothing is asked for again, without tools."""
    piece = {"index": 0, "id": "a", "function": None}
    found = await read(chunk({"tool_calls": [piece]}), chunk({}, "tool_calls"), tools=SPECS)
    assert isinstance(found.error, LlmBadToolCall)


async def test_reply_cut_by_its_limit_calls_nothing():
    """A call that the limit of tokens cut in the middle is not a call."""
    piece = fn(HISTORY, '{"key', index=0, id="a")
    found = await read(chunk({"tool_calls": [piece]}), chunk(finish="length"), tools=SPECS)
    assert found.calls == []
    assert found.finish.reason == "length"
