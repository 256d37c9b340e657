"""Clients and servers of different versions, with streams that real ones said to each other.

`record_streams.py` recorded them: `early` is the protocol before features, modes and tools of others.
A later version is the present one with frames and fields that nobody knows yet.
"""

import json
from pathlib import Path

import pytest
from support.raw_client import Peer

from genpy_server.client.transcript import Transcript
from genpy_server.errors import BadFrame
from genpy_server.wire import Ready, RunFinished, Send, decode_client, decode_server

STREAMS = Path(__file__).parent / "streams"
SERVERS = ("server_early", "server_present", "server_later")
CLIENTS = ("client_early", "client_present", "client_later")
SHOWN = [
    ("user", "Hello", None),
    ("assistant", "Hello there.", "done"),
    ("user", "How many messages are in this chat?", None),
    ("assistant", "First, a lesson.", "done"),
    ("user", "Tell me a story", None),
    ("assistant", "Once", "stopped"),
]
UNKNOWN = {"hologram": {"cube": [1, 2]}, "dance": {"steps": 3}}


def extended(value):
    """A value with a field in every object that this version does not know."""
    if isinstance(value, list):
        return [extended(item) for item in value]
    if isinstance(value, dict):
        return {**{key: extended(item) for key, item in value.items()}, "x_later": {"since": "9"}}
    return value


def lines(name):
    """The frames of a stream, one a line."""
    if not name.endswith("_later"):
        return (STREAMS / f"{name}.jsonl").read_text("utf-8").splitlines()
    side = name.removesuffix("_later")
    kind = "hologram" if side == "server" else "dance"
    later = []
    for line in lines(f"{side}_present"):
        frame = json.loads(line)
        open_ended = {"args", "metrics"}  # what a tool or a summary counts is not a struct
        kept = {key: frame.pop(key) for key in open_ended & frame.keys()}
        later += [{"type": kind, **UNKNOWN[kind]}, {**extended(frame), **kept}]
    return list(map(json.dumps, later))


@pytest.mark.parametrize("name", SERVERS)
def test_a_recorded_server_is_understood(name):
    """A client of this version shows the conversation that an earlier or later server streams."""
    transcript = Transcript()
    frames = [frame for line in lines(name) if (frame := decode_server(line)) is not None]
    for frame in frames:
        transcript.apply(frame)
    shown = [(one.role, one.text, one.status) for one in transcript.entries]
    assert [(r, t, s if r == "assistant" else None) for r, t, s in shown] == SHOWN
    assert (transcript.title, transcript.status) == ("recorded", "completed")
    rating = None if name == "server_early" else 4  # before it was called user_rating
    assert transcript.rating == rating
    assert transcript.seq == 23
    assert [call.name for one in transcript.entries for call in one.tools] == ["get_session_stats"]
    assert transcript.summary.summary == "They counted messages."


def test_a_frame_of_a_later_server_is_skipped():
    """A frame of an unknown type is none, and each known one is still itself."""
    known = [json.loads(line)["type"] for line in lines("server_present")]
    found = [decode_server(line) for line in lines("server_later")]
    assert [frame is None for frame in found] == [True, False] * len(known)


def test_a_known_frame_that_is_broken_is_no_later_one():
    """A known type without a field, and what names no type, are errors and are not skipped."""
    for text in ('{"type": "ack", "id": "a"}', '{"types": "weather"}', '{"type": 3}', "[]"):
        with pytest.raises(BadFrame):
            decode_server(text)


def test_fields_of_an_earlier_server_have_defaults():
    """`ready` and `run_finished` as an early server sent them are whole frames today."""
    frames = [decode_server(line) for line in lines("server_early")]
    ready = next(frame for frame in frames if isinstance(frame, Ready))
    assert (ready.modes, ready.features) == ((), ())
    assert any(isinstance(frame, RunFinished) and frame.status == "done" for frame in frames)


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_recorded_client_is_served(name, server, upstream):
    """Today's server answers what earlier and later clients said, and refuses unknown frames alone."""
    upstream.say("Hello", " there.")
    upstream.say("Two messages.")
    upstream.say("First,", " a lesson.")
    upstream.say("Once", " upon a time", paused_at=1)
    upstream.answer = {"summary": "S.", "topics": [], "sentiment": "neutral", "outcomes": []}
    async with Peer(server.url, "recorded") as peer:
        for line in lines(name):
            frame = json.loads(line)
            kind = frame["type"]
            if kind == "cancel":
                frame["run"] = (await peer.until("delta"))["run"]
            await peer.ws.send(json.dumps(frame))
            if kind == "dance":
                assert "dance" in (await peer.until("error"))["message"]
            elif kind == "cancel" or (kind in {"send", "retry"} and "story" not in line):
                await peer.until("run_finished")
        await peer.until("summary")
    assert [f["status"] for f in peer.of("run_finished")] == ["done", "done", "done", "stopped"]
    assert [f["text"] for f in peer.of("message")] == [t for r, t, _ in SHOWN if r == "user"]
    assert {json.loads(line)["id"] for line in lines(name) if '"send"' in line} == {
        f["id"] for f in peer.of("ack")
    }
    assert len(peer.of("error")) == sum('"dance"' in line for line in lines(name))


def test_what_clients_send_is_decoded():
    """A frame of an earlier or later client is the frame of today."""
    for name in CLIENTS:
        known = [decode_client(line) for line in lines(name) if '"dance"' not in line]
        said = [frame.text for frame in known if isinstance(frame, Send)]
        assert said == [text for role, text, _ in SHOWN if role == "user"]
        assert len(known) == 8
