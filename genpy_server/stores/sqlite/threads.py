"""Runs a store's statements beside an event loop: one thread writes, a few others read.

Writes that wait together are one transaction with one commit (group commit): an fsync takes
milliseconds, and serves all of them. Each has a savepoint of its own, and each caller is
answered after the commit. Readers have their own connections, so that a long search delays no
commit.
"""

import asyncio
import queue
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from genpy_server.errors import StoreUnavailable
from genpy_server.stores.sqlite.inline import Connect, run_read
from genpy_server.stores.sqlite.schema import transaction

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3
GROUP = 256
"""Writes that share one commit at most."""


class _Job:
    """A call that somebody waits for."""

    __slots__ = ("call", "error", "future", "result")

    def __init__(
        self, call: Callable[[sqlite3.Connection], Any], future: asyncio.Future[Any]
    ) -> None:
        self.call = call
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None


Jobs = queue.SimpleQueue[_Job | None]
Serve = Callable[[sqlite3.Connection, Sequence[_Job]], None]


class ThreadRunner:
    """See `sqlite_inline.Runner`; belongs to the event loop that started it."""

    def __init__(self) -> None:
        self._reads: Jobs = queue.SimpleQueue()
        self._writes: Jobs = queue.SimpleQueue()
        self._threads: list[Thread] = []
        self._open = False

    async def start(self, connect: Connect) -> None:
        """Open the writer, which makes the file where there is none, then the readers."""
        self._reads, self._writes = queue.SimpleQueue(), queue.SimpleQueue()
        await self._start(partial(_Lane, self._writes, _serve_writes, GROUP), connect)
        for _ in range(READERS):
            await self._start(partial(_Lane, self._reads, _serve_reads, 1), connect)
        self._open = True

    async def _start(self, lane: "Callable[..., _Lane]", connect: Connect) -> None:
        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()
        # A daemon: a program that forgets to close its store still ends.
        run = lane(loop=loop, connect=connect, started=started).run
        thread = Thread(target=run, name="genpy-sqlite", daemon=True)
        thread.start()
        self._threads.append(thread)
        await started

    async def read(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Runner.read`."""
        return await self._put(self._reads, lambda connection: fn(connection, *args, **kwargs))

    async def write(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """See `Runner.write`; goes through even when the caller stops waiting."""
        return await self._put(self._writes, lambda connection: fn(connection, *args, **kwargs))

    def _put(self, jobs: Jobs, call: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        if not self._open:
            raise StoreUnavailable("The database is not open.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        jobs.put(_Job(call, future))
        return future

    async def stop(self) -> None:
        """Serve what waits, then end the threads and close their connections."""
        self._open = False
        threads, self._threads = self._threads, []
        for number in range(len(threads)):
            (self._reads if number else self._writes).put(None)
        for thread in threads:
            await asyncio.to_thread(thread.join)


class _Lane:
    """One thread and its connection, serving a queue until it gets None."""

    def __init__(
        self,
        jobs: Jobs,
        serve: Serve,
        group: int,
        *,
        loop: asyncio.AbstractEventLoop,
        connect: Connect,
        started: asyncio.Future[None],
    ) -> None:
        self._jobs = jobs
        self._serve = serve
        self._group = group
        self._loop = loop
        self._connect = connect
        self._started = _Job(lambda _: None, started)

    def run(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - raised where the store is opened
            self._started.error = error
            self._answer([self._started])
            return
        self._answer([self._started])
        while batch := self._take():
            self._serve(connection, batch)
            self._answer(batch)
        connection.close()

    def _take(self) -> list[_Job]:
        """The next jobs, as many as wait; none at the end."""
        job = self._jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == self._group or self._jobs.empty():
                return batch
            job = self._jobs.get()
        if batch:
            self._jobs.put(None)
        return batch

    def _answer(self, batch: list[_Job]) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, batch)


def _serve_reads(connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
    for job in batch:
        try:
            job.result = run_read(connection, job.call)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            job.error = error


def _serve_writes(connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
    """One commit for all; when that fails, one for each, so that nobody fails for another."""
    try:
        with transaction(connection):
            for job in batch:
                _attempt(connection, job)
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        if len(batch) == 1 or _is_busy(error):
            for job in batch:
                job.error = error
        else:
            for job in batch:
                _serve_writes(connection, [job])


def _attempt(connection: sqlite3.Connection, job: _Job) -> None:
    job.error = None
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.call(connection)
    except Exception as error:
        # Some errors (a full disk) end the whole transaction, and with it this savepoint.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        job.error = error
    connection.execute("RELEASE job")


def _is_busy(error: Exception) -> bool:
    """Another process holds the file; asking again for each job would wait as often."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _resolve(batch: Sequence[_Job]) -> None:
    for job in batch:
        if job.future.done():  # the caller stopped waiting
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
