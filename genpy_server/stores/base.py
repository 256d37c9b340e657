"""The interface of a database; one shared suite of tests (`StoreSuite`) checks every adapter.

Every method has the owner's id; rows of other owners are treated as if they did not exist. An
adapter raises the errors of its driver as `StoreError` or one of its subclasses. Messages are ordered
by id, sessions by the id of their last message. Times are those of the database's clock.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import blake2b, md5
from inspect import signature
from itertools import chain
from typing import Any, Final, Protocol

import msgspec

from genpy_server.core.costs import UsageRow
from genpy_server.core.models import (
    Hit,
    Memory,
    Message,
    MessageMeta,
    Metrics,
    Role,
    Session,
    SessionSettings,
    SessionStatus,
)
from genpy_server.core.text import storable_value
from genpy_server.errors import StoreError

log = logging.getLogger("genpy.store")

EVENT_TYPES: dict[Role, str] = {"user": "user", "assistant": "ai", "system": "system"}
"""The names of roles in the tables."""
REST: Final = 4
"""How long indexing in the background rests after each step, in the time of the step."""


def arguments_of(promised: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Gives the arguments of a call of a method of `Store` by name, as databases can store them.

    A call with missing, unknown or too many arguments raises `TypeError`.
    """
    _, *parameters = signature(promised).parameters.values()
    names = [one.name for one in parameters]
    known = set(names)
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}

    def named(*args: Any, **kwargs: Any) -> dict[str, Any]:
        by_name = chain(zip(names, args, strict=False), kwargs.items())
        given = defaults | {name: storable_value(value) for name, value in by_name}
        if len(args) > len(names) or given.keys() != known:
            raise TypeError(f"{promised.__qualname__} takes {', '.join(names)}")
        if "limit" in given:
            given["limit"] = max(given["limit"], 0)
        return given

    return named


def owner_of(user_id: str, kind: str = "m") -> str:
    """The prefix of indexed terms of a user's messages ("m"), titles ("t") or summaries ("s")."""
    return blake2b(user_id.encode(), digest_size=6).hexdigest() + kind


def md5_hex(text: str) -> str:
    """PostgreSQL's `md5`, to compare texts; not used for security."""
    return md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def known_state(state: str, memory: Memory | None) -> str:
    """The state of a session as a server has it, for `touch`; databases compute the same text.

    `state` is `Session.state`; empty for a session that is not stored.
    """
    noted = "" if memory is None else f"{memory.upto} {memory.text}"
    return state and f"{state} {md5_hex(noted)}"


class Indexing:
    """Indexes in the background what an upgrade or other programs left."""

    def __init__(self, step: Callable[[], Awaitable[bool]]) -> None:
        self._step = step
        """Indexes a little; False when all is indexed."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless it goes on."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Repeat the step, with rests in which replies have the processor."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            while await self._step():
                await asyncio.sleep(REST * (clock() - began))
                began = clock()
        except StoreError as error:
            log.warning("index not finished: %s", error.code)

    async def end(self) -> None:
        """Wait until all is indexed."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Stop after the current step."""
        if self._task is not None:
            self._task.cancel()
            await self.end()


class Appended(msgspec.Struct, frozen=True):
    """The outcome of `append`."""

    message: Message
    duplicate: bool
    previous_id: int
    """The id of the session's last message before this one; 0 for none.

    If it differs from the last id of a live session, another server has written a message."""


class EndingContent(msgspec.Struct, frozen=True):
    """The content of a session that its summary is written from."""

    metrics: Metrics
    messages: list[Message]
    """The newest messages, oldest first."""
    memory: Memory | None = None
    first: str = ""
    """The text of the first message."""


class Ending(msgspec.Struct, frozen=True):
    """A claim to end a session, valid until its lease expires."""

    session_id: str
    user_id: str
    token: str
    attempt: int = 1
    """The number of claims since the session's last message, including this one."""
    content: EndingContent | None = None
    """The content, if the database returns it with the claim."""

    @property
    def claim(self) -> dict[str, str]:
        """What identifies it in the database, as parameters of a statement."""
        return {"session_id": self.session_id, "user_id": self.user_id, "token": self.token}


class JournalPiece(msgspec.Struct, frozen=True):
    """A part of a running reply; `position` is the index of its first character in the reply."""

    session_id: str
    run: str
    reply_to: int
    position: int
    text: str
    meta: MessageMeta
    """The metadata of the reply so far."""


class JournaledReply(msgspec.Struct, frozen=True):
    """The journalled part of a reply by a server that has stopped."""

    run: str
    reply_to: int
    text: str
    meta: MessageMeta


class LeftBehind(msgspec.Struct, frozen=True):
    """The unfinished work of stopped servers in a session."""

    replies: tuple[JournaledReply, ...] = ()
    questions: tuple[Message, ...] = ()
    """Messages whose replies were not begun, oldest first."""
    shared: bool = True
    """Whether other servers can take over what waits at this one."""


class Hosted(msgspec.Struct, frozen=True):
    """The changes of a session by other servers, as `touch` returns them."""

    session_id: str
    session: Session | None = None
    """The session, if its state differs from the server's."""
    memory: Memory | None = None
    """The memory, if the session is given."""
    elsewhere: bool = False
    """Whether another server hosts it too."""
    deleted: bool = False
    left: bool = False
    """Whether a stopped server left unfinished work; see `Store.take_over`."""


class Opened(msgspec.Struct, frozen=True):
    """A session when a server begins to host it."""

    session: Session | None
    messages: list[Message]
    """The newest messages, oldest first."""
    memory: Memory | None
    elsewhere: bool = False
    """Whether another server hosts it too."""
    left: bool = False
    """Whether `Store.take_over` has something: of a stopped server, or what waits at this one."""


class StoreHealth(msgspec.Struct, frozen=True):
    """The result of `check`: the kind of store, its place, and how much it contains."""

    kind: str
    where: str
    sessions: int
    messages: int
    unindexed: int = 0
    """Messages that an upgrade has not indexed yet; the old index is searched for them."""
    users: int = 1
    """The number of users with conversations."""
    full: str | None = None
    """Why no more messages can be stored and what to do, if that is known without storing one."""


class Result(msgspec.Struct, frozen=True):
    """What is stored at the end of a session; without a `summary`, `note` has the reason."""

    metrics: Metrics
    summary: str | None = None
    note: str | None = None
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    outcomes: tuple[str, ...] = ()
    title: str = ""
    """The session's new title, used only if its title is still `title_before`."""
    title_before: str = ""


class ApprovedTool(msgspec.Struct, frozen=True):
    """A tool that a person always allows, with the digest of its definition at that time."""

    name: str
    digest: str
    at: str


class BaseStore(Protocol):
    """The common part of `Store` and `CoreStore`."""

    kind: str

    async def open(self) -> None:
        """Connect, and create or upgrade the schema if the adapter can."""

    async def close(self) -> None:
        """Finish running operations and close all connections."""

    async def messages(
        self,
        user_id: str,
        session_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Message]:
        """Up to `limit` messages, oldest first.

        With `after`, the first ones with a greater id; otherwise the newest ones, or the newest
        with an id below `before`. An unknown session has no messages.
        """

    async def session(self, user_id: str, session_id: str) -> Session | None:
        """One session; None if this user has no session with that id."""

    async def delete(self, user_id: str, session_id: str) -> None:
        """Delete a session and its messages; raises `NotFound` if there is none."""

    async def secret(self) -> str:
        """The secret of this installation, the same for every server on this database."""


class Store(BaseStore, Protocol):
    """A database of conversations."""

    async def check(self) -> StoreHealth:
        """Read from the database now; raises `StoreError` if that fails."""

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
        server: str = "",
        settings: SessionSettings = SessionSettings(),
    ) -> Appended:
        """Commit a message; once this returns, the message survives a power cut.

        A person's first message creates the session with `title` and `settings`. Raises `NotFound`
        for a message of another role to a session that does not exist (any more), for a session of
        another owner, and if the session has no message up to the id `known` (unless 0): it was
        deleted, and perhaps created again.

        The message makes a completed session active, and invalidates a claim to end it. The session
        is hosted by `server` for `live_seconds` from now (see `touch`). A person's message waits for
        its reply at `server`, until a message is stored that replies to it or replaces it. The
        journal of the run with the id `client_id` is deleted.

        The same `client_id` with the same text changes nothing and returns the stored message as a
        duplicate; with another text it raises `Conflict`.
        """

    async def find_client_id(self, user_id: str, session_id: str, client_id: str) -> Message | None:
        """The message with a client's id for it; None if there is none."""

    async def search(
        self,
        user_id: str,
        query: str,
        *,
        limit: int,
        session_id: str | None = None,
        before: int | None = None,
        distinct: bool = False,
        titles: bool = False,
        about_records: bool = True,
        left_out: Sequence[int] = (),
        asked: tuple[str, str] | None = None,
    ) -> list[Hit]:
        """The user's messages with any word of `query`, best first, each with its neighbours.

        Words are those of `core.words`, and the ranking is that of `core.context.recall`. For a word
        that no message has, words of the user that differ in one letter are searched.

        `before` leaves out messages with that id or a greater one, `left_out` those with these ids,
        `asked` the message of a session and a client id, which may be stored meanwhile. With
        `distinct`, of messages with the same words only one is returned, and none that is shown as
        the neighbour of a better hit. With `titles`, sessions with every word in their title, or in
        their summary and topics, come first, each with its first message. Without `about_records`,
        earlier questions about the records and their answers are left out, also as neighbours. If
        the caller is cancelled, the search is interrupted.
        """

    async def metrics(self, user_id: str, session_id: str) -> Metrics:
        """Counts over all of a session's messages."""

    async def usage(
        self, user_id: str, *, since: str, session_id: str | None = None, utc_offset: int = 0
    ) -> list[UsageRow]:
        """Tokens of the user's replies from a time on (ISO 8601), by day, model and session.

        Days begin `utc_offset` minutes before those of UTC. Replies without usage are not counted.
        """

    # Sessions

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
        """Sessions by last activity, newest first.

        `before` is a `last_message_id`. `query` is a part of the title, the summary or a topic,
        ignoring case. With `since` or `until` (ISO 8601, half-open interval), only sessions with a
        message in that time.
        """

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """Rename a session; raises `NotFound` if there is none."""

    async def configure(self, user_id: str, session_id: str, settings: SessionSettings) -> Session:
        """Replace the settings of a session; raises `NotFound` if there is none."""

    async def rate(self, user_id: str, session_id: str, rating: int) -> Session:
        """Store a rating from 1 to 5; raises `BadRequest` for another value, `NotFound` without a session."""

    # The end of a session, exactly once

    async def attach(
        self, user_id: str, session_id: str, *, limit: int, live_seconds: float, server: str
    ) -> Opened:
        """Begin to host a session as `touch` does, and read it with its newest `limit` messages.

        The result is empty for a session that is not stored; its first message creates it.
        """

    async def touch(
        self, known: Mapping[str, str], live_seconds: float, server: str = ""
    ) -> list[Hosted]:
        """Record that these sessions are hosted by `server` for `live_seconds` from now.

        `known` has the `known_state` of each session by id, empty for sessions that are not stored.
        Returns the sessions with another state, deleted ones, those that another server hosts too,
        and those with unfinished work of a stopped server.
        """

    async def abandoned(
        self, limit: int, *, users: Sequence[str], never_hosted: bool = False
    ) -> list[tuple[str, str]]:
        """(user_id, session_id) of these users' active sessions that are not hosted any more.

        With `never_hosted`, also of sessions that no server has hosted: those of other programs.
        """

    async def claim_ending(
        self,
        user_id: str,
        session_id: str,
        *,
        lease_seconds: float,
        abandoned_only: bool = False,
        again: bool = False,
        leaving: bool = False,
        server: str = "",
        messages: int = 0,
    ) -> Ending | None:
        """Claim the right to end an active session; None if it cannot be claimed.

        Of any number of callers on any number of servers, one gets the claim. It is valid, by the
        database's clock, until `finish_ending`, a new message, the end of the lease, or `beat` with
        0 seconds for `server`, which is recorded if it was not. With `messages`, the claim may
        contain so many of them; see `Ending.content`. `abandoned_only` excludes hosted sessions,
        those of late servers (see `beat`), and those whose next attempt is delayed (see
        `release_ending`). `again` includes completed sessions, to write a new summary. With
        `leaving`, the server stops to host the session; if others host it, None is returned.
        """

    async def finish_ending(self, ending: Ending, result: Result) -> Session | None:
        """Complete the session; None if the claim is not valid any more."""

    async def release_ending(self, ending: Ending, wait_seconds: float = 0) -> None:
        """Release a claim; `abandoned` does not return the session for `wait_seconds`."""

    # Servers, and their unfinished replies

    async def beat(self, server: str, alive_seconds: float) -> dict[str, bool]:
        """Record that a server is alive for `alive_seconds` from now; 0 means that it has stopped.

        Returns the other recorded servers, and whether each is late: its time is over. A late server
        may still continue, for instance after its computer slept; its work is taken over only once
        it is recorded as stopped.
        """

    async def journal(self, server: str, pieces: Sequence[JournalPiece]) -> None:
        """Store pieces of running replies, in one write; pieces of stored replies are ignored.

        A piece replaces the one at the same position.
        """

    async def take_over(self, user_id: str, session_id: str, server: str = "") -> LeftBehind:
        """Return the journalled replies of stopped servers, and with `server` also waiting messages.

        These messages wait at `server` from now on, and are not returned to another server. Those that
        waited there before are returned too.
        """

    async def interrupted(self, limit: int, *, users: Sequence[str]) -> list[tuple[str, str]]:
        """(user_id, session_id) of these users' sessions with replies of stopped or late servers."""

    # Memory

    async def memory(self, user_id: str, session_id: str) -> Memory | None:
        """The running memory of a session; None if there is none."""

    async def extend_memory(
        self, user_id: str, session_id: str, memory: Memory, *, previous: Memory | None
    ) -> bool:
        """Replace the memory if it still equals `previous`; returns whether it did."""

    # Tools that a user always allows

    async def approved_tools(self, user_id: str) -> list[ApprovedTool]:
        """The tools that a user always allows, ordered by name."""

    async def approve_tool(self, user_id: str, name: str, digest: str) -> None:
        """Always allow a tool with this definition; this replaces an earlier definition."""

    async def revoke_tool(self, user_id: str, name: str) -> bool:
        """Remove a permission; False if there is none."""

    # Moving

    async def import_session(self, session: Session, messages: Iterable[dict[str, Any]]) -> int:
        """Store an exported session for `session.user_id`, in one transaction; see `exported.py`.

        The messages are ordered by id, and need not all be in memory. Returns the number of new
        messages: those with a known `uid` or client id are not added again. Messages get ids of this
        database in the same order, and `reply_to` and `replaces` are changed accordingly. Of two
        states of a session, the one updated last is kept. Raises `BadRequest` for invalid data,
        `NotFound` for a session of another owner.
        """
