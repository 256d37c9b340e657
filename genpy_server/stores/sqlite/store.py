"""Stores conversations in one SQLite file; the default store.

A method runs the function of its name in a thread.
"""

import asyncio
import errno
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from genpy_server.core.models import Hit
from genpy_server.errors import StoreError, StoreForbidden
from genpy_server.stores.base import (
    Indexing,
    Opened,
    Store,
    StoreHealth,
    arguments_of,
    known_state,
)
from genpy_server.stores.sqlite import approvals as approval_sql
from genpy_server.stores.sqlite import messages as message_sql
from genpy_server.stores.sqlite import schema, transfer
from genpy_server.stores.sqlite import search as search_sql
from genpy_server.stores.sqlite import servers as server_sql
from genpy_server.stores.sqlite import sessions as session_sql
from genpy_server.stores.sqlite.file import DatabaseFile
from genpy_server.stores.sqlite.runner import Runner

P = ParamSpec("P")
T = TypeVar("T")

ROOM_BYTES = 256 * 1024
"""A disk with less free space is full: the size of a long message with its index."""

INDEXED = 200
"""Rows of other programs that a search indexes first; more of them are indexed behind it."""

_Promised = Callable[Concatenate[Any, P], Coroutine[Any, Any, Any]]
_Method = Callable[Concatenate["SqliteStore", P], Coroutine[Any, Any, T]]


def _reads(promised: _Promised[P], function: Callable[..., T]) -> _Method[P, T]:
    """A method of `Store` that calls the function, with its arguments by name, to read."""
    named = arguments_of(promised)

    async def method(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.read(partial(function, **named(*args, **kwargs)))

    return method


def _writes(promised: _Promised[P], function: Callable[..., T]) -> _Method[P, T]:
    """A method of `Store` that calls the function, with its arguments by name, to write."""
    named = arguments_of(promised)

    async def method(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.write(partial(function, **named(*args, **kwargs)))

    return method


def _found(connection: sqlite3.Connection, **given: Any) -> Opened:
    """A session with its messages and memory, read in one transaction."""
    session = session_sql.session(connection, **given)
    if session is None:
        return Opened(None, [], None)
    return Opened(
        session,
        message_sql.messages(connection, **given, before=None, after=None),
        session_sql.memory(connection, **given),
        left=server_sql.waits(connection, given),
    )


def _searched(connection: sqlite3.Connection, **given: Any) -> tuple[list[Hit], bool]:
    """The hits, and whether rows of other programs are not indexed."""
    return search_sql.search(connection, **given), search_sql.is_missing(connection)


class SqliteStore:
    """See `stores.base.Store`."""

    kind = "sqlite"

    def __init__(self, path: Path, *, busy_seconds: float = schema.BUSY_SECONDS) -> None:
        self._path = path
        self._indexing = Indexing(self._index)
        self.indexed = self._indexing.end
        self._file: DatabaseFile | None = None
        self._recalling = asyncio.Lock()
        self._takes_changes = True
        """False from a failure to index until a change succeeds."""
        self.runner = Runner(partial(schema.connect, path, busy_seconds=busy_seconds))

    async def open(self) -> None:
        try:
            await self.runner.start()
            await asyncio.to_thread(schema.checkpoint, self._path)
            if not await self.runner.read(search_sql.is_indexed):
                self._indexing.start()
        except sqlite3.Error as error:
            raise schema.translated(error, self._path) from error
        self._file = DatabaseFile(self._path)

    async def _index(self) -> bool:
        try:
            return await self.run(self.runner.write, search_sql.reindex)
        except StoreForbidden:  # without changes an index in many parts finds the same
            if await self.read(search_sql.is_incomplete):
                raise
            return False

    async def close(self) -> None:
        await self._indexing.stop()
        file, self._file = self._file, None  # SQLite removes the log at the end of the last write
        if file is not None:
            file.close()
        await self.runner.stop()

    def check_file(self) -> None:
        if self._file is not None:
            self._file.check()

    async def check(self) -> StoreHealth:
        self.check_file()
        counted = await self.read(session_sql.counts)
        full = None if await asyncio.to_thread(self._has_room) else schema.full(self._path)
        return StoreHealth(self.kind, str(self._path), *counted, full=full)

    def _has_room(self) -> bool:
        """Whether a message fits on the disk; writes a file, since free space ignores quotas."""
        try:
            with TemporaryFile(dir=self._path.parent) as file:
                file.write(bytes(ROOM_BYTES))
        except OSError as error:
            return error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        return True

    async def run(
        self,
        where: Callable[[Callable[[sqlite3.Connection], T]], Awaitable[T]],
        call: Callable[[sqlite3.Connection], T],
    ) -> T:
        """Run a call in one of the runner's threads; raises errors of SQLite as `StoreError`."""
        try:
            return await where(call)
        except sqlite3.Error as error:
            raise schema.translated(error, self._path) from error

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a call in a reading transaction."""
        return await self.run(self.runner.read, call)

    async def write(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a call in a writing transaction."""
        self.check_file()  # SQLite would mix its commits with what another program wrote
        result = await self.run(self.runner.write, call)
        self.check_file()  # a commit to a removed file is lost
        self._takes_changes = True
        return result

    append = _writes(Store.append, message_sql.append)
    find_client_id = _reads(Store.find_client_id, message_sql.find_client_id)
    messages = _reads(Store.messages, message_sql.messages)
    metrics = _reads(Store.metrics, message_sql.metrics)
    usage = _reads(Store.usage, message_sql.usage)

    _search = _reads(Store.search, _searched)

    async def search(
        self, user_id: str, query: str, *, distinct: bool = False, **options: Any
    ) -> list[Hit]:
        """Those of distinct hits, for replies, run one at a time.

        They are short, and Python runs one thread at a time: beside each other they would all be
        late, and so would every token.
        """
        async with self._recalling if distinct else nullcontext():
            hits, is_missing = await self._search(user_id, query, distinct=distinct, **options)
            if not (is_missing and self._takes_changes):
                return hits
            try:
                await self.write(partial(search_sql.index_missing, most=INDEXED))
            except StoreError:  # what takes no changes, or is locked, can be read
                self._takes_changes = False
                return hits
            self._indexing.start()
            return (await self._search(user_id, query, distinct=distinct, **options))[0]

    session = _reads(Store.session, session_sql.session)
    sessions = _reads(Store.sessions, session_sql.sessions)
    rename = _writes(Store.rename, session_sql.rename)
    configure = _writes(Store.configure, session_sql.configure)
    rate = _writes(Store.rate, session_sql.rate)
    delete = _writes(Store.delete, session_sql.delete)

    async def attach(
        self, user_id: str, session_id: str, *, limit: int, live_seconds: float, server: str
    ) -> Opened:
        found = await self._found(
            user_id, session_id, limit=limit, live_seconds=live_seconds, server=server
        )
        if found.session is None:
            return found
        known = {session_id: known_state(found.session.state, found.memory)}
        try:
            hosted = await self.touch(known, live_seconds, server)
        except StoreForbidden:  # what takes no changes can be read
            return msgspec.structs.replace(found, left=False)
        return msgspec.structs.replace(
            found,
            elsewhere=any(one.elsewhere for one in hosted),
            left=found.left or any(one.left for one in hosted),
        )

    _found = _reads(Store.attach, _found)
    touch = _writes(Store.touch, session_sql.touch)
    abandoned = _reads(Store.abandoned, session_sql.abandoned)
    claim_ending = _writes(Store.claim_ending, session_sql.claim_ending)
    finish_ending = _writes(Store.finish_ending, session_sql.finish_ending)
    release_ending = _writes(Store.release_ending, session_sql.release_ending)

    secret = _reads(Store.secret, server_sql.secret)
    beat = _writes(Store.beat, server_sql.beat)
    journal = _writes(Store.journal, server_sql.journal)
    take_over = _writes(Store.take_over, server_sql.take_over)
    interrupted = _reads(Store.interrupted, server_sql.interrupted)

    memory = _reads(Store.memory, session_sql.memory)
    extend_memory = _writes(Store.extend_memory, session_sql.extend_memory)

    approved_tools = _reads(Store.approved_tools, approval_sql.approved_tools)
    approve_tool = _writes(Store.approve_tool, approval_sql.approve_tool)
    revoke_tool = _writes(Store.revoke_tool, approval_sql.revoke_tool)

    import_session = _writes(Store.import_session, transfer.import_session)
