"""A connection that is cut at any byte, in any phase, and a client that shows the same in the end.

The session is a live one of a real server; what it sends is framed and read by the library's own
protocol, without a socket, so that every byte can be tried.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import DONE, Script, chunk
from websockets.client import ClientProtocol
from websockets.frames import Frame as SocketFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from examples.small_client import SmallClient
from genpy_server.client.transcript import Transcript
from genpy_server.sessions.audience import Place
from genpy_server.wire import Frame, Send, decode_server, encode_bytes

HISTORY = 50


class Wire:
    """A subscriber that keeps what it is sent as the bytes of a WebSocket."""

    def __init__(self) -> None:
        self.bytes = b""
        self.is_open = True
        self.features = ()

    def offer(self, frame: Frame, data: bytes | None = None) -> None:
        """A frame, encoded or not."""
        self._send(data or encode_bytes(frame))

    def close(self, code: int, reason: str) -> None:
        """The session is gone."""
        raise AssertionError(code, reason)

    def _send(self, data: bytes) -> None:
        self.bytes += SocketFrame(Opcode.TEXT, data).serialize(mask=False)


def frames(data: bytes) -> Iterator[str]:
    """The whole frames of these bytes."""
    protocol = ClientProtocol(parse_uri("ws://cut"), state=State.OPEN, max_size=None)
    protocol.receive_data(data)
    for received in protocol.events_received():
        assert isinstance(received, SocketFrame)
        yield bytes(received.data).decode()


def fold(transcript: Transcript, data: bytes) -> Transcript:
    """What a client has taken in after these bytes and a cut."""
    for frame in frames(data):
        transcript.apply(decode_server(frame))
    return transcript


def cuts(data: bytes) -> Iterator[int]:
    """Of the cuts at every byte those that leave more frames whole than the one before."""
    before = None
    for cut in range(len(data) + 1):
        whole = list(frames(data[:cut]))
        if whole != before:
            yield cut
        before = whole


def attach(live: Any, client: Transcript | SmallClient) -> Wire:
    """What a client is sent that comes back with its place, if it has one."""
    wire = Wire()
    epoch = client.epoch or None
    live.attach(wire, Place(HISTORY, epoch, client.seq if epoch else None))
    return wire


def leave(live: Any, wire: Wire) -> None:
    live.audience.subscribers.discard(wire)


def shown(transcript: Transcript) -> list[Any]:
    """What a person sees, and the place from which the client goes on."""
    entries = [
        (e.role, e.text, e.status, e.message_id, [(t.name, t.ok) for t in e.tools], e.reasoning)
        for e in transcript
    ]
    return [*entries, transcript.title, transcript.epoch, transcript.seq]


@pytest.fixture
async def live(database, upstream):
    """A session with a finished turn, whose second reply has begun; its gate, and its reader."""
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            upstream.say("the first ", "answer")
            await peer.ask("a", "How many messages are in this conversation?")
            pieces = [chunk({"reasoning": text}) for text in ("Hm", "m é", "… so")]
            pieces += [chunk({"content": text}) for text in ("né ", "Straße ", "end")]
            gate = asyncio.Event()
            script = Script(pieces=[*pieces, chunk(finish="stop"), DONE], gates={4: gate})
            upstream.script(script)
            await peer.say(Send("b", "and now?"))
            await peer.until("delta", lambda f: f["text"] == "né ")
            (session,) = server.app.hub._live.values()
            yield session, gate, peer


async def test_a_cut_at_every_byte_shows_the_same(live):
    """Cut in the snapshot, in the live events or in a replay, a client shows what the server has."""
    session, gate, peer = live
    first = attach(session, Transcript())
    snapshot = len(first.bytes)
    gate.set()
    await peer.until("run_finished")
    whole = shown(fold(Transcript(), first.bytes))
    assert [row[1] for row in whole[:4]][1::2] == ["the first answer", "né Straße end"]
    assert whole[3][-1] == "Hmm é… so"
    assert 0 < snapshot < len(first.bytes)
    places = set()
    for cut in cuts(first.bytes):
        transcript = fold(Transcript(), first.bytes[:cut])
        places.add(transcript.seq == 0)
        assert (transcript.seq == 0) == (cut < snapshot), cut
        again = attach(session, transcript)
        assert shown(fold(transcript, again.bytes)) == whole, f"cut at byte {cut}"
        leave(session, again)
    assert places == {True, False}

    # The replay of what was missed, and a second snapshot, are cut in their turn.
    for seen in (snapshot, snapshot // 2):
        second = attach(session, fold(Transcript(), first.bytes[:seen]))
        for cut in cuts(second.bytes):
            transcript = fold(fold(Transcript(), first.bytes[:seen]), second.bytes[:cut])
            third = attach(session, transcript)
            assert shown(fold(transcript, third.bytes)) == whole, f"cut at {seen} and {cut}"
            leave(session, third)


def numbered(snapshot: list[str]) -> list[str]:
    """The same snapshot from a server that numbers what stands in it, as earlier versions did."""
    last = json.loads(snapshot[-1])["seq"]
    return [json.dumps(json.loads(frame) | {"seq": last}) for frame in snapshot]


async def test_the_client_in_sixty_lines_survives_every_cut(live):
    """Cut behind any frame of a snapshot, of what follows, or of a second snapshot, it has all replies.

    It goes on from the snapshot's end alone: before that it begins again, from then on it does not.
    """
    session, gate, peer = live
    first = attach(session, Transcript())
    gate.set()
    await peer.until("run_finished")
    second = attach(session, SmallClient("", "one"))
    leave(session, second)
    followed, snapshot = list(frames(first.bytes)), list(frames(second.bytes))
    mark = [json.loads(frame)["type"] for frame in followed].index("snapshot_end")
    half = snapshot[: len(snapshot) // 2]
    seen = [(followed[:cut], cut > mark) for cut in range(len(followed) + 1)]
    for of_server in (snapshot, numbered(snapshot)):
        cuts = range(len(of_server) + 1)
        seen += [([*half, *of_server[:cut]], cut == len(of_server)) for cut in cuts]
    for before, is_whole in seen:
        client = SmallClient("", "one")
        for frame in before:
            await client.take(None, json.loads(frame))
        assert client.seq == (json.loads(before[-1])["seq"] if is_whole else 0), len(before)
        wire = attach(session, client)
        leave(session, wire)
        for frame in frames(wire.bytes):
            await client.take(None, json.loads(frame))
        replies = list(client.replies.values())
        assert replies == ["the first answer", "né Straße end"], len(before)


async def test_a_cut_at_every_event_of_the_reasoning_shows_the_same(server, upstream):
    """A client that comes back after any reasoning event, while the model still thinks, lacks none."""
    thoughts = [f"thought {n} " for n in range(6)]
    gates = {n: asyncio.Event() for n in range(1, 7)}
    pieces = [*(chunk({"reasoning": text}) for text in thoughts), chunk({"content": "so"})]
    upstream.script(Script(pieces=[*pieces, chunk(finish="stop"), DONE], gates=gates))
    async with Peer(server.url, "one") as peer:
        await peer.next()
        await peer.say(Send("a", "think"))
        (session,) = server.app.hub._live.values()
        cut = [Transcript()]
        for number, gate in gates.items():
            await peer.until("reasoning", lambda f, n=number: f["text"] == thoughts[n - 1])
            wire = attach(session, Transcript())
            leave(session, wire)
            cut.append(fold(Transcript(), wire.bytes))
            assert cut[-1].entries[-1].reasoning == "".join(thoughts[:number])
            gate.set()
        await peer.until("run_finished")
        shown_after = []
        for transcript in cut:
            wire = attach(session, transcript)
            shown_after.append(shown(fold(transcript, wire.bytes)))
            leave(session, wire)
    assert all(one == shown_after[0] for one in shown_after)
    reply = shown_after[0][1]
    assert (reply[1], reply[-1]) == ("so", "".join(thoughts))
