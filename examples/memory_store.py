"""A store in memory: the least that GenPy needs of a database, in one dictionary.

    GENPY_STORE=memory: genpy chat

where an installed package has the entry point `memory = "memory_store:open_store"` in the group
`genpy.stores`; or, in a program, `App(store=MemoryStore())`.
"""

import secrets
from datetime import UTC, datetime
from itertools import count

import msgspec

from genpy_server import Message, MessageMeta, Session, Settings
from genpy_server.core.models import Role, SessionSettings
from genpy_server.errors import Conflict, NotFound
from genpy_server.stores.base import Appended


class MemoryStore:
    """See `genpy_server.stores.core.CoreStore`."""

    kind = "memory"

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._messages: dict[str, list[Message]] = {}
        self._ids = count(1)
        self._secret = secrets.token_hex(16)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close; what was kept is gone with the process."""

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
    ) -> Appended:
        """See `CoreStore.append`."""
        session = self._sessions.get(session_id)
        if session is not None and session.user_id != user_id:
            raise NotFound("Session not found.")
        messages = self._messages.get(session_id, [])
        if known and all(message.id > known for message in messages):
            raise NotFound("The session was deleted.")
        previous = messages[-1].id if messages else 0
        for message in messages:
            if client_id is not None and message.client_id == client_id:
                if message.text != text:
                    raise Conflict("Another message was sent with this id.")
                return Appended(message, duplicate=True, previous_id=previous)
        if session is None and role != "user":
            raise NotFound("Session not found.")
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        id_ = next(self._ids)
        if session is None:
            session = Session(session_id, user_id, title, "active", at, at, id_, settings=settings)
            messages = self._messages[session_id] = []
        message = Message(id_, session_id, role, text, at, client_id, meta, secrets.token_hex(16))
        messages.append(message)
        self._sessions[session_id] = msgspec.structs.replace(
            session,
            status="active",
            updated_at=at,
            last_message_id=id_,
            message_count=len(messages),
        )
        return Appended(message, duplicate=False, previous_id=previous)

    async def messages(
        self,
        user_id: str,
        session_id: str,
        *,
        limit: int,
        before: int | None = None,
        after: int | None = None,
    ) -> list[Message]:
        """See `CoreStore.messages`."""
        if await self.session(user_id, session_id) is None:
            return []
        messages = self._messages[session_id]
        if after is not None:
            return [message for message in messages if message.id > after][:limit]
        earlier = [message for message in messages if before is None or message.id < before]
        return earlier[max(0, len(earlier) - limit) :]

    async def session(self, user_id: str, session_id: str) -> Session | None:
        """See `CoreStore.session`."""
        session = self._sessions.get(session_id)
        return session if session is not None and session.user_id == user_id else None

    async def list_sessions(self, user_id: str) -> list[Session]:
        """See `CoreStore.list_sessions`."""
        mine = [session for session in self._sessions.values() if session.user_id == user_id]
        return sorted(mine, key=lambda session: -session.last_message_id)

    async def update(self, session: Session) -> None:
        """See `CoreStore.update`."""
        if await self.session(session.user_id, session.id) is not None:
            self._sessions[session.id] = session

    async def delete(self, user_id: str, session_id: str) -> None:
        """See `CoreStore.delete`."""
        if await self.session(user_id, session_id) is None:
            raise NotFound("Session not found.")
        del self._sessions[session_id], self._messages[session_id]

    async def secret(self) -> str:
        """See `CoreStore.secret`."""
        return self._secret


def open_store(_: Settings) -> MemoryStore:
    """The store of `GENPY_STORE=memory:`."""
    return MemoryStore()
