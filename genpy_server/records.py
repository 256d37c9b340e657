"""Operations on stored conversations: list, read, search, rename, rate, delete.

One Protocol with two implementations that give the same values: `sessions.records.LocalRecords`
over a store, and `client.http_records.RemoteRecords` over HTTP. A `ref` names a session: its id,
any unambiguous prefix of it (4 characters or more), the name it was opened with, or `last`.
"""

from array import array
from collections.abc import AsyncIterator, Sequence
from os import SEEK_END
from typing import Any, Protocol, Self

import msgspec

from genpy_server.core import models
from genpy_server.core.costs import SpendingReport

PAGE = 200
"""Messages per request where all are read."""
MEMORY_BYTES = 1024 * 1024
"""Of a `MessageFile`, until it goes to the disk."""


class Records(Protocol):
    """The conversations of one user. A missing session raises `NotFound`."""

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: models.SessionStatus | None = None,
        query: str | None = None,
    ) -> list[models.ListedSession]:
        """Sessions by last activity, newest first; `before` is a `last_message_id`.

        Sessions without a message, of other programs, have the cursor 0 and come all at once, so
        that the last page may be longer than its limit.
        """

    async def user_among_others(self) -> str | None:
        """The owner of these conversations, if the store has those of other users too."""

    async def session(self, ref: str) -> models.Session:
        """One session."""

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None, after: int | None = None
    ) -> list[models.Message]:
        """The newest messages, or the newest with an id below `before`, oldest first.

        With `after`, the first ones with a greater id.
        """

    async def search(
        self, query: str, *, limit: int = 20, ref: str | None = None
    ) -> list[models.Hit]:
        """Messages with any word of the query, best first."""

    async def rename(self, ref: str, title: str) -> models.Session:
        """Give a session another title, 1 to 200 characters."""

    async def rate(self, ref: str, rating: int) -> models.Session:
        """Rate a session from 1 to 5."""

    async def delete(self, ref: str) -> models.Session:
        """Delete a session and its messages; returns the deleted session."""

    async def regenerate(self, ref: str) -> models.Session:
        """Write a new summary; ends an active session."""

    async def memory(self, ref: str) -> models.SessionMemory:
        """The notes of a session."""

    async def change_memory(
        self, ref: str, *, forget: int | None = None, on: bool | None = None
    ) -> models.SessionMemory:
        """Forget a note by its number, or switch the memory on or off; returns the memory.

        Raises `NotFound` for an unknown number.
        """

    async def stats(
        self, *, days: int = 30, ref: str | None = None, utc_offset: int = 0
    ) -> SpendingReport:
        """Tokens of the replies of the last days including today, of one session or of all.

        Days are those of the time zone `utc_offset` minutes east of UTC.
        """

    async def close(self) -> None:
        """Close the store or the connection."""


async def each_message(records: Records, ref: str) -> AsyncIterator[models.Message]:
    """The messages of a session, oldest first, read page by page."""
    after = 0
    while page := await records.messages(ref, limit=PAGE, after=after):
        after = page[-1].id
        for message in page:
            yield message


async def every_message(records: Records, ref: str) -> list[models.Message]:
    """All messages of a session, oldest first."""
    return [message async for message in each_message(records, ref)]


class MessageFile(Sequence[models.Message]):
    """Messages in a temporary file, in any number; eight bytes of each are kept in memory.

    Close it after use. Raises `OSError` where the disk is full.
    """

    def __init__(self) -> None:
        from tempfile import SpooledTemporaryFile  # noqa: PLC0415 - when something is exported

        self._file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed by `__exit__`
        self._places = array("Q")

    @classmethod
    async def of(cls, messages: AsyncIterator[models.Message]) -> Self:
        """A file of these messages."""
        file = cls()
        try:
            async for message in messages:
                file.append(message)
        except BaseException:
            file.__exit__()
            raise
        return file

    def append(self, message: models.Message) -> None:
        """Add a message."""
        self._places.append(self._file.seek(0, SEEK_END))
        self._file.write(msgspec.json.encode(message) + b"\n")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:  # one message; nobody takes slices
        self._file.seek(self._places[index])
        return msgspec.json.decode(self._file.readline(), type=models.Message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
