"""A reader of a client for tests, which waits for what a test wants to see."""

import asyncio

from support.conditions import PATIENCE

from genpy_server.client.session_client import SessionClient


async def soon(seconds: float) -> None:
    """A wait that is over at once, whatever was asked for."""
    await asyncio.sleep(min(seconds, 0.01))


class Watcher:
    """Reads a client in the background, and waits for what a test wants to see."""

    def __init__(self, client: SessionClient) -> None:
        self.client = client
        self.seen: list[object] = []
        self._more = asyncio.Condition()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for event in self.client:
            async with self._more:
                self.seen.append(event)
                self._more.notify_all()

    async def until(self, kind: type, count: int = 1, when=lambda _: True):
        """The `count`-th event of a kind."""

        def found() -> list[object]:
            return [e for e in self.seen if isinstance(e, kind) and when(e)]

        async with asyncio.timeout(PATIENCE), self._more:
            await self._more.wait_for(lambda: len(found()) >= count)
        return found()[count - 1]

    async def done(self) -> None:
        """Leave, and see the iteration end."""
        await self.client.close()
        async with asyncio.timeout(PATIENCE):
            await self._task
