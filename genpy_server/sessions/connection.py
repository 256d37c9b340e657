"""The connection of one client to its session, by a WebSocket or within one program."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

from genpy_server import errors, wire
from genpy_server.sessions.audience import Place, Subscriber
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.live_session import LiveSession
from genpy_server.settings import Limits

CLOSE_POLICY = 1008


class Connection:
    """A client that is attached to a session; carries out its frames."""

    def __init__(self, hub: SessionHub, session: LiveSession, client: Subscriber) -> None:
        self._hub = hub
        self._session = session
        self._client = client

    @classmethod
    async def open(
        cls, hub: SessionHub, user: str, ref: str, query: Mapping[str, str], client: Subscriber
    ) -> "Connection":
        """Attach a client to the session that it asks for."""
        session = await hub.attach(user, ref, client, _place(query, hub.limits))
        if wire.MODEL_STATE in listed(query, "features"):
            hub.tasks.spawn(hub.send_model_state(session, client))
        return cls(hub, session, client)

    def close(self) -> None:
        """Detach the client."""
        self._hub.detach(self._session, self._client)

    async def receive(self, message: str | bytes, *, text_mode: bool) -> None:
        """Carry out a frame; an error is sent as an `ErrorFrame`."""
        about = None
        try:
            if isinstance(message, bytes):
                raise errors.BadFrame("Binary frames are not understood. Send text frames.")
            frame = wire.Send(uuid4().hex, message) if text_mode else wire.decode_client(message)
            about = frame.id if isinstance(frame, wire.Send) else type(frame).__name__.lower()
            await self._carry_out(frame)
        except errors.GenPyError as error:
            self._client.offer(wire.error_frame(error, re=about))

    async def _carry_out(self, frame: wire.ClientFrame) -> None:
        hub, session = self._hub, self._session
        match frame:
            case wire.Auth():
                pass  # clients send it without knowing whether a token is required
            case wire.Send():
                self._client.offer(await hub.send(session, frame))
            case wire.Cancel():
                if not session.runs.cancel(frame.run):
                    raise errors.Conflict("No such reply is running.")
            case wire.End():
                await self._end()
            case wire.Rate():
                hub.charge(session)
                await session.rate(frame.rating)
            case wire.Retry():
                hub.retry(session, frame)
            case wire.Set():
                await hub.configure(session, frame)
            case wire.Approve():
                session.runs.approvals.answer(frame)

    async def _end(self) -> None:
        """End the session; the summary is written in the background."""
        self._hub.charge(self._session)
        claimed = asyncio.Event()
        work = self._hub.tasks.spawn(self._summarise(claimed))
        work.add_done_callback(lambda _: claimed.set())
        await claimed.wait()

    async def _summarise(self, claimed: asyncio.Event) -> None:
        try:
            if await self._session.end(claimed) is None:
                raise errors.Conflict("Nothing to summarise: no new messages.")
        except errors.GenPyError as error:
            self._client.offer(wire.error_frame(error, re="end"))


def listed(query: Mapping[str, str], name: str) -> frozenset[str]:
    """The names that a client lists, such as its features."""
    return frozenset(filter(None, query.get(name, "").split(",")))


def _place(query: Mapping[str, str], limits: Limits) -> Place:
    try:
        after = int(query["after"]) if "after" in query else None
        history = int(query.get("history", limits.history_messages))
    except ValueError:
        raise errors.BadRequest("after and history must be whole numbers.") from None
    history = min(max(history, 0), limits.history_messages)
    epoch = query.get("epoch")
    fresh = epoch is None and query.get("fresh") == "1"
    return Place(history, epoch, after, fresh)


def close_code(error: errors.GenPyError) -> int:
    """The close code that tells a client why it cannot be attached."""
    if isinstance(error, errors.Unauthorized):
        return wire.CLOSE_UNAUTHORIZED
    return wire.CLOSE_BUSY if isinstance(error, errors.Busy | errors.StoreError) else CLOSE_POLICY
