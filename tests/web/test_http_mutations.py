"""Requests broken at random, over real sockets: each is answered or closed, and none is a bug."""

import asyncio
import logging
import random

import pytest
from support.conditions import PATIENCE
from support.http_server import Listening, listening

CONNECTIONS = 300
AT_ONCE = 50
SEEDS = (
    b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n",
    (
        b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 12\r\nExpect: 100-continue\r\n\r\n{"text":"x"}'
    ),
    (
        b"GET /ws/session/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n\x81\x82\x00\x00\x00\x00hi\x88\x82\x00\x00\x00\x00\x03\xe8"
    ),
)
PIECES = (
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\x00",
)


def broken(chance: random.Random) -> bytes:
    """A request with up to three changes."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at:at] = chance.choice(PIECES)
            case 2:
                del data[at : at + chance.randrange(1, 9)]
            case _:
                data[at:at] = chance.randbytes(1)
    return bytes(data)


async def attempt(front: Listening, data: bytes, cut: int, *, finish: bool) -> int:
    """The status of the answer; 0 where the connection was closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    try:
        writer.write(data[:cut])
        await asyncio.sleep(0)
        writer.write(data[cut:])
        if finish:
            writer.write_eof()
        answer = await reader.readuntil(b"\r\n\r\n")
        return int(answer.split(b" ", 2)[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    finally:
        writer.close()


async def test_no_broken_request_hangs_or_is_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever arrives, the server answers or closes, logs no traceback, and lets go."""
    caplog.set_level(logging.INFO)
    chance = random.Random(2)
    seen: set[int] = set()
    async with listening(limits={"request_seconds": 2.0}) as front:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(data: bytes, cut: int, *, finish: bool) -> None:
            async with free:
                seen.add(await attempt(front, data, cut, finish=finish))

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                data = broken(chance)
                cut, finish = chance.randrange(len(data)), chance.random() < 0.3
                group.create_task(one(data, cut, finish=finish))
        await front.empty()
    assert seen >= {101, 200, 400, 404, 408}
    assert 500 not in seen
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
