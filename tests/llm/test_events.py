"""The splitter of event streams, fed in every way."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted_model import DONE, chunk, event

from genpy_server.core.models import ToolCall
from genpy_server.errors import LlmCutOff
from genpy_server.llm.events import CallCollector, CallPiece, EventSplitter, Function, ServiceError


def read(splitter: EventSplitter, *pieces: bytes) -> str:
    chunks = [c for piece in pieces for c in splitter.feed(piece)]
    return "".join(choice.delta.content or "" for c in chunks for choice in c.choices)


STREAM = chunk({"role": "assistant"}) + chunk({"content": "Grüße, 世界 🎉"}) + chunk({}) + DONE


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_text(cuts):
    """UTF-8, line ends and events may be split anywhere."""
    edges = [0, *sorted(cuts), len(STREAM)]
    splitter = EventSplitter()
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(splitter, *pieces) == "Grüße, 世界 🎉"
    assert splitter.done


def test_byte_by_byte_gives_the_same_text():
    """A stream may come one byte at a time."""
    splitter = EventSplitter()
    assert read(splitter, *(bytes([b]) for b in STREAM)) == "Grüße, 世界 🎉"


def test_other_spellings_of_the_format_are_read():
    """CRLF, no space behind the colon, comments, other fields and several data lines are fine."""
    splitter = EventSplitter()
    body = chunk({"content": "x"}).decode().removeprefix("data: ").strip()
    first, second = body[:10], body[10:]
    text = f": hello\r\nid: 1\r\nretry: 5\r\ndata:{body}\r\n\r\ndata: {body}\n\n"
    assert read(splitter, text.encode()) == "xx"
    assert json.loads(first + second)
    lines = json.dumps(json.loads(body), indent=1).split("\n")
    assert read(splitter, "".join(f"data: {line}\n" for line in lines).encode() + b"\n") == "x"


@pytest.mark.parametrize(
    "data",
    [
        event({"error": {"message": "m", "code": "tool_use_failed"}}, "error"),
        event({"message": "m", "code": "tool_use_failed"}, "error"),
        chunk({}, x_groq={"error": {"message": "m", "code": "tool_use_failed"}}),
        event({"error": {"message": "m", "code": "tool_use_failed"}}),
    ],
)
def test_error_in_the_stream_is_raised(data):
    """An error is found wherever a service puts it."""
    with pytest.raises(ServiceError) as caught:
        list(EventSplitter().feed(data))
    assert caught.value.body["code"] == "tool_use_failed"


@pytest.mark.parametrize("data", [b"data: {nonsense\n\n", b"data: [1, 2]\n\n", b"x" * 5_000_000])
def test_what_is_no_chunk_is_a_cut_off_stream(data):
    """Rubbish and lines without end stop the reply instead of the server."""
    with pytest.raises(LlmCutOff):
        list(EventSplitter().feed(data))


def collected(*pieces: tuple[int | None, str | None, str | None, str]) -> list[ToolCall]:
    collector = CallCollector()
    for index, call_id, name, arguments in pieces:
        collector.add(CallPiece(index, call_id, Function(name, arguments)))
    return collector.calls()


def test_whole_parallel_calls_keep_their_order():
    """Two whole calls in two chunks are two calls."""
    calls = collected((0, "a", "f", "{}"), (1, "b", "g", '{"x":1}'))
    assert calls == [ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x":1}')]


def test_fragments_are_put_together():
    """Fragments with the same index are one call, with or without their id again."""
    calls = collected((0, "a", "f", '{"x"'), (0, None, None, ":1"), (0, "a", None, "}"))
    assert calls == [ToolCall("a", "f", '{"x":1}')]


def test_new_id_under_the_same_index_is_another_call():
    """Services that number every call 0 are understood by their ids."""
    calls = collected((0, "a", "f", "{}"), (0, "b", "g", "{}"))
    assert [call.id for call in calls] == ["a", "b"]


def test_call_without_index_or_id_gets_an_id():
    """A service that gives neither still gets an answer to its call."""
    (call,) = collected((None, None, "f", "{}"))
    assert (call.name, call.arguments) == ("f", "{}")
    (other,) = collected((None, None, "f", "{}"))
    assert call.id.startswith("call_")
    assert call.id != other.id


def test_name_may_be_repeated_or_split():
    """A name that comes whole with every fragment is not doubled, one in pieces is joined."""
    assert collected((0, "a", "f", "{"), (0, "a", "f", "}")) == [ToolCall("a", "f", "{}")]
    assert collected((0, "a", "get_", ""), (0, "a", "all", "")) == [ToolCall("a", "get_all", "")]


def test_arguments_may_be_an_object():
    """Arguments that are an object instead of its text become its text."""
    data = chunk({"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]})
    (piece,) = next(EventSplitter().feed(data)).choices[0].delta.tool_calls
    collector = CallCollector()
    collector.add(piece)
    assert collector.calls()[0].arguments == '{"x":1}'


def test_event_without_end_is_bounded():
    """Many lines of one event are held up to a limit, as is one long line."""
    lines = (b"data: " + b"x" * 1_000_000 + b"\n" for _ in range(5))
    with pytest.raises(LlmCutOff):
        read(EventSplitter(), *lines)
