"""The processes around a server in relay.py and growth.py: a model's service, and two floors.

    python benchmarks/relay_ends.py service
    python benchmarks/relay_ends.py floor PORT
    python benchmarks/relay_ends.py libraries PORT FILE

Prints its address. The service writes the time into each token; the floor is asyncio streams and
msgspec between the service on PORT and a WebSocket, and keeps nothing. "libraries" asks the service
through groq's SDK, and commits both messages to a table in FILE: a chat of a few lines.
"""

import asyncio
import re
import sqlite3
import sys
import time
from functools import partial
from itertools import count as count_from
from uuid import uuid4

import msgspec
from groq import AsyncGroq
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from genpy_server.wire import PROTOCOL, Delta, RunFinished, Send, decode_client, encode

RATE = 50
"""Tokens a second of one reply."""
STAMP = "%015d"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def now() -> int:
    """Microseconds on the clock that all processes of a machine share."""
    return time.monotonic_ns() // 1000


# The model's service

PHASES = (number * 0.618034 % 1 / RATE for number in count_from())
"""Seconds by which the second token of each reply is late, so that replies are not in step.

In step the tokens of all streams reach a server that begins them together in one wake-up, and one
that begins them one by one in many: the cost of a token would be that of how replies begin.
"""


def chunk(text: str | None, finish: str | None = None) -> bytes:
    """One event of a reply, as Groq sends it, in one HTTP chunk."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    body = {"id": "chatcmpl-5f6f2a53", "object": "chat.completion.chunk", "choices": [choice]}
    data = b"data: " + msgspec.json.encode(body) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Replies of as many tokens as the last message says, at an even rate."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            asked = re.findall(rb'"Please write (\d+) tokens', body)
            count = int(asked[-1]) if asked else 1  # such as notes on what leaves the window
            writer.write(HEAD)
            writer.write(chunk(" " + STAMP % now()))
            start = time.monotonic() + next(PHASES)
            for number in range(1, count):
                await asyncio.sleep(max(start + number / RATE - time.monotonic(), 0))
                writer.write(chunk(" " + STAMP % now()))
            writer.write(chunk("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n" + END)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


# The floor


class Piece(msgspec.Struct):
    """What a chunk adds."""

    content: str | None = None


class Choice(msgspec.Struct):
    """The one choice of a chunk."""

    delta: Piece
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One event of a reply."""

    choices: list[Choice]


chunks = msgspec.json.Decoder(Chunk)


async def relay(port: int, socket: ServerConnection) -> None:
    """Relay replies, and nothing else."""
    async for message in socket:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = msgspec.json.encode(message)
        head = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await reader.readuntil(b"\r\n\r\n")
        seq, run, offset, done = 0, uuid4().hex, 0, False
        while not done:
            size = int(await reader.readline(), 16)
            data = await reader.readexactly(size + 2)
            for event in data[:-2].removesuffix(b"\n\n").split(b"\n\n"):
                if event == b"data: [DONE]":
                    done = True
                    break
                text = chunks.decode(event[6:]).choices[0].delta.content
                if text:
                    seq += 1
                    await socket.send(encode(Delta(seq, run, offset, text)))
                    offset += len(text)
        writer.close()
        await socket.send(encode(RunFinished(0, "r", "done", 0.0)))


# The libraries


class Rows:
    """A table of texts, each committed as GenPy commits its messages."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text)")

    async def add(self, text: str) -> None:
        """Commit a text in a thread."""
        await asyncio.to_thread(self._add, text)

    def _add(self, text: str) -> None:
        with self._connection:
            self._connection.execute("INSERT INTO texts (text) VALUES (?)", (text,))


async def talk(rows: Rows, client: AsyncGroq, socket: ServerConnection) -> None:
    """Store each message, relay its reply, and store that."""
    async for message in socket:
        frame, reply = decode_client(str(message)), ""
        assert isinstance(frame, Send)
        await rows.add(frame.text)
        stream = await client.chat.completions.create(
            messages=[{"role": "user", "content": frame.text}], model="m", stream=True
        )
        async for event in stream:
            piece = event.choices[0].delta.content
            if piece:
                await socket.send(encode(Delta(0, "r", len(reply), piece)))
                reply += piece
        await rows.add(reply)
        await socket.send(encode(RunFinished(0, "r", "done", 0.0)))


async def listen(kind: str, port: str = "", file: str = "") -> None:
    """Be the service, or a floor in front of the one on `port`."""
    if kind == "service":
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        sockets = server.sockets
    else:
        handler = partial(relay, int(port))
        if kind == "libraries":
            client = AsyncGroq(api_key="none", base_url=f"http://127.0.0.1:{port}")
            handler = partial(talk, Rows(file), client)
        floor = await serve(
            handler, "127.0.0.1", 0, compression=None, subprotocols=[Subprotocol(PROTOCOL)]
        )
        sockets = tuple(floor.sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:]))
