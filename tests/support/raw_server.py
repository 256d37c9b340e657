"""A server for tests whose every connection is a function of its streams."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from support.conditions import PATIENCE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server; a connection is closed when its function returns or the test ends.

    One that outlived its event loop would fail whichever test the garbage is collected in.
    """
    served: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served[asyncio.current_task()] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        active = True
        async with asyncio.timeout(PATIENCE):
            while active:
                while served:
                    task, writer = served.popitem()
                    if task is not None:
                        task.cancel()
                    writer.transport.abort()
                await asyncio.sleep(0.001)
                # Of asyncio up to 3.12 and since; uvloop does not tell.
                active = bool(getattr(server, "_active_count", getattr(server, "_clients", 0)))
