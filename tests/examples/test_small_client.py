"""The client in sixty lines: whole replies, once, over connections that are cut."""

import ast
import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.raw_server import raw_server

from examples.small_client import SmallClient

PIECES = [f"piece {number}; " for number in range(200)]


@asynccontextmanager
async def cutting(url: str, after: int):
    """A proxy that cuts a connection after so many bytes from the server, and each next one later."""
    place, cuts = urlsplit(url), [0]

    async def pump(reader, writer, limit):
        with suppress(ConnectionError):
            while data := await reader.read(64):
                writer.write(data)
                await writer.drain()
                limit -= len(data)
                if limit <= 0:
                    break

    async def proxy(reader, writer):
        cuts[0] += 1
        theirs, ours = await asyncio.open_connection(place.hostname, place.port)
        up = asyncio.create_task(pump(reader, ours, 1 << 30))
        try:
            await pump(theirs, writer, after * (1 + cuts[0] // 2))
        finally:
            up.cancel()
            for one in (ours, writer):
                one.transport.abort()

    async with raw_server(proxy) as address:
        yield address, cuts


@pytest.mark.parametrize("after", [400, 700, 1_100, 1_900])
async def test_a_reply_survives_its_cuts(server, upstream, after):
    """Cut again and again, within snapshots and within deltas, the client has the reply once."""
    upstream.say(*PIECES)
    async with cutting(server.url, after) as (url, cuts):
        client = SmallClient(url, "one")
        async with asyncio.timeout(60):
            assert await client.ask("Say it in pieces") == "".join(PIECES)
        assert cuts[0] > 1
    assert len([r for r in upstream.requests if r["path"].endswith("/completions")]) == 1


async def test_a_conversation_goes_on(server, upstream):
    """A second question on a connection of its own is answered, with the first reply known."""
    client = SmallClient(server.url, "one")
    upstream.say("First.")
    upstream.say("Second.")
    assert await client.ask("One?") == "First."
    assert await client.ask("Two?") == "Second."
    assert list(client.replies.values()) == ["First.", "Second."]


def test_it_has_sixty_lines():
    """Without its description, its imports and empty lines the client has 60 lines at most."""
    source = (Path(__file__).parents[2] / "examples" / "small_client.py").read_text("utf-8")
    body = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef | ast.If)]
    lines = [line for node in body for line in ast.unparse(node).splitlines() if line.strip()]
    assert len(lines) <= 60
