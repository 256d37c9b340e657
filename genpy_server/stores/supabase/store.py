"""Conversations in Supabase: each method is one call of a function in schema.sql.

The server holds the secret key; it is above row level security, and every function takes the owner.
"""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
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
from genpy_server.core.text import search_words, storable, storable_tree
from genpy_server.errors import NotFound, StoreTimeout, StoreUnavailable
from genpy_server.stores.base import EVENT_TYPES, Appended, Ending, Result, StoreHealth
from genpy_server.stores.supabase.client import TIMEOUT, Functions
from genpy_server.stores.supabase.rows import (
    Seen,
    found_session_of,
    hit_of,
    message_of,
    session_of,
    with_neighbours,
)
from genpy_server.stores.transfer import checked_messages, checked_session

log = logging.getLogger("genpy.supabase")


class SupabaseStore:
    """See `stores.base.Store`; belongs to the event loop in which it was opened."""

    kind = "supabase"

    def __init__(self, url: str, key: str, *, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._url = url
        self._functions = Functions(url, key, timeout)
        self._call = self._functions.call

    async def open(self) -> None:
        """See `Store.open`; a database that is away is waited for by whoever needs it."""
        self._functions.open()
        try:
            await self._look()
        except BaseException:
            await self.close()
            raise

    async def _look(self) -> None:
        try:
            version = await self._call("version")
        except (StoreUnavailable, StoreTimeout) as error:
            log.info("%s", error.message)  # whoever asks next is told; a command only once
        else:
            self._functions.check_version(version)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._functions.close()

    async def check(self) -> StoreHealth:
        """See `Store.check`."""
        seen = self._functions.read(await self._call("check"), Seen)
        self._functions.check_version(seen.version)
        return StoreHealth(self.kind, self._url, seen.sessions, seen.messages)

    # Messages

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
        text = storable(text)
        answer = await self._call(
            "append",
            user_id=user_id,
            session_id=session_id,
            event_type=EVENT_TYPES[role],
            message=text,
            title=storable(title),
            client_id=None if client_id is None else storable(client_id),
            metadata=storable_tree(msgspec.to_builtins(meta)),
            uid=str(uuid4()),
            words=len(text.split()),
            live_seconds=live_seconds,
            known=known,
        )
        message = message_of(answer["message"])
        return Appended(message, answer["duplicate"], answer["previous_id"])

    async def find_client_id(self, user_id: str, session_id: str, client_id: str) -> Message | None:
        """See `Store.find_client_id`."""
        client_id = storable(client_id)
        row = await self._call(
            "find_client_id", user_id=user_id, session_id=session_id, client_id=client_id
        )
        return row and message_of(row)

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
        rows = await self._call(
            "messages",
            user_id=user_id,
            session_id=session_id,
            limit=max(limit, 0),
            before=before,
            after=after,
        )
        return [message_of(row) for row in rows]

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
        words = search_words(query)
        if not words:
            return []
        where = {"user_id": user_id, "session_id": session_id, "before": before}
        how = {"limit": max(limit, 0), "neighbours": neighbours, "distinct": distinct}
        rows = await self._call("search", words=words, **where, **how)
        return [hit_of(row) for row in rows]

    async def with_neighbours(self, user_id: str, hits: Sequence[Hit]) -> list[Hit]:
        """See `Store.with_neighbours`."""
        ids = [hit.message.id for hit in hits]
        rows = await self._call("neighbours", user_id=user_id, ids=ids)
        return with_neighbours(hits, rows)

    async def metrics(self, user_id: str, session_id: str) -> Metrics:
        """See `Store.metrics`."""
        counted = await self._call("metrics", user_id=user_id, session_id=session_id)
        return msgspec.convert(counted, Metrics, strict=False)

    # Sessions

    async def session(self, user_id: str, session_id: str) -> Session | None:
        """See `Store.session`."""
        row = await self._call("session", user_id=user_id, session_id=session_id)
        return row and session_of(row)

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
        rows = await self._call(
            "sessions",
            user_id=user_id,
            limit=max(limit, 0),
            before=before,
            status=status,
            query=storable(query) if query else None,
            id_prefix=storable(id_prefix) if id_prefix else None,
            since=since,
            until=until,
        )
        return [session_of(row) for row in rows]

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """See `Store.rename`."""
        title = storable(title)
        row = await self._call("rename", user_id=user_id, session_id=session_id, title=title)
        return found_session_of(row)

    async def rate(self, user_id: str, session_id: str, rating: int) -> Session:
        """See `Store.rate`; `BadRequest` for another rating."""
        rating = checked_rating(rating)
        row = await self._call("rate", user_id=user_id, session_id=session_id, rating=rating)
        return found_session_of(row)

    async def delete(self, user_id: str, session_id: str) -> None:
        """See `Store.delete`."""
        if not await self._call("delete", user_id=user_id, session_id=session_id):
            raise NotFound("There is no such session.")

    # The end of a session

    async def touch(self, session_ids: Sequence[str], live_seconds: float) -> None:
        """See `Store.touch`."""
        if session_ids:
            await self._call("touch", session_ids=list(session_ids), live_seconds=live_seconds)

    async def abandoned(self, limit: int) -> list[tuple[str, str]]:
        """See `Store.abandoned`; the longest forgotten first."""
        rows = await self._call("abandoned", limit=max(limit, 0))
        return [(user_id, session_id) for user_id, session_id in rows]

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
        ending = Ending(session_id, user_id, str(uuid4()))
        taken = await self._call(
            "claim_ending",
            **msgspec.structs.asdict(ending),
            lease_seconds=lease_seconds,
            abandoned_only=abandoned_only,
            again=again,
        )
        return ending if taken else None

    async def finish_ending(self, ending: Ending, result: Result) -> Session | None:
        """See `Store.finish_ending`."""
        clean = storable_tree(msgspec.to_builtins(result))
        row = await self._call("finish_ending", **msgspec.structs.asdict(ending), result=clean)
        return row and session_of(row)

    async def release_ending(self, ending: Ending) -> None:
        """See `Store.release_ending`."""
        await self._call("release_ending", **msgspec.structs.asdict(ending))

    # Memory

    async def memory(self, user_id: str, session_id: str) -> Memory | None:
        """See `Store.memory`."""
        row = await self._call("memory", user_id=user_id, session_id=session_id)
        return row and msgspec.convert(row, Memory)

    async def extend_memory(
        self, user_id: str, session_id: str, memory: Memory, *, previous_upto: int
    ) -> bool:
        """See `Store.extend_memory`."""
        ids = {"user_id": user_id, "session_id": session_id}
        upto = {"upto": memory.upto, "previous_upto": previous_upto}
        return bool(await self._call("extend_memory", **ids, text=storable(memory.text), **upto))

    # Moving

    async def import_session(self, session: Session, messages: Sequence[dict[str, Any]]) -> int:
        """See `Store.import_session`; `BadRequest` for what cannot be read."""
        session = checked_session(session)
        rows = [
            msgspec.to_builtins(message)
            | {"event_type": EVENT_TYPES[message.role], "words": len(message.text.split())}
            for message in checked_messages(session, messages)
        ]
        if not rows:
            return 0
        answer = await self._call("import", session=msgspec.to_builtins(session), messages=rows)
        return int(answer["added"])
