"""Events between a reader that never waits and a consumer that may be slow."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from genpy_server.wire import Delta

T = TypeVar("T")


class EventBuffer(Generic[T]):
    """Keeps every event in order; deltas of one run that follow each other wait as one."""

    def __init__(self) -> None:
        self._items: deque[T | list[Delta]] = deque()
        self._arrived = asyncio.Event()
        self._finished = False

    def put(self, event: T) -> None:
        """Take an event; never waits."""
        if isinstance(event, Delta):
            last = self._items[-1] if self._items else None
            if isinstance(last, list) and _follows(last[-1], event):
                last.append(event)
            else:
                self._items.append([event])
        else:
            self._items.append(event)
        self._arrived.set()

    def finish(self) -> None:
        """There will be no more."""
        self._finished = True
        self._arrived.set()

    async def take(self) -> T | Delta | None:
        """The next event, or None when there will be no more."""
        while not self._items:
            if self._finished:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        return _joined(item) if isinstance(item, list) else item


def _follows(last: Delta, delta: Delta) -> bool:
    return last.run == delta.run and last.offset + len(last.text) == delta.offset


def _joined(deltas: list[Delta]) -> Delta:
    text = "".join(delta.text for delta in deltas)
    return Delta(deltas[-1].seq, deltas[0].run, deltas[0].offset, text)
