"""What a token costs between a model's service and GenPy: CPU of the asking process.

    python benchmarks/tokens.py [--repeat 2] [--streams 40]

A scripted service in a process of its own sends the same replies to five readers, in turn in each
repetition: bare asyncio streams with msgspec (the floor), GenPy's door, the same door with a reader
that takes nothing but the dialect as it is written, and the groq SDK's chunk objects over its
aiohttp and over its httpx transport. The line below each table compares the second and third in
pairs, each in turn the first, and gives the median of their ratios. "burst" is one reply of 10,000 tokens as
fast as it goes; "paced" is many replies at once of 50 tokens a second each, as models send them.
"""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

import groq
import msgspec

from genpy_server.core.models import ChatMessage
from genpy_server.errors import LlmCutOff
from genpy_server.llm import groq as groq_door
from genpy_server.llm.base import ChatRequest, Finish, LlmEvent, TextDelta
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.reply import ReplyReader

BURST_TOKENS = 10_000
PACED_TOKENS = 150
RATE = 50
PAIRS = {"burst": 40, "paced": 6}
"""How often the door is compared with its strict reader."""
WORD = " token"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "stream": True}
REQUEST = ChatRequest((ChatMessage("user", "hello"),))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

Reader = Callable[[int], AsyncIterator[str]]


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": "chatcmpl-5f6f2a53-6d41-4b3c-8b2f-0d8a5c1e7d11",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "openai/gpt-oss-120b",
        "system_fingerprint": "fp_0123456789",
        "choices": [choice],
    }
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


async def serve() -> None:
    """The service: the path says how many tokens, and whether they are paced."""
    token = _http_chunk(_event({"content": WORD}))
    end = _http_chunk(_event({}, "stop")) + _http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(HEAD)
                if b"/paced" in head.split(b"\r\n")[0]:
                    start = time.monotonic()
                    for number in range(PACED_TOKENS):
                        await asyncio.sleep(max(start + number / RATE - time.monotonic(), 0))
                        writer.write(token)
                else:
                    for _ in range(BURST_TOKENS):
                        writer.write(token)
                        await writer.drain()
                writer.write(end)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


async def floor(address: str) -> AsyncIterator[str]:
    """The least that reads the stream: it trusts every byte."""
    _, _, host, path = address.split("/", 3)
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    body = msgspec.json.encode(BODY)
    writer.write(f"POST /{path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    decoder = msgspec.json.Decoder(_Chunk)
    rest = b""
    while b"[DONE]" not in rest:
        *lines, rest = (rest + await reader.read(65_536)).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                yield decoder.decode(line[6:]).choices[0].delta.content or ""
            elif line.startswith(b"data: [DONE]"):
                writer.close()
                return


def door(address: str) -> tuple[Reader, Callable[[], Awaitable[None]]]:
    """GenPy's."""
    llm = GroqLlm(key=None, model="m", url=address)

    async def read(_: int) -> AsyncIterator[str]:
        async with aclosing(llm.stream(REQUEST)) as events:
            async for event in events:
                if type(event) is TextDelta:
                    yield event.text

    return read, llm.close


class _StrictReader(ReplyReader):
    """Reads lines that end in LF and hold chunks as the dialect has them, and fails otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._decoder = msgspec.json.Decoder(_StrictChunk)
        self._rest, self._reason = b"", ""

    async def events(self) -> AsyncGenerator[Sequence[LlmEvent], None]:
        """Text, and one finish."""
        over = False
        while not over:
            data = await self._reads.read()
            *lines, self._rest = (self._rest + data).split(b"\n")
            events: list[LlmEvent] = []
            for line in lines:
                if line == b"data: [DONE]":
                    over = True
                    events.append(Finish("stop" if self._reason == "stop" else "length"))
                elif line.startswith(b"data: "):
                    for choice in self._decoder.decode(line[6:]).choices:
                        if choice.delta.content:
                            events.append(TextDelta(choice.delta.content))
                        self._reason = choice.finish_reason or self._reason
            if not data and not over:
                raise LlmCutOff("early")
            if events:
                yield events


class _StrictChoice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _StrictUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _StrictChunk(msgspec.Struct):
    choices: list[_StrictChoice]
    usage: _StrictUsage | None = None


def floor_reader(address: str) -> Reader:
    """The least, for one address."""
    return lambda _: floor(address)


def strict(address: str) -> tuple[Reader, Callable[[], Awaitable[None]]]:
    """GenPy's door without its leniency."""
    read, close = door(address)

    async def patched(number: int) -> AsyncIterator[str]:
        with patch.object(groq_door, "ReplyReader", _StrictReader):
            stream = read(number)
            first = await anext(stream)
        yield first
        async for text in stream:
            yield text

    return patched, close


def sdk(address: str, *, aiohttp: bool) -> tuple[Reader, Callable[[], Awaitable[None]]]:
    """The SDK's own chunk objects."""
    http = groq.DefaultAioHttpClient() if aiohttp else groq.DefaultAsyncHttpxClient()
    client = groq.AsyncGroq(api_key="none", base_url=address, http_client=http, max_retries=0)

    async def read(_: int) -> AsyncIterator[str]:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async for chunk in stream:
            yield chunk.choices[0].delta.content or ""

    return read, client.close


async def measure(read: Reader, streams: int, tokens: int) -> float:
    """CPU microseconds a token; fails when one is missing."""

    async def one(number: int) -> int:
        return sum([len(text) async for text in read(number)])

    began = time.process_time()
    counts = await asyncio.gather(*(one(number) for number in range(streams)))
    used = time.process_time() - began
    assert counts == [tokens * len(WORD)] * streams, counts
    return used / (streams * tokens) * 1e6


async def compare(port: int, repeat: int, streams: int) -> None:
    """Every reader in turn, in each repetition."""
    for mode, count, tokens in (("burst", 1, BURST_TOKENS), ("paced", streams, PACED_TOKENS)):
        address = f"http://127.0.0.1:{port}/{mode}"

        async def nothing() -> None:
            pass

        readers: dict[str, tuple[Reader, Callable[[], Awaitable[None]]]] = {
            "asyncio and msgspec (floor)": (floor_reader(address), nothing),
            "GenPy": door(address),
            "GenPy, strict": strict(address),
            "groq SDK, aiohttp": sdk(address, aiohttp=True),
            "groq SDK, httpx": sdk(address, aiohttp=False),
        }
        costs: dict[str, list[float]] = {name: [] for name in readers}
        for turn in range(repeat + 1):
            for name, (read, _) in readers.items():
                cost = await measure(read, count, tokens)
                if turn:  # the first is to warm up
                    costs[name].append(cost)
        ratios = []
        for turn in range(PAIRS[mode]):
            names = ("GenPy", "GenPy, strict")
            pair = {}
            for name in names if turn % 2 else names[::-1]:
                pair[name] = await measure(readers[name][0], count, tokens)
            ratios.append(pair["GenPy"] / pair["GenPy, strict"] - 1)
        for _, close in readers.values():
            await close()
        base = statistics.median(costs["asyncio and msgspec (floor)"])
        print(f"\n{mode}: {count} x {tokens:,} tokens")
        print(f"{'reader':<30}{'us/token':>10}{'ratio':>8}")
        for name, each in costs.items():
            cost = statistics.median(each)
            print(f"{name:<30}{cost:>10.1f}{cost / base:>8.1f}")
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"leniency costs {middle:+.1%} a token ({low:+.1%} to {high:+.1%}: half of the pairs)"
        )


def main() -> None:
    """Parse, start the service, compare, stop it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    packages = ", ".join(f"{name} {version(name)}" for name in ("groq", "aiohttp", "httpx"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Python {platform.python_version()}, {packages}, {os.cpu_count()} cores{load}")
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            port = int(service.stdout.readline())
            asyncio.run(compare(port, options.repeat, options.streams))
        finally:
            service.terminate()


if __name__ == "__main__":
    main()
