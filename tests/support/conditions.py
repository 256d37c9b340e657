"""Waiting for a condition instead of for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that a busy machine may take; a test that passes never waits for them."""


async def eventually(ask: Callable[[], Awaitable[T]], *, within: float = PATIENCE) -> T:
    """The first true answer; fails when there is none within so many seconds."""
    async with asyncio.timeout(within):
        while not (answer := await ask()):  # noqa: ASYNC110 - a database sends no event
            await asyncio.sleep(0.01)
        return answer
