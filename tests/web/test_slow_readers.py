"""What readers that take nothing cost: bounded bytes, in all and for each user, and given back."""

import asyncio
import gc
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import serving
from websockets.exceptions import ConnectionClosed

import genpy_server.app
from genpy_server.sessions.live_session import LiveSession
from genpy_server.wire import CLOSE_SLOW, Delta, Notice

MIB = 1024 * 1024
ALICE = "alice-" + "a" * 20
BOB = "bob-" + "b" * 20


def live_session(server: Any) -> LiveSession:
    """The only live session."""
    (live,) = server.app.hub._live.values()
    return live


@asynccontextmanager
async def stuck(url: str, ref: str, **options: Any) -> AsyncIterator[Peer]:
    """A reader that takes nothing more after `ready`."""
    async with Peer(url, ref, **options) as peer:
        await peer.next()
        peer.ws.transport.pause_reading()
        yield peer
        peer.ws.transport.abort()


def narrow(live: LiveSession, peer: Peer) -> None:
    """Let the system buffer little between them, so that frames wait in the server."""
    for queue in live.audience.subscribers:
        ends = (queue._ws.transport, socket.SO_SNDBUF), (peer.ws.transport, socket.SO_RCVBUF)
        for transport, option in ends:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, 4096)


def deltas(live: LiveSession, text: str, count: int, *, run: str = "r") -> None:
    """Deltas of one reply."""
    for number in range(count):
        live.publish(Delta(0, run, number * len(text), text))


async def test_a_slow_reader_costs_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many MB for a reader that takes none, of wide characters, cost 4 MiB and come back."""
    monkeypatch.setattr(genpy_server.app, "_warm", lambda _: None)  # its memory is not a reader's
    async with serving(tmp_path / "genpy.db", limits={"log_bytes": MIB}) as server:
        async with stuck(server.url, "one") as slow:
            live = live_session(server)
            narrow(live, slow)
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                for part in range(2_000):
                    live.publish(Notice(seq=0, code="c", text="é" * 2_000 + "\U0001f600"))
                    if part % 100 == 0:
                        await asyncio.sleep(0)
                _, peak = tracemalloc.get_traced_memory()

                async def alone() -> bool:
                    return not live.audience.subscribers

                sums = server.app.web.sums
                assert sums.waiting_bytes == 0
                gc.collect()
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            log = 3 * MIB  # 1 MiB of encoded events, and as many frames of wide characters
            assert peak - before < 4 * MIB + log
            assert after - before < log
        assert await eventually(alone)


async def test_joined_deltas_arrive_whole(tmp_path: Path) -> None:
    """What joined while a reader was slow is the same text at the same offsets."""
    words = [f'{number} é \U0001f600 \\" \n' for number in range(3_000)]
    async with serving(tmp_path / "genpy.db") as server, Peer(server.url, "one") as peer:
        await peer.next()
        peer.ws.transport.pause_reading()
        live = live_session(server)
        narrow(live, peer)
        offset = 0
        for word in words * 5:
            live.publish(Delta(0, "r", offset, word))
            offset += len(word)
        assert server.app.web.sums.waiting_bytes > 0
        live.publish(Notice(seq=0, code="c", text="end"))
        peer.ws.transport.resume_reading()
        await peer.until("notice")
        assert peer.text == "".join(words * 5)
        assert len(peer.of("delta")) < len(words) * 5
        assert [frame["seq"] for frame in peer.frames] == sorted(f["seq"] for f in peer.frames)
    assert server.app.web.sums.waiting_bytes == 0


@pytest.mark.parametrize("bound", ["queue_bytes_per_user", "queue_bytes_in_all"])
async def test_all_slow_readers_together_are_bounded(tmp_path: Path, bound: str) -> None:
    """Over the sum the longest queue is closed, and the others go on."""
    limits = {bound: 300_000}
    tokens = f"alice:{ALICE},bob:{BOB}"
    async with serving(tmp_path / "genpy.db", limits=limits, GENPY_TOKEN=tokens) as server:
        async with (
            stuck(server.url, "one", token=ALICE) as long,
            stuck(server.url, "two", token=ALICE) as short,
            Peer(server.url, "three", token=BOB) as reader,
        ):
            await reader.next()
            one, two, three = server.app.hub._live.values()
            deltas(two, "x" * 10_000, 20)
            deltas(one, "x" * 10_000, 500)
            deltas(three, "x" * 10_000, 100)

            async def cut() -> bool:
                return not one.audience.subscribers

            assert await eventually(cut)
            assert two.audience.subscribers
            assert server.app.web.sums.waiting_bytes <= limits[bound]
            while len(reader.text) < 100 * 10_000:
                await reader.next()
            for peer in (long, short):
                peer.ws.transport.resume_reading()
            with pytest.raises(ConnectionClosed):
                await long.until("never")
            assert long.ws.close_code in {CLOSE_SLOW, 1006}


async def test_writes_to_a_lost_connection_are_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader that vanished while much is sent leaves no warning of asyncio in the log."""
    caplog.set_level(logging.WARNING)
    async with serving(tmp_path / "genpy.db") as server:
        async with stuck(server.url, "one") as peer:
            live = live_session(server)
            (queue,) = live.audience.subscribers
            queue._ws.transport.abort()
            deltas(live, "x", 100)
            peer.ws.transport.abort()

            async def alone() -> bool:
                return not live.audience.subscribers

            assert await eventually(alone)
    assert caplog.records == []
