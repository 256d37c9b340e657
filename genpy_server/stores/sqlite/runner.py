"""Runs a store's statements in threads beside the event loop: one thread writes, up to three read.

Waiting writes share one transaction with one commit (group commit), since an fsync takes
milliseconds. Each write has its own savepoint, and its caller gets the result after the commit.
Readers have their own connections, so that a long search does not delay commits; a read is
interrupted if its caller stops waiting. One that begins beside a write is held until the write's
statements are executed, since Python runs one thread at a time: it works while the write is brought
to the disk.
"""

import asyncio
import queue
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from traceback import clear_frames
from typing import Any, TypeVar

import msgspec

from genpy_server.errors import StoreError, StoreUnavailable
from genpy_server.stores.sqlite.schema import as_text, transaction

T = TypeVar("T")

Connect = Callable[[], sqlite3.Connection]

READERS = 3
"""Threads that read at most; each is started when a read finds the others busy."""
GROUP = 256
"""The most writes that share one commit."""
WRITE_SECONDS = 0.005
"""How long a read lets waiting writes go first."""
STEPS = 4_000
"""Instructions of SQLite's virtual machine between checks whether a read is cancelled."""


class _Job(msgspec.Struct, eq=False):
    """A call with its caller's future."""

    call: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


Jobs = queue.SimpleQueue[_Job | None]
Serve = Callable[[sqlite3.Connection, Sequence[_Job]], None]


class Runner:
    """The threads of one store; belongs to the event loop that started it."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self._lanes: list[_Lane] = []
        self._reads: Jobs = queue.SimpleQueue()
        self._writes: Jobs = queue.SimpleQueue()
        self._writing = False
        """Whether a write waits for its statements."""
        self._held: deque[_Job] = deque()
        """Reads that let it go first."""
        self._reading = 0
        """Reads that run or wait."""

    async def start(self) -> None:
        """Open the writer, which creates a missing file, then a reader.

        Raises the errors of opening the file.
        """
        self._reads, self._writes = queue.SimpleQueue(), queue.SimpleQueue()
        self._writing = False
        try:
            await self._open(_Lane(self._writes, self._serve_writes, GROUP))
            await self._open(_Lane(self._reads, _serve_reads, 1))
        except BaseException:
            await self.stop()
            raise

    async def _open(self, lane: "_Lane") -> None:
        opened = lane.start(self.connect)
        self._lanes.append(lane)
        try:
            await opened
        except Exception:
            if lane in self._lanes:  # not stopped meanwhile
                self._lanes.remove(lane)
            raise

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run `call` in a reading transaction and return its result."""
        self._reading += 1
        try:
            readers = len(self._lanes) - 1
            if 0 < readers < min(self._reading, READERS):
                with suppress(sqlite3.Error, StoreError, OSError):  # another reads it later
                    await self._open(_Lane(self._reads, _serve_reads, 1))
            job, done = self._job(call)
            self._held.append(job)
            if not self._writing:
                self._release()
                return await done
            late = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._release)
            try:
                return await done
            finally:
                late.cancel()
        finally:
            self._reading -= 1

    def _release(self) -> None:
        with suppress(IndexError):
            while True:
                self._reads.put(self._held.popleft())

    async def write(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run `call` in a writing transaction and return its result after the commit.

        If it raises, its changes are rolled back. It is run even if the caller stops waiting.
        """
        job, done = self._job(call)
        self._writing = True
        self._writes.put(job)
        return await done

    def _serve_writes(self, connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
        _serve_writes(connection, batch, self._executed)
        self._executed()

    def _executed(self) -> None:
        """The statements of the waiting writes are executed."""
        self._writing = False
        self._release()

    def _job(self, call: Callable[[sqlite3.Connection], T]) -> "tuple[_Job, asyncio.Future[T]]":
        if not self._lanes:
            raise StoreUnavailable("The database is not open.")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return _Job(call, done), done

    async def stop(self) -> None:
        """Run the waiting calls, then end the threads and close their connections."""
        lanes, self._lanes = self._lanes, []
        self._release()
        for lane in lanes:
            lane.jobs.put(None)
        for lane in lanes:
            await asyncio.to_thread(lane.thread.join)


class _Lane:
    """One thread and its connection, serving a queue until it gets None."""

    def __init__(self, jobs: Jobs, serve: Serve, group: int) -> None:
        self.jobs = jobs
        self._serve = serve
        self._group = group

    def start(self, connect: Connect) -> asyncio.Future[None]:
        """Start the thread; the future is done when its connection is open."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        # A daemon thread, so that a program ends even if it does not close its store.
        self.thread = Thread(
            target=self._run, args=(loop, connect, opened), name="genpy-sqlite", daemon=True
        )
        self.thread.start()
        return opened

    def _run(
        self, loop: asyncio.AbstractEventLoop, connect: Connect, opened: asyncio.Future[None]
    ) -> None:
        opening = _Job(lambda _: None, opened)
        try:
            connection = connect()
        except Exception as error:  # noqa: BLE001 - raised where the store is opened
            opening.error = error
            _answer(loop, [opening])
            return
        _answer(loop, [opening])
        while batch := self._take():
            self._serve(connection, batch)
            _answer(loop, batch)
            del batch  # else the last results are held until the next job
        connection.close()

    def _take(self) -> list[_Job]:
        """The waiting jobs, at least one; none at the end."""
        job = self.jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == self._group or self.jobs.empty():
                return batch
            job = self.jobs.get()
        if batch:
            self.jobs.put(None)
        return batch


def _answer(loop: asyncio.AbstractEventLoop, batch: Sequence[_Job]) -> None:
    with suppress(RuntimeError):  # the loop is closed, so that nothing waits any more
        loop.call_soon_threadsafe(_resolve, batch)


def _serve_reads(connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
    for job in batch:
        connection.set_progress_handler(job.future.cancelled, STEPS)
        try:
            with transaction(connection, "BEGIN"):
                job.result = job.call(connection)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            if _is_worth_repeating(error, connection):
                _serve_reads(connection, [job])
            else:
                job.error = error
        finally:
            connection.set_progress_handler(None, STEPS)  # it holds the future with its result


def _serve_writes(
    connection: sqlite3.Connection, batch: Sequence[_Job], executed: Callable[[], None]
) -> None:
    """Commit all jobs at once; if that fails, each alone, so that none fails because of another."""
    is_alone = len(batch) == 1
    try:
        with transaction(connection):
            for job in batch:
                if is_alone:
                    job.result, job.error = job.call(connection), None
                else:
                    _attempt(connection, job)
            executed()
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        if is_alone and _is_worth_repeating(error, connection):
            _serve_writes(connection, batch, executed)
        elif is_alone or _is_busy(error):
            for job in batch:
                job.error = error
        else:
            for job in batch:
                _serve_writes(connection, [job], executed)


def _attempt(connection: sqlite3.Connection, job: _Job) -> None:
    job.error = None
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.call(connection)
    except Exception as error:  # raised to the job's caller only
        is_worth_repeating = _is_worth_repeating(error, connection)
        # Some errors (a full disk) end the whole transaction, and with it this savepoint.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO job")
        if is_worth_repeating:
            _attempt(connection, job)
        else:
            job.error = error
    connection.execute("RELEASE job")


def _is_worth_repeating(error: Exception, connection: sqlite3.Connection) -> bool:
    """Whether a call failed at text that is not UTF-8; from now on the connection accepts such text.

    The traceback is cleared: its cursors would keep a read transaction open.
    """
    clear_frames(error.__traceback__)
    is_python = isinstance(error, sqlite3.Error) and not hasattr(error, "sqlite_errorcode")
    if not is_python or connection.text_factory is as_text:
        return False
    connection.text_factory = as_text  # slower, so used only when needed
    return True


def _is_busy(error: Exception) -> bool:
    """Whether another process has locked the file; each further attempt would wait as long."""
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
