"""What a person does with kept conversations: list, read, search, rename, rate, delete, move.

One Protocol with two implementations that give the same values: `LocalRecords` here, over a
store, and `RemoteRecords` in `remote.py`, over HTTP. A `ref` names a session: its id, any
unambiguous prefix of it (4 characters or more), the name it was opened with, or `last`.
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from genpy_server.core.identity import identify
from genpy_server.core.models import Hit, ListedSession, Message, Session, SessionStatus
from genpy_server.core.rating import checked_rating
from genpy_server.errors import Ambiguous, BadRequest, NotFound
from genpy_server.stores.base import Store

TITLE_CHARS = 200
PAGE = 200
"""Messages that are asked for at once where all are wanted."""

_PREFIX = re.compile(r"[0-9a-f-]{4,36}", re.IGNORECASE)


class Records(Protocol):
    """The conversations of one user. A missing session raises `NotFound`."""

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: SessionStatus | None = None,
        query: str | None = None,
    ) -> list[ListedSession]:
        """Sessions by last activity, newest first; `before` is a `last_message_id`."""

    async def session(self, ref: str) -> Session:
        """One session."""

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None
    ) -> list[Message]:
        """The newest messages, or the newest with an id below `before`, oldest first."""

    async def search(self, query: str, *, limit: int = 20, ref: str | None = None) -> list[Hit]:
        """Messages that hold any word of the query, best first."""

    async def rename(self, ref: str, title: str) -> Session:
        """Give a session another title, 1 to 200 characters."""

    async def rate(self, ref: str, rating: int) -> Session:
        """Rate a session from 1 to 5."""

    async def delete(self, ref: str) -> Session:
        """Remove a session and its messages; returns what it was."""

    async def regenerate(self, ref: str) -> Session:
        """Write the summary anew; an active session is ended by it."""

    async def close(self) -> None:
        """Let go of the store or the connection."""


class Live(Protocol):
    """The live sessions of a server, told of what is changed behind their back."""

    def running(self, user_id: str) -> frozenset[str]:
        """The ids of a user's sessions in which a reply is being written."""

    def changed(self, session: Session, *, summarised: bool = False) -> None:
        """Tell everybody who is attached."""

    async def settle(self, user_id: str, session_id: str) -> None:
        """Stop a running reply and wait until what came of it is kept."""

    async def remove(self, user_id: str, session_id: str) -> None:
        """Let go of a session that is about to be deleted."""


class Ender(Protocol):
    """Who writes summaries; `summaries.Summaries` is one."""

    async def again(self, user_id: str, session_id: str) -> Session:
        """Summarise anew, ending the session if it is active."""


def checked_title(title: str) -> str:
    """A title on one line; raises `BadRequest` for none, and for one that is too long."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= TITLE_CHARS:
        raise BadRequest(f"A title has 1 to {TITLE_CHARS} characters.")
    return title


class LocalRecords:
    """The conversations of one user in a store, beside the live sessions where there are some."""

    def __init__(
        self, store: Store, user_id: str, *, ender: Ender | None = None, live: Live | None = None
    ) -> None:
        self._store = store
        self._user_id = user_id
        self._ender = ender
        self._live = live

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: SessionStatus | None = None,
        query: str | None = None,
    ) -> list[ListedSession]:
        """See `Records`."""
        found = await self._store.sessions(
            self._user_id, limit=limit, before=before, status=status, query=query
        )
        running = self._live.running(self._user_id) if self._live is not None else frozenset[str]()
        return [
            ListedSession(**msgspec.structs.asdict(session), running=session.id in running)
            for session in found
        ]

    async def session(self, ref: str) -> Session:
        """See `Records`."""
        if ref == "last":
            found = await self._store.sessions(self._user_id, limit=1)
        else:
            session = await self._store.session(self._user_id, identify(self._user_id, ref).id)
            found = [session] if session is not None else await self._by_prefix(ref)
        if not found:
            raise NotFound(f"There is no session {ref!r}.")
        if len(found) > 1:
            raise Ambiguous(f"More than one session begins with {ref!r}. Give more of its id.")
        return found[0]

    async def _by_prefix(self, ref: str) -> list[Session]:
        if not _PREFIX.fullmatch(ref):
            return []
        return await self._store.sessions(self._user_id, limit=2, id_prefix=ref.lower())

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None
    ) -> list[Message]:
        """See `Records`."""
        session = await self.session(ref)
        return await self._store.messages(self._user_id, session.id, limit=limit, before=before)

    async def search(self, query: str, *, limit: int = 20, ref: str | None = None) -> list[Hit]:
        """See `Records`."""
        session_id = (await self.session(ref)).id if ref is not None else None
        return await self._store.search(
            self._user_id, query, limit=limit, session_id=session_id, neighbours=True
        )

    async def rename(self, ref: str, title: str) -> Session:
        """See `Records`."""
        title = checked_title(title)
        session = await self.session(ref)
        return self._changed(await self._store.rename(self._user_id, session.id, title))

    async def rate(self, ref: str, rating: int) -> Session:
        """See `Records`."""
        rating = checked_rating(rating)
        session = await self.session(ref)
        return self._changed(await self._store.rate(self._user_id, session.id, rating))

    async def delete(self, ref: str) -> Session:
        """See `Records`."""
        session = await self.session(ref)
        if self._live is not None:
            await self._live.remove(self._user_id, session.id)
        await self._store.delete(self._user_id, session.id)
        return session

    async def regenerate(self, ref: str) -> Session:
        """See `Records`."""
        if self._ender is None:
            raise BadRequest("These records were opened without a model to write summaries.")
        session = await self.session(ref)
        if self._live is not None:
            await self._live.settle(self._user_id, session.id)
        return self._changed(await self._ender.again(self._user_id, session.id), summarised=True)

    async def take(self, session: Session, messages: Sequence[dict[str, Any]]) -> int:
        """Write an exported session as this user's own; returns how many messages were new."""
        mine = msgspec.structs.replace(session, user_id=self._user_id)
        return await self._store.import_session(mine, messages)

    def _changed(self, session: Session, *, summarised: bool = False) -> Session:
        if self._live is not None:
            self._live.changed(session, summarised=summarised)
        return session

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()


async def every_message(records: Records, ref: str) -> list[Message]:
    """All messages of a session, oldest first."""
    messages: list[Message] = []
    before: int | None = None
    while page := await records.messages(ref, limit=PAGE, before=before):
        messages = page + messages
        before = page[0].id
    return messages
