"""People of the store tests: users nobody else is, so that tests can share one database."""

from uuid import uuid4

import msgspec

from genpy_server.core.models import Message, MessageMeta, Metrics, Role, Session
from genpy_server.stores.base import Ending, Result, Store


class Person:
    """A user with one session, who says things."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.id = f"user-{uuid4()}"
        self.session = str(uuid4())

    async def say(
        self,
        text: str,
        *,
        role: Role = "user",
        session: str | None = None,
        title: str = "A title",
        meta: MessageMeta = MessageMeta(),
        live_seconds: float = 0,
        client_id: str | None = None,
    ) -> Message:
        """Append a message to this person's session, or to another one of theirs."""
        appended = await self.store.append(
            self.id,
            session or self.session,
            role,
            text,
            title=title,
            meta=meta,
            live_seconds=live_seconds,
            client_id=client_id,
        )
        return appended.message

    async def claim(self, *, lease_seconds: float = 60, again: bool = False) -> Ending | None:
        """Ask for the right to end this person's session."""
        return await self.store.claim_ending(
            self.id, self.session, lease_seconds=lease_seconds, again=again
        )

    async def complete(self, result: Result | None = None) -> Session:
        """End this person's session."""
        ending = await self.claim()
        assert ending is not None
        session = await self.store.finish_ending(ending, result or Result(Metrics()))
        assert session is not None
        return session

    async def export(self) -> tuple[Session, list[dict[str, object]]]:
        """The session and its messages as an export has them."""
        session = await self.store.session(self.id, self.session)
        assert session is not None
        messages = await self.store.messages(self.id, self.session, limit=1_000)
        return session, [msgspec.to_builtins(message) for message in messages]
