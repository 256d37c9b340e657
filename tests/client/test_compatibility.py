"""Clients and servers of different versions: recorded streams, with what the other does not know."""

import json
from pathlib import Path

import pytest

from genpy_server.client.transcript import Transcript
from genpy_server.errors import BadFrame
from genpy_server.wire import Ready, RunFinished, Send, decode_client, decode_server

STREAMS = Path(__file__).parent / "streams"


def lines(name):
    return (STREAMS / name).read_text("utf-8").splitlines()


def shown(name):
    """What a client of this version shows of a recorded stream."""
    transcript = Transcript()
    for line in lines(name):
        frame = decode_server(line)
        if frame is not None:
            transcript.apply(frame)
    return transcript


@pytest.mark.parametrize("name", ["server_0.1.jsonl", "server_next.jsonl"])
def test_a_recorded_server_is_understood(name):
    """A client of this version shows the conversation that an earlier or later server streams."""
    transcript = shown(name)
    assert [entry.text for entry in transcript.entries] == ["Hello", "Hello there."]
    assert transcript.entries[1].status == "done"
    assert transcript.title == "Hello"
    assert transcript.seq == 6


def test_a_later_server_differs_in_what_is_not_known():
    """The later stream is the first one with unknown frames, and unknown fields in every frame."""
    known = [json.loads(line) for line in lines("server_0.1.jsonl")]
    later = [json.loads(line) for line in lines("server_next.jsonl")]
    unknown = [frame for frame in later if decode_server(json.dumps(frame)) is None]
    assert {frame["type"] for frame in unknown} == {"hologram", "weather"}
    assert [f["type"] for f in later if f not in unknown] == [f["type"] for f in known]
    assert all("x_later" in frame for frame in later if frame not in unknown)


def test_a_known_frame_that_is_broken_is_no_later_one():
    """A known type without a field, and what names no type, are errors and are not skipped."""
    for text in ('{"type": "ack", "id": "a"}', '{"types": "weather"}', '{"type": 3}', "[]"):
        with pytest.raises(BadFrame):
            decode_server(text)


def test_fields_of_an_earlier_server_have_defaults():
    """`ready` and `run_finished` as the first version sent them are whole frames today."""
    frames = [decode_server(line) for line in lines("server_0.1.jsonl")]
    ready = next(frame for frame in frames if isinstance(frame, Ready))
    assert (ready.modes, ready.features) == ((), ())
    assert any(isinstance(frame, RunFinished) and frame.status == "done" for frame in frames)


@pytest.mark.parametrize("name", ["client_0.1.jsonl", "client_next.jsonl"])
def test_a_recorded_client_is_understood(name):
    """A server of this version takes what earlier and later clients send, but for unknown frames."""
    frames, refused = [], []
    for line in lines(name):
        try:
            frames.append(decode_client(line))
        except BadFrame as error:
            refused.append((line, error.message))
    said = [frame for frame in frames if isinstance(frame, Send)]
    assert [(frame.id, frame.text) for frame in said] == [("a", "Hello"), ("b", "And more")]
    assert len(frames) == 6
    assert all("dance" in line and "dance" in message for line, message in refused)
