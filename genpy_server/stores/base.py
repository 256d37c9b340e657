"""What every database promises: one Protocol, passed by every adapter in one shared suite.

Every method names its owner, and a row of another owner does not exist. Errors of a driver
leave an adapter as `StoreError` or one of its kinds. Messages are ordered by id, sessions by
the id of their last message; times come from the database's clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b, md5
from typing import Any, Protocol, runtime_checkable

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

EVENT_TYPES: dict[Role, str] = {"user": "user", "assistant": "ai", "system": "system"}
"""Roles as the tables name them."""


def owner_of(user_id: str, kind: str = "m") -> str:
    """What begins the terms of a user's messages ("m"), titles ("t") or summaries ("s")."""
    return blake2b(user_id.encode(), digest_size=6).hexdigest() + kind


def md5_hex(text: str) -> str:
    """As PostgreSQL's `md5`; it tells texts apart, and guards nothing."""
    return md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def known_state(state: str, memory: Memory | None) -> str:
    """What a server knows of a session that it hosts, for `touch`; databases compute the same text.

    `state` is that of the session, see `Session.state`; empty where none is stored.
    """
    noted = "" if memory is None else f"{memory.upto} {memory.text}"
    return state and f"{state} {md5_hex(noted)}"


class Appended(msgspec.Struct, frozen=True):
    """The outcome of `append`."""

    message: Message
    duplicate: bool
    previous_id: int
    """The session's last message before this one; 0 for none. A live session whose own last id
    differs learns so that another server wrote in between."""


class Said(msgspec.Struct, frozen=True):
    """What the end of a session is written from."""

    metrics: Metrics
    messages: list[Message]
    """The newest ones, oldest first."""
    memory: Memory | None = None
    first: str = ""
    """The text of the first message."""


class Ending(msgspec.Struct, frozen=True):
    """A right to write a session's end, until its lease runs out."""

    session_id: str
    user_id: str
    token: str
    attempt: int = 1
    """How often the end of this session was begun since its last message, this time included."""
    said: Said | None = None
    """Where the database gives it together with the right."""


class JournalPiece(msgspec.Struct, frozen=True):
    """A part of a reply in progress; `position` is where it begins, in characters."""

    session_id: str
    run: str
    reply_to: int
    position: int
    text: str
    meta: MessageMeta
    """What is known of the reply so far."""


class JournaledReply(msgspec.Struct, frozen=True):
    """A reply as far as it was journalled by a server that is gone."""

    run: str
    reply_to: int
    text: str
    meta: MessageMeta


class LeftBehind(msgspec.Struct, frozen=True):
    """What servers that are gone left unfinished in a session."""

    replies: tuple[JournaledReply, ...] = ()
    questions: tuple[Message, ...] = ()
    """Those whose replies were not begun, oldest first."""


class Hosted(msgspec.Struct, frozen=True):
    """What a server learns of a session that it hosts."""

    session_id: str
    session: Session | None = None
    """The session, where its state is not the one that the server knows."""
    memory: Memory | None = None
    """Its memory, with the session."""
    elsewhere: bool = False
    """Whether another server hosts it too."""
    deleted: bool = False
    left: bool = False
    """Whether a server that is gone left something; see `Store.take_over`."""


class Opened(msgspec.Struct, frozen=True):
    """A session as a server finds it when it begins to host it."""

    session: Session | None
    messages: list[Message]
    """The newest ones, oldest first."""
    memory: Memory | None
    elsewhere: bool = False
    left: bool = False
    """Whether a server that is gone left something; see `Store.take_over`."""


class StoreHealth(msgspec.Struct, frozen=True):
    """What `check` saw: the kind of store, where it is, and how much it holds."""

    kind: str
    where: str
    sessions: int
    messages: int
    unindexed: int = 0
    """Messages that an upgrade still has to index; they are found in the former way."""
    users: int = 1
    """Users who have conversations."""
    full: str | None = None
    """Why no message fits in any more and what to do, where that shows without storing one."""


class Result(msgspec.Struct, frozen=True):
    """What the end of a session writes; `summary` is None with a `note` that says why."""

    metrics: Metrics
    summary: str | None = None
    note: str | None = None
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    outcomes: tuple[str, ...] = ()
    title: str = ""
    """The session's title from now on, where it still has the one before."""
    title_before: str = ""


class ApprovedTool(msgspec.Struct, frozen=True):
    """A tool that a person allowed for good, as it was defined then."""

    name: str
    digest: str
    at: str


@runtime_checkable
class ApprovalStore(Protocol):
    """The part of a store that keeps which tools may act; without it they are asked about again."""

    async def approved_tools(self, user_id: str) -> list[ApprovedTool]:
        """The tools that a user allowed for good, by name."""

    async def approve_tool(self, user_id: str, name: str, digest: str) -> None:
        """Allow a tool of this definition for good; another definition of it is forgotten."""

    async def revoke_tool(self, user_id: str, name: str) -> bool:
        """Take a permission back; False where there was none."""


class BaseStore(Protocol):
    """What `Store` and `CoreStore` both have."""

    kind: str

    async def open(self) -> None:
        """Connect, and create or upgrade what the adapter can create itself."""

    async def close(self) -> None:
        """Finish what is under way and close everything."""

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
        with an id below `before`. An unknown session has none.
        """

    async def session(self, user_id: str, session_id: str) -> Session | None:
        """One session, or None when this user has none of that id."""

    async def delete(self, user_id: str, session_id: str) -> None:
        """Remove a session and its messages; `NotFound` when there is none."""

    async def secret(self) -> str:
        """The secret of this installation, the same for every server on this database."""


class Store(BaseStore, Protocol):
    """A database of conversations."""

    async def check(self) -> StoreHealth:
        """Prove that reading works now; raises the `StoreError` that says what does not."""

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
        """Commit a message; on return it survives a power cut.

        A person's first message creates the session with `title` and `settings`; a message of another role to a
        session that is not there (any more) is `NotFound`. So is any message when the session does
        not hold the message `known` (0: none is known): it was deleted, and perhaps created again.
        Any message makes a completed one active and takes the right to end it from whoever holds
        it. `live_seconds` is how long from now the session counts as hosted, by `server` (see `touch`).
        A person's message waits for its reply at `server`, until a message that replies to it or
        replaces it is stored. The journal of the run whose id is `client_id` is removed with it. The same
        `client_id` with the same text changes nothing and returns the stored message as a
        duplicate; with another text it is a `Conflict`. A session of another owner is `NotFound`.
        """

    async def find_client_id(self, user_id: str, session_id: str, client_id: str) -> Message | None:
        """The message stored under a client's own id."""

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
        """The user's messages that hold any word of `query`, best first, each with its neighbours.

        Words are those of `core.words`, and the ranking is that of `core.context.recall`; a word
        that nobody said may stand for those of the user that differ in a letter. `before` leaves
        out messages from that id on, `left_out` those of these ids, `asked` the one of a session and a
        client id, which may be stored meanwhile. With `distinct`, messages that
        say the same take one place, and what is shown beside a better hit takes none. With
        `titles`, sessions whose title, or whose summary and topics, hold every word come first,
        each as its first message. Without `about_records`, earlier questions about the records and
        their answers are left out, also beside others. A search that nobody waits for any more is
        interrupted.
        """

    async def metrics(self, user_id: str, session_id: str) -> Metrics:
        """Counts over all of a session's messages."""

    async def usage(
        self, user_id: str, *, since: str, session_id: str | None = None, utc_offset: int = 0
    ) -> list[UsageRow]:
        """Tokens of the user's replies from a time on (ISO 8601), by day, model and session.

        Days begin `utc_offset` minutes before those of UTC. Replies without a count are none.
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
        """Sessions by last activity, newest first; one call whatever their number.

        `before` is a `last_message_id`; `query` is a part of title, summary or a topic, without
        regard to case; with `since` or `until` (ISO 8601, half open) something was said in that
        time, whatever was done with the session later.
        """

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """Give a session another title; `NotFound` when there is none."""

    async def configure(self, user_id: str, session_id: str, settings: SessionSettings) -> Session:
        """Replace the settings of a session; `NotFound` when there is none."""

    async def rate(self, user_id: str, session_id: str, rating: int) -> Session:
        """Keep a rating from 1 to 5, else `BadRequest`; `NotFound` without such a session."""

    # The end of a session, exactly once

    async def attach(
        self, user_id: str, session_id: str, *, limit: int, live_seconds: float, server: str
    ) -> Opened:
        """Begin to host a session as `touch` does, and read it with its newest `limit` messages.

        One that is not stored is empty; its first message begins it.
        """

    async def touch(
        self, known: Mapping[str, str], live_seconds: float, server: str = ""
    ) -> list[Hosted]:
        """Record that these sessions are hosted for `live_seconds` from now, by `server`.

        `known` has the `known_state` of each id, empty where the server knows of no stored session.
        Returns those whose state is another one, those that are deleted, those that another server
        hosts too, and those in which a server that is gone left something.
        """

    async def abandoned(
        self, limit: int, *, users: Sequence[str], never_hosted: bool = False
    ) -> list[tuple[str, str]]:
        """(user_id, session_id) of these users' active sessions whose leases are over.

        Sessions that no server ever hosted, another program's, only with `never_hosted`.
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
        """Take the right to end an active session, or None when it is not available.

        Of any number of callers on any number of servers one gets it, by the database's clock,
        until `finish_ending`, a new message, the end of the lease, or `beat` with 0 seconds for
        `server`, which is recorded where it was not yet. With `messages` the right may come with
        so many of them; see `Ending.said`. `abandoned_only` leaves alone hosted sessions, those of
        servers that are late (see `beat`), and those whose next attempt is to
        wait (see `release_ending`); `again` also takes completed ones, to write a new summary. With
        `leaving` the server hosts the session no more, and leaves its end to others that do.
        """

    async def finish_ending(self, ending: Ending, result: Result) -> Session | None:
        """Complete the session, or None when the right was lost in the meantime."""

    async def release_ending(self, ending: Ending, wait_seconds: float = 0) -> None:
        """Give the right back unused; `abandoned` leaves the session out for `wait_seconds`."""

    # Servers, and the replies in progress that they leave behind

    async def beat(self, server: str, alive_seconds: float) -> dict[str, bool]:
        """Record that a server is alive for so long from now (0: it is gone).

        Returns the other servers that were recorded, and whether each is late: its time is over. It
        may renew it, after a sleep of its computer, and nothing of it is taken over before it is
        recorded as gone.
        """

    async def journal(self, server: str, pieces: Sequence[JournalPiece]) -> None:
        """Keep pieces of running replies, in one write; none of a reply that is stored.

        A piece replaces the one at the same position.
        """

    async def take_over(self, user_id: str, session_id: str, server: str = "") -> LeftBehind:
        """The journalled replies of servers that are gone, and with `server` what waited there.

        Those questions wait at `server` from now on, and are given to no other one.
        """

    async def interrupted(self, limit: int, *, users: Sequence[str]) -> list[tuple[str, str]]:
        """(user_id, session_id) of these users' sessions with replies of servers that are gone or late."""

    # Memory

    async def memory(self, user_id: str, session_id: str) -> Memory | None:
        """The running summary of a session."""

    async def extend_memory(
        self, user_id: str, session_id: str, memory: Memory, *, previous: Memory | None
    ) -> bool:
        """Replace the memory `previous`; False when it is another one by now."""

    # Moving

    async def import_session(self, session: Session, messages: Iterable[dict[str, Any]]) -> int:
        """Write an exported session as it was, for `session.user_id`; see `exported.py`.

        The messages come by their ids, and need not all be in memory: one call is one transaction.
        Returns how many messages were new: a message is known by its `uid` or client id, so the
        same import adds none the second time. Ids are this database's, in the same order, and
        `reply_to` and `replaces` follow them. Of two states of a session the one updated last
        stays. `BadRequest` for what cannot be read; `NotFound` for a session of another owner.
        """
