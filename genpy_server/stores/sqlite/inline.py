"""Runs a store's statements on the calling thread, for commands that need no event loop.

With `InlineRunner` no method of the store ever suspends, so that `run_inline` can drive it
without asyncio, whose import takes longer than most commands.
"""

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from genpy_server.errors import StoreUnavailable
from genpy_server.stores.sqlite.schema import transaction

P = ParamSpec("P")
T = TypeVar("T")

Connect = Callable[[], sqlite3.Connection]


class Runner(Protocol):
    """Where the functions of a store run; each gets a connection inside a transaction."""

    async def start(self, connect: Connect) -> None:
        """Open the connections."""

    async def read(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `fn` returns, from one state of the database."""

    async def write(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `fn` returns, once it is committed; nothing of it is kept when it raises."""

    async def stop(self) -> None:
        """Finish what is under way and close the connections."""


class InlineRunner:
    """One connection, one thread: the caller's."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None

    async def start(self, connect: Connect) -> None:
        """See `Runner.start`."""
        self._connection = connect()

    async def read(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Runner.read`."""
        return run_read(self._opened(), fn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Runner.write`."""
        connection = self._opened()
        with transaction(connection):
            return fn(connection, *args, **kwargs)

    async def stop(self) -> None:
        """See `Runner.stop`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable("The database is not open.")
        return self._connection


def run_read(
    connection: sqlite3.Connection,
    fn: Callable[Concatenate[sqlite3.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """`fn` within one snapshot of the database."""
    with transaction(connection, "BEGIN"):
        return fn(connection, *args, **kwargs)


def run_inline(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("This coroutine waits for something; it needs an event loop.")
