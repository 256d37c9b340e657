"""A proxy in front of a Supabase API that counts calls, holds some back and loses answers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from support.raw_server import raw_server

CALL = re.compile(rb"(?:POST|GET) /rest/v1/rpc/genpy_(\w+)")


class CountingProxy:
    """`calls` has the functions that were called, in the order in which the calls arrived."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = parts.hostname, parts.port
        self.calls: list[str] = []
        self.held: dict[str, str] = {}
        """Functions whose calls go on once another one was called."""
        self.lost: set[str] = set()
        """Functions whose next call is carried out and not answered: the connection breaks."""
        self.delay = 0.0
        """Seconds that each call takes longer."""
        self.url = ""
        self._called = asyncio.Condition()

    def take(self) -> list[str]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there, back = await asyncio.open_connection(*self._upstream)
        called: list[str] = []
        try:
            await asyncio.gather(
                self._requests(reader, back, called), self._answers(there, writer, called)
            )
        finally:
            back.close()

    async def _requests(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, called: list[str]
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 20):
                for name in (found.decode() for found in CALL.findall(data)):
                    called[:] = [name]
                    await self._call(name)
                target.write(data)
                await target.drain()
        target.close()

    async def _call(self, name: str) -> None:
        async with self._called:
            self.calls.append(name)
            self._called.notify_all()
            if name in self.held:
                await self._called.wait_for(lambda: self.held[name] in self.calls)
        await asyncio.sleep(self.delay)

    async def _answers(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, called: list[str]
    ) -> None:
        with suppress(ConnectionError):
            while data := await source.read(1 << 20):
                if self.lost.intersection(called):
                    self.lost.difference_update(called)
                    target.transport.abort()
                    return
                target.write(data)
                await target.drain()
        target.close()


@asynccontextmanager
async def counting(upstream: str) -> AsyncIterator[CountingProxy]:
    """A proxy that listens."""
    proxy = CountingProxy(upstream)
    async with raw_server(proxy.serve) as proxy.url:
        yield proxy
