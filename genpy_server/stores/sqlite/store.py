"""Conversations in one SQLite file: the store of everyone who configures nothing.

    SqliteStore(path)                  in a server: threads beside the event loop
    SqliteStore(path, InlineRunner())  in a command: on the calling thread, without asyncio

The statements stand in `messages`, `search`, `sessions` and `transfer`.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from genpy_server.core.models import (
    Hit,
    Memory,
    Message,
    MessageMeta,
    Metrics,
    Role,
    Session,
    SessionStatus,
    checked_rating,
)
from genpy_server.core.text import storable, storable_tree
from genpy_server.errors import StoreUnavailable
from genpy_server.stores.base import Appended, Ending, Result, StoreHealth
from genpy_server.stores.sqlite import messages, schema, search, sessions, transfer
from genpy_server.stores.sqlite.errors import translated
from genpy_server.stores.sqlite.inline import Runner
from genpy_server.stores.transfer import checked_messages, checked_session

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """See `stores.base.Store`."""

    kind = "sqlite"

    def __init__(
        self,
        path: Path,
        runner: Runner | None = None,
        *,
        busy_seconds: float = schema.BUSY_SECONDS,
    ) -> None:
        self._path = path
        self._runner = runner or _thread_runner()
        self._connect = partial(schema.connect, path, busy_seconds=busy_seconds)

    async def open(self) -> None:
        """See `Store.open`."""
        try:
            await self._runner.start(self._connect)
        except sqlite3.Error as error:
            await self._runner.stop()
            raise translated(error, self._path) from error
        except BaseException:
            await self._runner.stop()
            raise

    async def close(self) -> None:
        """See `Store.close`."""
        await self._runner.stop()

    async def check(self) -> StoreHealth:
        """See `Store.check`."""
        if not self._path.exists():
            raise StoreUnavailable(
                f"The database {self._path} was moved or removed. Put it back, or start GenPy anew."
            )
        counted = await self._read(sessions.counts)
        return StoreHealth(self.kind, str(self._path), *counted)

    async def _read(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await self._runner.read(fn, *args, **kwargs)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    async def _write(
        self, fn: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            return await self._runner.write(fn, *args, **kwargs)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    async def append(
        self,
        user_id: str,
        session_id: str,
        role: Role,
        text: str,
        *,
        title: str,
        client_id: str | None = None,
        meta: MessageMeta = MessageMeta(),
        live_seconds: float = 0,
        known: int = 0,
    ) -> Appended:
        """See `Store.append`."""
        return await self._write(
            messages.append,
            user_id,
            session_id,
            role,
            storable(text),
            title=storable(title),
            client_id=None if client_id is None else storable(client_id),
            meta=meta,
            live_seconds=live_seconds,
            known=known,
        )

    async def find_client_id(self, user_id: str, session_id: str, client_id: str) -> Message | None:
        """See `Store.find_client_id`."""
        return await self._read(messages.find_client_id, user_id, session_id, storable(client_id))

    async def messages(
        self,
        user_id: str,
        session_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Message]:
        """See `Store.messages`."""
        return await self._read(
            messages.messages, user_id, session_id, limit=limit, before=before, after=after
        )

    async def search(
        self,
        user_id: str,
        query: str,
        *,
        limit: int,
        session_id: str | None = None,
        neighbours: bool = False,
        before: int | None = None,
        distinct: bool = False,
    ) -> list[Hit]:
        """See `Store.search`."""
        return await self._read(
            search.search,
            user_id,
            query,
            limit=limit,
            session_id=session_id,
            neighbours=neighbours,
            before=before,
            distinct=distinct,
        )

    async def with_neighbours(self, user_id: str, hits: Sequence[Hit]) -> list[Hit]:
        """See `Store.with_neighbours`."""
        return await self._read(search.with_neighbours, user_id, hits)

    async def metrics(self, user_id: str, session_id: str) -> Metrics:
        """See `Store.metrics`."""
        return await self._read(messages.metrics, user_id, session_id)

    async def session(self, user_id: str, session_id: str) -> Session | None:
        """See `Store.session`."""
        return await self._read(sessions.session, user_id, session_id)

    async def sessions(
        self,
        user_id: str,
        *,
        limit: int,
        before: int | None = None,
        status: SessionStatus | None = None,
        query: str | None = None,
        id_prefix: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> list[Session]:
        """See `Store.sessions`."""
        return await self._read(
            sessions.sessions,
            user_id,
            limit=limit,
            before=before,
            status=status,
            query=query and storable(query),
            id_prefix=id_prefix and storable(id_prefix),
            since=since,
            until=until,
        )

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """See `Store.rename`."""
        return await self._write(sessions.rename, user_id, session_id, storable(title))

    async def rate(self, user_id: str, session_id: str, rating: int) -> Session:
        """See `Store.rate`; `BadRequest` for another rating."""
        rating = checked_rating(rating)
        return await self._write(sessions.rate, user_id, session_id, rating)

    async def delete(self, user_id: str, session_id: str) -> None:
        """See `Store.delete`."""
        await self._write(sessions.delete, user_id, session_id)

    async def touch(self, session_ids: Sequence[str], live_seconds: float) -> None:
        """See `Store.touch`."""
        await self._write(sessions.touch, session_ids, live_seconds)

    async def abandoned(self, limit: int) -> list[tuple[str, str]]:
        """See `Store.abandoned`."""
        return await self._read(sessions.abandoned, limit)

    async def claim_ending(
        self,
        user_id: str,
        session_id: str,
        *,
        lease_seconds: float,
        abandoned_only: bool = False,
        again: bool = False,
    ) -> Ending | None:
        """See `Store.claim_ending`."""
        return await self._write(
            sessions.claim_ending,
            user_id,
            session_id,
            lease_seconds=lease_seconds,
            abandoned_only=abandoned_only,
            again=again,
        )

    async def finish_ending(self, ending: Ending, result: Result) -> Session | None:
        """See `Store.finish_ending`."""
        clean = msgspec.convert(storable_tree(msgspec.to_builtins(result)), Result)
        return await self._write(sessions.finish_ending, ending, clean)

    async def release_ending(self, ending: Ending) -> None:
        """See `Store.release_ending`."""
        await self._write(sessions.release_ending, ending)

    async def memory(self, user_id: str, session_id: str) -> Memory | None:
        """See `Store.memory`."""
        return await self._read(sessions.memory, user_id, session_id)

    async def extend_memory(
        self, user_id: str, session_id: str, memory: Memory, *, previous_upto: int
    ) -> bool:
        """See `Store.extend_memory`."""
        clean = Memory(storable(memory.text), memory.upto)
        return await self._write(
            sessions.extend_memory, user_id, session_id, clean, previous_upto=previous_upto
        )

    async def import_session(self, session: Session, messages: Sequence[dict[str, Any]]) -> int:
        """See `Store.import_session`; `BadRequest` for what cannot be read."""
        checked = checked_session(session)
        return await self._write(
            transfer.import_session, checked, checked_messages(checked, messages)
        )


def _thread_runner() -> Runner:
    from genpy_server.stores.sqlite.threads import ThreadRunner  # noqa: PLC0415 - imports asyncio

    return ThreadRunner()
