"""The minimal interface of a store, and simple default implementations for the rest of `Store`.

A `CoreStore` stores sessions and messages. `CompletedStore` adds the other methods of `Store`, unless
the store has them: a search that reads every message of the user, and endings, memory and permissions
that are kept in this process. These defaults work for one server on a database; several servers need
a store with all methods.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial, reduce
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast
from uuid import uuid4

import msgspec

from genpy_server.core.metrics import counted
from genpy_server.core.models import (
    Memory,
    Message,
    MessageMeta,
    Metrics,
    Role,
    Session,
    SessionSettings,
    checked_rating,
)
from genpy_server.errors import BadRequest, ConfigError, GenPyError, NotFound, StoreError
from genpy_server.stores import base
from genpy_server.stores.sqlite.messages import usage
from genpy_server.stores.sqlite.search import search
from genpy_server.stores.sqlite.transfer import ask_copy

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("genpy.store")

ALL = 2**31
"""A limit beyond any number of rows."""


class CoreStore(base.BaseStore, Protocol):
    """A database of sessions and messages; every method has the owner's id.

    Ids of messages increase over all sessions. Times are ISO 8601 in UTC, ending in Z. Errors of the
    driver are raised as `StoreError` or one of its subclasses.
    """

    async def append(
        self,
        user_id: str,
        session_id: str,
        role: Role,
        text: str,
        *,
        title: str,
        client_id: str | None,
        meta: MessageMeta,
        known: int,
        settings: SessionSettings,
    ) -> base.Appended:
        """Commit a message, and make its session active again.

        A message of role "user" creates a missing session with `title` and `settings`. Raises
        `NotFound` for a message of another role to a missing session, for a session of another
        owner, and if the session has no message up to the id `known` (unless 0). The same `client_id`
        with the same text is a duplicate and changes nothing; with another text it raises `Conflict`.
        """

    async def list_sessions(self, user_id: str) -> list[Session]:
        """All sessions of a user, ordered by last message, newest first."""

    async def update(self, session: Session) -> None:
        """Store what may change of a session: title, status, summary, rating, settings.

        A missing session is not created.
        """


def completed(store: CoreStore | base.Store) -> base.Store:
    """A package's store, with defaults for missing methods of `Store`.

    Its exceptions that are not a `GenPyError` become a `StoreError`. Raises `ConfigError` if it lacks
    a method of `CoreStore`.
    """
    guarded: Any = _Guarded(store)
    if all(hasattr(store, name) for name in _METHODS):
        return cast("base.Store", guarded)
    if missing := sorted(name for name in _CORE if not hasattr(store, name)):
        kind = type(store).__name__
        raise ConfigError(f"{kind} is not a store. Its missing methods: {', '.join(missing)}.")
    return CompletedStore(guarded, type(store).__name__)


class _Guarded:
    """See `completed`."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if inspect.iscoroutinefunction(value):
            value = self._guarded(value)
            setattr(self, name, value)
        return value

    def _guarded(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def guarded(*values: Any, **named: Any) -> Any:
            try:
                return await method(*values, **named)
            except GenPyError:
                raise
            except Exception as error:  # the store is another package's code
                log.exception("the store %s failed", self._store.kind)
                raise StoreError(
                    f"The store {self._store.kind} failed with {type(error).__name__}; "
                    "the server's log says where."
                ) from error

        return guarded


def _asks_copy(
    promised: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]], question: Callable[..., T]
) -> "Callable[Concatenate[CompletedStore, P], Coroutine[Any, Any, T]]":
    """A method that asks SQLite about a copy of all the user's sessions and messages."""
    named = base.arguments_of(promised)

    async def method(self: "CompletedStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = named(*args, **kwargs)
        user_id = given["user_id"]
        sessions = await self.core.list_sessions(user_id)
        messages = [m for one in sessions for m in await self.messages(user_id, one.id, limit=ALL)]
        return await asyncio.to_thread(ask_copy, sessions, messages, partial(question, **given))

    return method


class CompletedStore:
    """A `CoreStore` with defaults for the other methods of `Store`."""

    def __init__(self, core: CoreStore, where: str) -> None:
        self.kind = core.kind
        self.core = core
        self._where = where
        self._hosted: dict[tuple[str, str], float] = {}
        self._endings: dict[str, tuple[base.Ending | None, float, int]] = {}
        """By session the claim to end it, or None while the next waits, until when, and the attempts."""
        self._memories: dict[str, Memory] = {}
        self._approved: dict[str, dict[str, base.ApprovedTool]] = {}
        self._writing = asyncio.Lock()
        self.open, self.close = core.open, core.close
        self.messages, self.session, self.secret = core.messages, core.session, core.secret
        for name in _METHODS - _ADDED_TO:
            if (own := getattr(core, name, None)) is not None:
                setattr(self, name, own)

    async def check(self) -> base.StoreHealth:
        """See `Store.check`; the numbers are 0, since a `CoreStore` counts only by owner."""
        await self.core.secret()
        return base.StoreHealth(self.kind, self._where, 0, 0, users=0)

    # Messages

    async def append(
        self,
        user_id: str,
        session_id: str,
        role: Role,
        text: str,
        *,
        live_seconds: float = 0,
        server: str = "",
        **stored: Any,
    ) -> base.Appended:
        async with self._writing:
            given = _STORED | stored
            appended = await self.core.append(user_id, session_id, role, text, **given)
            if not appended.duplicate:
                self._endings.pop(session_id, None)
                if live_seconds:
                    self._hosted[user_id, session_id] = time.monotonic() + live_seconds
        return appended

    async def find_client_id(self, user_id: str, session_id: str, client_id: str) -> Message | None:
        messages = await self.messages(user_id, session_id, limit=ALL)
        return next((m for m in reversed(messages) if m.client_id == client_id), None)

    async def metrics(self, user_id: str, session_id: str) -> Metrics:
        return reduce(counted, await self.messages(user_id, session_id, limit=ALL), Metrics())

    usage = _asks_copy(base.Store.usage, usage)
    search = _asks_copy(base.Store.search, search)

    # Sessions

    async def sessions(self, user_id: str, *, limit: int, **where: Any) -> list[Session]:
        before, status, since, until = map(where.get, ("before", "status", "since", "until"))
        query, id_prefix = ((where.get(name) or "") for name in ("query", "id_prefix"))
        found: list[Session] = []
        for session in await self.core.list_sessions(user_id):
            about = " ".join((session.title, session.summary or "", *session.topics)).lower()
            if (
                len(found) < limit
                and (before is None or session.last_message_id < before)
                and status in {None, session.status}
                and query.lower() in about
                and session.id.startswith(id_prefix)
                and (not (since or until) or await self._said_between(session, since, until))
            ):
                found.append(session)
        return found

    async def _said_between(self, session: Session, since: str | None, until: str | None) -> bool:
        begin = datetime.fromisoformat(since) if since else datetime.min.replace(tzinfo=UTC)
        end = datetime.fromisoformat(until) if until else datetime.max.replace(tzinfo=UTC)
        messages = await self.messages(session.user_id, session.id, limit=ALL)
        return any(begin <= datetime.fromisoformat(message.at) < end for message in messages)

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        return await self._change(user_id, session_id, title=title)

    async def configure(self, user_id: str, session_id: str, settings: SessionSettings) -> Session:
        return await self._change(user_id, session_id, settings=settings)

    async def rate(self, user_id: str, session_id: str, rating: int) -> Session:
        rated = checked_rating(rating)
        return await self._change(user_id, session_id, rating=rated, rated_at=_now())

    async def _change(self, user_id: str, session_id: str, **changes: Any) -> Session:
        async with self._writing:
            session = await self.session(user_id, session_id)
            if session is None:
                raise NotFound("Session not found.")
            session = msgspec.structs.replace(session, **changes)
            await self.core.update(session)
        return session

    async def delete(self, user_id: str, session_id: str) -> None:
        await self.core.delete(user_id, session_id)
        self._endings.pop(session_id, None)
        self._memories.pop(session_id, None)
        self._hosted.pop((user_id, session_id), None)

    # The end of a session

    async def attach(
        self, user_id: str, session_id: str, *, limit: int, live_seconds: float, server: str
    ) -> base.Opened:
        session = await self.session(user_id, session_id)
        messages = await self.messages(user_id, session_id, limit=limit)
        memory = await self.memory(user_id, session_id)
        self._hosted[user_id, session_id] = time.monotonic() + live_seconds
        return base.Opened(session, messages, memory)

    async def touch(
        self, known: Mapping[str, str], live_seconds: float, server: str = ""
    ) -> list[base.Hosted]:
        changed = []
        for user_id, session_id in list(self._hosted):
            if session_id in known:
                self._hosted[user_id, session_id] = time.monotonic() + live_seconds
                session = await self.session(user_id, session_id)
                memory = await self.memory(user_id, session_id)
                state = "" if session is None else base.known_state(session.state, memory)
                if state != known[session_id]:
                    changed.append(
                        base.Hosted(session_id, session, memory, deleted=session is None)
                    )
        return changed

    async def abandoned(
        self, limit: int, *, users: Sequence[str], never_hosted: bool = False
    ) -> list[tuple[str, str]]:
        """See `Store.abandoned`; sessions hosted by an earlier process count as not hosted."""
        now = time.monotonic()
        return [
            (user_id, session.id)
            for user_id in users
            for session in await self.sessions(user_id, limit=limit, status="active")
            if self._hosted.get((user_id, session.id), 0) < now
            and self._endings.get(session.id, _FREE)[1] < now
        ][:limit]

    async def claim_ending(
        self, user_id: str, session_id: str, *, lease_seconds: float, **given: Any
    ) -> base.Ending | None:
        now = time.monotonic()
        again, abandoned_only, leaving = map(given.get, ("again", "abandoned_only", "leaving"))
        session = await self.session(user_id, session_id)
        if session is None or (session.status != "active" and not again):
            return None
        holder, until, attempts = self._endings.get(session_id, _FREE)
        hosted = self._hosted.get((user_id, session_id), 0)
        if (until >= now and (holder or abandoned_only)) or (abandoned_only and hosted >= now):
            return None
        ending = base.Ending(session_id, user_id, uuid4().hex, attempts + 1)
        self._endings[session_id] = ending, now + lease_seconds, attempts + 1
        if leaving:
            self._hosted.pop((user_id, session_id), None)
        return ending

    async def finish_ending(self, ending: base.Ending, result: base.Result) -> Session | None:
        async with self._writing:
            session = await self.session(ending.user_id, ending.session_id)
            if self._endings.get(ending.session_id, _FREE)[0] != ending or session is None:
                return None
            fields = msgspec.structs.asdict(result)
            title, title_before = fields.pop("title"), fields.pop("title_before")
            if not title or title_before != session.title:
                title = session.title
            now = _now()
            session = msgspec.structs.replace(
                session, status="completed", title=title, ended_at=now, updated_at=now, **fields
            )
            await self.core.update(session)
            del self._endings[ending.session_id]
        return session

    async def release_ending(self, ending: base.Ending, wait_seconds: float = 0) -> None:
        holder, _, attempts = self._endings.get(ending.session_id, _FREE)
        if holder == ending:
            until = time.monotonic() + wait_seconds
            self._endings[ending.session_id] = None, until, attempts

    # Servers: only this one

    async def beat(self, server: str, alive_seconds: float) -> dict[str, bool]:
        return {}

    async def journal(self, server: str, pieces: Sequence[base.JournalPiece]) -> None:
        """See `Store.journal`; nothing is stored, so a running reply is lost with its server."""

    async def take_over(self, user_id: str, session_id: str, server: str = "") -> base.LeftBehind:
        return base.LeftBehind(shared=False)

    async def interrupted(self, limit: int, *, users: Sequence[str]) -> list[tuple[str, str]]:
        return []

    # Kept in this process

    async def memory(self, user_id: str, session_id: str) -> Memory | None:
        return self._memories.get(session_id) if await self.session(user_id, session_id) else None

    async def extend_memory(
        self, user_id: str, session_id: str, memory: Memory, *, previous: Memory | None
    ) -> bool:
        if await self.memory(user_id, session_id) != previous:
            return False
        self._memories[session_id] = memory
        return True

    async def approved_tools(self, user_id: str) -> list[base.ApprovedTool]:
        approved = self._approved.get(user_id, {})
        return [approved[name] for name in sorted(approved)]

    async def approve_tool(self, user_id: str, name: str, digest: str) -> None:
        self._approved.setdefault(user_id, {})[name] = base.ApprovedTool(name, digest, _now())

    async def revoke_tool(self, user_id: str, name: str) -> bool:
        return self._approved.get(user_id, {}).pop(name, None) is not None

    async def import_session(self, session: Session, messages: Iterable[dict[str, Any]]) -> int:
        raise BadRequest(f"A store of the kind {self.kind} cannot import conversations.")


_FREE = (None, 0.0, 0)
_STORED = {"client_id": None, "meta": MessageMeta(), "known": 0, "settings": SessionSettings()}
"""What a message has where `Store.append` is not given it."""


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _methods(of: type) -> set[str]:
    return {name for name in dir(of) if not name.startswith("_")}


_METHODS = _methods(base.Store)
_CORE = _methods(CoreStore) | {"kind"}
_ADDED_TO = {"append", "delete"}
"""Methods of the core store to which `CompletedStore` adds something."""
