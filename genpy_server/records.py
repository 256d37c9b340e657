"""What a person does with kept conversations: list, read, search, rename, rate, delete.

One Protocol with two implementations that give the same values: `sessions.records.LocalRecords`
over a store, and `client.http_records.RemoteRecords` over HTTP. A `ref` names a session: its id,
any unambiguous prefix of it (4 characters or more), the name it was opened with, or `last`.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from genpy_server.core.costs import SpendingReport
from genpy_server.core.models import (
    Hit,
    ListedSession,
    Message,
    Session,
    SessionMemory,
    SessionStatus,
)

PAGE = 200
"""Messages that are asked for at once where all are wanted."""


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
        """Sessions by last activity, newest first; `before` is a `last_message_id`.

        Those without a message, another program's, share the last place: they come all together, so
        that a page that reaches them may be longer than its limit.
        """

    async def user_among_others(self) -> str | None:
        """Whose conversations these are, where the store is known to hold others' too."""

    async def session(self, ref: str) -> Session:
        """One session."""

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None, after: int | None = None
    ) -> list[Message]:
        """The newest messages, or the newest with an id below `before`, oldest first.

        With `after`, the first ones with a greater id.
        """

    async def search(self, query: str, *, limit: int = 20, ref: str | None = None) -> list[Hit]:
        """Messages that hold any word of the query, best first."""

    async def rename(self, ref: str, title: str) -> Session:
        """Give a session another title, 1 to 200 characters."""

    async def rate(self, ref: str, rating: int) -> Session:
        """Rate a session from 1 to 5."""

    async def delete(self, ref: str) -> Session:
        """Remove a session and its messages; returns what it was."""

    async def regenerate(self, ref: str) -> Session:
        """Write a new summary; an active session is ended by it."""

    async def memory(self, ref: str) -> SessionMemory:
        """The notes of a session."""

    async def change_memory(
        self, ref: str, *, forget: int | None = None, on: bool | None = None
    ) -> SessionMemory:
        """Forget the note of a number, or switch the memory on or off; returns what is left.

        Raises `NotFound` for a number that no note has.
        """

    async def stats(
        self, *, days: int = 30, ref: str | None = None, utc_offset: int = 0
    ) -> SpendingReport:
        """Tokens of the replies of the last days, today included, of one session or of all.

        Days begin `utc_offset` minutes before those of UTC.
        """

    async def close(self) -> None:
        """Close the store or the connection."""


async def each_message(records: Records, ref: str) -> AsyncIterator[Message]:
    """The messages of a session, oldest first, of which one page is held at a time."""
    after = 0
    while page := await records.messages(ref, limit=PAGE, after=after):
        after = page[-1].id
        for message in page:
            yield message


async def every_message(records: Records, ref: str) -> list[Message]:
    """All messages of a session, oldest first."""
    return [message async for message in each_message(records, ref)]
