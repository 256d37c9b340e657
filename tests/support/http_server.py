"""The server's front alone for tests: a port, a gate and a table, with an echo behind it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from support.conditions import PATIENCE

from genpy_server import settings
from genpy_server.settings import Limits
from genpy_server.web.auth import Attach, Gate
from genpy_server.web.handover import SessionSocket
from genpy_server.web.messages import Response
from genpy_server.web.router import Call, Route, Router
from genpy_server.web.server import HttpServer, listen


class Anything(msgspec.Struct):
    """A body with one field."""

    text: str


async def echo(call: Call[Any, Anything]) -> Response:
    """Answer what came."""
    return Response.json(call.body)


async def page(call: Call[Any, Any]) -> Response:
    """Answer a file."""
    return Response.file(b"a page", "text/plain")


async def failing(call: Call[Any, Any]) -> Response:
    """Have a bug."""
    raise ZeroDivisionError("secret detail")


ECHO = (
    Route("POST", "/echo", echo, "Answer what came.", body=Anything),
    Route("GET", "/page", page, "Answer a file.", public=True),
    Route("GET", "/failing", failing, "Have a bug.", public=True),
)


@dataclass
class Listening:
    """A server that listens; `attached` is what sockets asked for."""

    server: HttpServer
    url: str
    port: int
    attached: list[Attach] = field(default_factory=list)

    async def connect(self, ws: SessionSocket) -> None:
        """Send back what a socket says, the first time with its user."""
        self.attached.append(ws.attach)
        async for message in ws:
            await ws.send(message)

    async def exchange(self, *pieces: bytes, finish: bool = False) -> bytes:
        """Send pieces, each on its own, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if finish:
                    writer.write_eof()
                return await reader.read()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def busy(self) -> None:
        """Wait until the server has a connection."""
        async with asyncio.timeout(PATIENCE):
            while self.server.empty:  # noqa: ASYNC110 - the library sends no event
                await asyncio.sleep(0.001)

    async def empty(self) -> None:
        """Wait until the server has closed every connection."""
        async with asyncio.timeout(PATIENCE):
            while not self.server.empty:  # noqa: ASYNC110 - the library sends no event
                await asyncio.sleep(0.001)


@asynccontextmanager
async def listening(
    *,
    routes: Sequence[Route] = ECHO,
    app: Any = None,
    limits: dict[str, Any] | None = None,
    **variables: str,
) -> AsyncIterator[Listening]:
    """A server on a free port, with settings from these variables alone."""
    configured = settings.load({"GENPY_PORT": "0", **variables})
    configured = msgspec.structs.replace(configured, limits=Limits(**(limits or {})))
    running = Listening(None, "", 0)
    running.server = await listen(
        settings=configured,
        gate=Gate(configured),
        router=Router(routes, app),
        connect=running.connect,
    )
    running.url = running.server.url
    running.port = int(running.url.rpartition(":")[2])
    try:
        yield running
    finally:
        running.server.close()
        await running.server.wait_closed()
