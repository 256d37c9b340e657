"""A genpy.v1 server that streams one prepared reply at an even rate: the benchmark's other end.

    python benchmarks/streaming_server.py KIND TOKENS RATE

Prints its port. Every token is a frame of its own, due at its own time. `ms` of the last frame is
the time it was sent, on the clock that all processes of a machine share.
"""

import asyncio
import logging
import sys
import time
from itertools import count

import streaming_texts
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from genpy_server.wire import (
    Ack,
    Delta,
    MessageEvent,
    Ready,
    RunFinished,
    RunStarted,
    Send,
    decode_client,
    encode,
)

SESSION = "00000000-0000-4000-8000-000000000000"
SIZE = streaming_texts.CHARS_PER_TOKEN


async def attend(socket: ServerConnection, text: str, rate: float) -> None:
    """Answer the first message with the reply."""
    ready = Ready(SESSION, "e", 0, "none", "benchmark", "memory", "Benchmark", "active")
    await socket.send(encode(ready))
    while not isinstance(sent := decode_client(str(await socket.recv())), Send):
        pass
    numbers = count(1)
    at = "2026-01-01T00:00:00+00:00"
    await socket.send(encode(MessageEvent(next(numbers), 1, "user", sent.text, at, sent.id)))
    await socket.send(encode(Ack(sent.id, 1)))
    await socket.send(encode(RunStarted(next(numbers), "r", 1, "tutorial", 0.9, "", "benchmark")))
    begin = time.monotonic()
    for number, offset in enumerate(range(0, len(text), SIZE)):
        late = begin + number / rate - time.monotonic()
        if late > 0:
            await asyncio.sleep(late)
        await socket.send(encode(Delta(next(numbers), "r", offset, text[offset : offset + SIZE])))
    finished = RunFinished(next(numbers), "r", "done", time.monotonic() * 1000, message_id=2)
    await socket.send(encode(finished))
    await socket.wait_closed()


def refuse(connection: ServerConnection, request: Request) -> Response | None:
    """There are no records here."""
    return None if request.path.startswith("/ws/") else connection.respond(404, "")


async def main(kind: str, tokens: int, rate: float) -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # the table has the terminal
    text = streaming_texts.reply(kind, tokens)
    server = await serve(
        lambda socket: attend(socket, text, rate),
        "127.0.0.1",
        0,
        process_request=refuse,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
        compression=None,
    )
    print(next(iter(server.sockets)).getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
