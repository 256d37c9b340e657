"""Stores conversations in one SQLite file; the default store.

The SQL is in the other modules, as functions of a connection inside a transaction. A method of the
store runs one of them in a thread.
"""

import asyncio
import errno
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from genpy_server.core.models import Hit
from genpy_server.core.text import storable_value
from genpy_server.errors import StoreError, StoreForbidden
from genpy_server.stores.base import Opened, StoreHealth, known_state, repeat_with_rests
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

log = logging.getLogger("genpy.sqlite")

ROOM_BYTES = 256 * 1024
"""A disk with less free space is full: the size of a long message with its index."""

INDEXED = 200
"""Rows of other programs that a search indexes first; more of them are indexed behind it."""

_Function = Callable[Concatenate[sqlite3.Connection, P], T]
_Method = Callable[Concatenate["SqliteStore", P], Coroutine[Any, Any, T]]


def _reads(function: _Function[P, T]) -> _Method[P, T]:
    """A method of `Store` that runs the function in a reading transaction."""

    async def method(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(self.runner.read, _bound(function, *args, **kwargs))

    return method


def _writes(function: _Function[P, T]) -> _Method[P, T]:
    """A method of `Store` that runs the function in a writing transaction."""

    async def method(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.check_file()  # SQLite would mix its commits with what another program wrote
        result = await self.run(self.runner.write, _bound(function, *args, **kwargs))
        self.check_file()  # a commit to a removed file is lost
        self._takes_changes = True
        return result

    return method


def _bound(
    function: _Function[P, T], *args: P.args, **kwargs: P.kwargs
) -> Callable[[sqlite3.Connection], T]:
    """The call, with its arguments converted to values that SQLite can store."""
    clean = [storable_value(value) for value in args]
    named = {name: storable_value(value) for name, value in kwargs.items()}
    return lambda connection: function(connection, *clean, **named)  # type: ignore[arg-type]  # of the same types


def _found(
    connection: sqlite3.Connection, user_id: str, session_id: str, *, limit: int, server: str
) -> Opened:
    """A session with its messages and memory, read in one transaction."""
    session = session_sql.session(connection, user_id, session_id)
    if session is None:
        return Opened(None, [], None)
    return Opened(
        session,
        message_sql.messages(connection, user_id, session_id, limit=limit),
        session_sql.memory(connection, user_id, session_id),
        left=server_sql.waits(connection, session_id, server),
    )


def _searched(
    connection: sqlite3.Connection, /, user_id: str, query: str, **options: Any
) -> tuple[list[Hit], bool]:
    """The hits, and whether rows of other programs are not indexed."""
    hits = search_sql.search(connection, user_id, query, **options)
    return hits, search_sql.is_missing(connection)


class SqliteStore:
    """See `stores.base.Store`."""

    kind = "sqlite"

    def __init__(self, path: Path, *, busy_seconds: float = schema.BUSY_SECONDS) -> None:
        self._path = path
        self._reindexing: asyncio.Task[None] | None = None
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
                self._reindexing = asyncio.create_task(self._reindex())
        except sqlite3.Error as error:
            raise schema.translated(error, self._path) from error
        self._file = DatabaseFile(self._path)

    def _is_reindexing(self) -> bool:
        return self._reindexing is not None and not self._reindexing.done()

    async def indexed(self) -> None:
        """Wait until the messages of an older version of the file are indexed."""
        if self._reindexing is not None:
            await asyncio.wait([self._reindexing])

    async def _reindex(self) -> None:
        """Index what is not, in short transactions with rests between them."""
        try:
            await repeat_with_rests(lambda: self.runner.write(search_sql.reindex))
        except sqlite3.Error as error:
            log.warning("index not finished: %s", schema.translated(error, self._path).code)

    async def close(self) -> None:
        if self._reindexing is not None:
            self._reindexing.cancel()
            await asyncio.wait([self._reindexing])
            self._reindexing = None
        file, self._file = self._file, None  # SQLite removes the log at the end of the last write
        if file is not None:
            file.close()
        await self.runner.stop()

    def check_file(self) -> None:
        if self._file is not None:
            self._file.check()

    async def check(self) -> StoreHealth:
        self.check_file()
        counted = await self.run(self.runner.read, session_sql.counts)
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

    append = _writes(message_sql.append)
    find_client_id = _reads(message_sql.find_client_id)
    messages = _reads(message_sql.messages)
    metrics = _reads(message_sql.metrics)
    usage = _reads(message_sql.usage)

    _search = _reads(_searched)
    _index_missing = _writes(search_sql.index_missing)

    async def search(
        self, user_id: str, query: str, *, distinct: bool = False, **options: Any
    ) -> list[Hit]:
        """See `Store.search`; those of distinct hits, for replies, run one at a time.

        They are short, and Python runs one thread at a time: beside each other they would all be
        late, and so would every token.
        """
        async with self._recalling if distinct else nullcontext():
            hits, is_missing = await self._search(user_id, query, distinct=distinct, **options)
            if not (is_missing and self._takes_changes):
                return hits
            try:
                await self._index_missing(INDEXED)
            except StoreError:  # what takes no changes, or is locked, can be read
                self._takes_changes = False
                return hits
            if not self._is_reindexing():
                self._reindexing = asyncio.create_task(self._reindex())
            return (await self._search(user_id, query, distinct=distinct, **options))[0]

    session = _reads(session_sql.session)
    sessions = _reads(session_sql.sessions)
    rename = _writes(session_sql.rename)
    configure = _writes(session_sql.configure)
    rate = _writes(session_sql.rate)
    delete = _writes(session_sql.delete)

    async def attach(
        self, user_id: str, session_id: str, *, limit: int, live_seconds: float, server: str
    ) -> Opened:
        found = await self._found(user_id, session_id, limit=limit, server=server)
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

    _found = _reads(_found)
    touch = _writes(session_sql.touch)
    abandoned = _reads(session_sql.abandoned)
    claim_ending = _writes(session_sql.claim_ending)
    finish_ending = _writes(session_sql.finish_ending)
    release_ending = _writes(session_sql.release_ending)

    secret = _reads(server_sql.secret)
    beat = _writes(server_sql.beat)
    journal = _writes(server_sql.journal)
    take_over = _writes(server_sql.take_over)
    interrupted = _reads(server_sql.interrupted)

    memory = _reads(session_sql.memory)
    extend_memory = _writes(session_sql.extend_memory)

    approved_tools = _reads(approval_sql.approved_tools)
    approve_tool = _writes(approval_sql.approve_tool)
    revoke_tool = _writes(approval_sql.revoke_tool)

    import_session = _writes(transfer.import_session)
