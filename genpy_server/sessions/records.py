"""The stored conversations of one user; changes are published to the live sessions."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from genpy_server.core import models
from genpy_server.core.context.excerpts import excerpt
from genpy_server.core.context.notes import is_off, read_notes, stored_notes
from genpy_server.core.costs import SpendingReport, report
from genpy_server.errors import Ambiguous, BadRequest, Conflict, NotFound
from genpy_server.records import Records
from genpy_server.sessions.imports import import_session
from genpy_server.sessions.names import SessionNames
from genpy_server.settings import Settings
from genpy_server.stores.base import Store

if TYPE_CHECKING:
    from genpy_server.sessions.hub import SessionHub
    from genpy_server.sessions.live_session import LiveSession
    from genpy_server.sessions.summaries import Summaries

MEMORY_ATTEMPTS = 5
MEMORY_MESSAGES = 1_000
"""Messages that are read to find those of notes."""
SAID_CHARS = 120

_PREFIX = re.compile(r"[0-9a-f-]{4,36}", re.IGNORECASE)


ABANDONED_SESSIONS = 10_000
"""Abandoned sessions that are ended by one command."""
SILENT_SESSIONS = 10_000
"""Sessions without a message that are listed at most."""


class LocalRecords(Records):
    """See `Records`. `live` are the sessions of this server, `ender` writes summaries.

    The `settings` have the prices of models.
    """

    def __init__(
        self,
        store: Store,
        user_id: str,
        settings: Settings,
        *,
        ender: "Summaries | None" = None,
        live: "SessionHub | None" = None,
    ) -> None:
        self._store = store
        self._user_id = user_id
        self._names = SessionNames(store)
        self._ender = ender
        self._live = live
        self._settings = settings

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: models.SessionStatus | None = None,
        query: str | None = None,
    ) -> list[models.ListedSession]:
        if before is not None and before <= 0:
            return []
        page = partial(self._store.sessions, self._user_id, status=status, query=query)
        found = await page(limit=limit, before=before)
        if 1 < limit == len(found) and found[-1].last_message_id <= 0:
            spoken = [session for session in found if session.last_message_id > 0]
            found = spoken + await page(limit=SILENT_SESSIONS, before=1)
        running = self._live.running(self._user_id) if self._live is not None else frozenset[str]()
        return [
            models.ListedSession(**msgspec.structs.asdict(session), running=session.id in running)
            for session in found
        ]

    async def user_among_others(self) -> str | None:
        health = await self._store.check()
        mine = await self._store.sessions(self._user_id, limit=1)
        return self._user_id if health.users > len(mine) else None

    async def session(self, ref: str) -> models.Session:
        if ref == "last":
            found = await self._store.sessions(self._user_id, limit=1)
        else:
            session = await self._store.session(
                self._user_id, (await self._names.identify(self._user_id, ref)).id
            )
            found = [session] if session is not None else await self._by_prefix(ref)
        if not found:
            raise NotFound(
                "You have no conversations yet."
                if ref == "last"
                else f"No conversation has the id or the name {ref!r}."
            )
        if len(found) > 1:
            raise Ambiguous(f"More than one conversation begins with {ref!r}. Give more of its id.")
        return found[0]

    async def _by_prefix(self, ref: str) -> list[models.Session]:
        if not _PREFIX.fullmatch(ref):
            return []
        return await self._store.sessions(self._user_id, limit=2, id_prefix=ref.lower())

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None, after: int | None = None
    ) -> list[models.Message]:
        session = await self.session(ref)
        return await self._store.messages(
            self._user_id, session.id, limit=limit, before=before, after=after
        )

    async def search(
        self, query: str, *, limit: int = 20, ref: str | None = None
    ) -> list[models.Hit]:
        session_id = (await self.session(ref)).id if ref is not None else None
        return await self._store.search(
            self._user_id, query, limit=limit, session_id=session_id, titles=True
        )

    async def rename(self, ref: str, title: str) -> models.Session:
        title = models.checked_title(title)
        session = await self.session(ref)
        return self._changed(await self._store.rename(self._user_id, session.id, title))

    async def rate(self, ref: str, rating: int) -> models.Session:
        session = await self.session(ref)
        return self._changed(await self._store.rate(self._user_id, session.id, rating))

    async def delete(self, ref: str) -> models.Session:
        session = await self.session(ref)
        if self._live is not None:
            await self._live.remove(self._user_id, session.id)
        await self._store.delete(self._user_id, session.id)
        return session

    async def regenerate(self, ref: str) -> models.Session:
        session = await self.session(ref)
        if (live := self._live_session(session.id)) is not None:
            await live.runs.stop("stopped")
        ended = await self._end(session.id, again=True)
        if ended is None:
            raise Conflict("The session is being summarised or has new messages. Try again soon.")
        return self._changed(ended)

    async def abandoned(self) -> list[str]:
        """The ids of the user's active sessions without an attached client, oldest first."""
        found = await self._store.abandoned(
            ABANDONED_SESSIONS, users=[self._user_id], never_hosted=True
        )
        return [session_id for _, session_id in found]

    async def end_abandoned(self, session_id: str) -> models.Session | None:
        """End such a session; None when a client has attached meanwhile, or another server ends it."""
        return await self._end(session_id, abandoned_only=True)

    async def _end(self, session_id: str, **how: bool) -> models.Session | None:
        if self._ender is None:
            raise BadRequest("These records were opened without a model to write summaries.")
        return await self._ender.end(self._user_id, session_id, **how)

    async def stats(
        self, *, days: int = 30, ref: str | None = None, utc_offset: int = 0
    ) -> SpendingReport:
        session_id = None if ref is None else (await self.session(ref)).id
        zone = timezone(timedelta(minutes=utc_offset))
        today = datetime.combine(datetime.now(zone).date(), time(), zone)
        since = (today - timedelta(days=days - 1)).astimezone(UTC).isoformat()
        rows = await self._store.usage(
            self._user_id, since=since, session_id=session_id, utc_offset=utc_offset
        )
        return report(rows, self._settings.prices, self._settings.currency)

    async def memory(self, ref: str) -> models.SessionMemory:
        session = await self.session(ref)
        return await self._shown(session.id, await self._store.memory(self._user_id, session.id))

    async def change_memory(
        self, ref: str, *, forget: int | None = None, on: bool | None = None
    ) -> models.SessionMemory:
        session = await self.session(ref)
        for _ in range(MEMORY_ATTEMPTS):
            previous = await self._store.memory(self._user_id, session.id)
            memory = previous or models.Memory("", 0)
            notes, off = read_notes(memory.text), is_off(memory.text)
            if forget is not None:
                if not 1 <= forget <= len(notes) or notes[forget - 1].forgotten:
                    raise NotFound(f"Note {forget} not found. List the notes to see their numbers.")
                notes[forget - 1] = msgspec.structs.replace(notes[forget - 1], forgotten=True)
            text = stored_notes(notes, off=off if on is None else not on)
            changed = models.Memory(text, memory.upto)
            if await self._store.extend_memory(
                self._user_id, session.id, changed, previous=previous
            ):
                if (live := self._live_session(session.id)) is not None:
                    live.remembered(changed)
                return await self._shown(session.id, changed)
        raise Conflict("The memory is being extended just now. Try again.")

    async def _shown(self, session_id: str, memory: models.Memory | None) -> models.SessionMemory:
        """A memory with the beginning of each note's message."""
        notes = read_notes(memory.text) if memory is not None else []
        ids = sorted({note.message_id for note in notes if note.message_id is not None})
        said: dict[int, str] = {}
        if ids:
            messages = await self._store.messages(
                self._user_id, session_id, limit=MEMORY_MESSAGES, after=ids[0] - 1
            )
            said = {message.id: excerpt(message.text, "", SAID_CHARS) for message in messages}
        shown = [
            models.MemoryNote(number, note.text, note.message_id, said.get(note.message_id or 0))
            for number, note in enumerate(notes, 1)
        ]
        return models.SessionMemory(
            session_id,
            on=memory is None or not is_off(memory.text),
            notes=tuple(one for one in shown if not notes[one.number - 1].forgotten),
            forgotten=tuple(one for one in shown if notes[one.number - 1].forgotten),
            upto=memory.upto if memory is not None else 0,
        )

    async def import_session(
        self,
        session: models.Session,
        messages: Iterable[dict[str, Any]],
        memory: models.SessionMemory | None = None,
    ) -> int:
        """Import a session as this user's own, see `imports`; returns the number of new messages."""
        mine = msgspec.structs.replace(session, user_id=self._user_id)
        return await import_session(self._store, mine, messages, memory)

    def _changed(self, session: models.Session) -> models.Session:
        if (live := self._live_session(session.id)) is not None:
            live.changed(session)
        return session

    def _live_session(self, session_id: str) -> "LiveSession | None":
        return None if self._live is None else self._live.find(self._user_id, session_id)

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()
