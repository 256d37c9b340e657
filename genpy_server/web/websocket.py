"""One WebSocket: authenticates, attaches to a session, reads frames and carries them out.

The handshake decides between two modes: without a subprotocol a text frame is a message and the
reply is sent as plain text; with genpy.v1 every frame is JSON.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed

from genpy_server import wire
from genpy_server.errors import (
    BadFrame,
    BadRequest,
    Busy,
    Conflict,
    GenPyError,
    StoreError,
    Unauthorized,
)
from genpy_server.sessions.hub import SessionHub
from genpy_server.sessions.live_session import LiveSession
from genpy_server.settings import Limits
from genpy_server.web.auth import Gate
from genpy_server.web.handover import SessionSocket
from genpy_server.web.html_feed import FEATURE, HtmlFeed
from genpy_server.web.send_queue import QueueSums, SendQueue, plain

AUTH_SECONDS = 10.0
CLOSE_POLICY = 1008
REASON_BYTES = 123
"""Longest reason in a closing frame."""


class Connection:
    """A socket that is attached to a session; carries out its frames."""

    def __init__(self, hub: SessionHub, session: LiveSession, queue: SendQueue) -> None:
        self._hub = hub
        self._session = session
        self._queue = queue

    async def receive(self, message: str | bytes, *, text_mode: bool) -> None:
        """Carry out a frame; an error is sent as an `ErrorFrame`."""
        about = None
        try:
            if isinstance(message, bytes):
                raise BadFrame("Binary frames are not understood. Send text frames.")
            frame = wire.Send(uuid4().hex, message) if text_mode else wire.decode_client(message)
            about = frame.id if isinstance(frame, wire.Send) else type(frame).__name__.lower()
            await self._carry_out(frame)
        except GenPyError as error:
            self._queue.answer(wire.error_frame(error, re=about))

    async def _carry_out(self, frame: wire.ClientFrame) -> None:
        hub, session = self._hub, self._session
        match frame:
            case wire.Auth():
                pass  # clients send it without knowing whether a token is required
            case wire.Send():
                self._queue.answer(await hub.send(session, frame))
            case wire.Cancel():
                if not session.runs.cancel(frame.run):
                    raise Conflict("No such reply is running.")
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
                raise Conflict("Nothing to summarise: no new messages.")
        except GenPyError as error:
            self._queue.answer(wire.error_frame(error, re="end"))


async def serve_session(
    ws: SessionSocket,
    hub: SessionHub,
    *,
    gate: Gate,
    limits: Limits,
    sums: QueueSums,
    feed: HtmlFeed,
) -> None:
    """Serve one socket, from its handshake to its close.

    Without a user in the request, the first frame must be `auth` with a token.
    """
    user, query = ws.attach.user, ws.attach.query
    text_mode = ws.subprotocol is None
    features = () if text_mode else query.get("features", "").split(",")
    queue = SendQueue(
        ws,
        limits,
        sums,
        text_mode=text_mode,
        feed=feed if FEATURE in features else None,
        approves=wire.APPROVALS in features,
        allowed=frozenset(filter(None, query.get("allow", "").split(","))),
    )
    try:
        if user is None:
            user = await _authenticate(ws, gate)
            ws.identified(limits.frame_bytes)
        queue.user = user
        session = await hub.attach(user, ws.attach.ref, queue, **_place(query, limits))
    except GenPyError as error:
        frame = wire.error_frame(error)
        await ws.send(plain(frame) if text_mode else wire.encode(frame))
        reason = error.message.encode()[:REASON_BYTES].decode(errors="ignore")
        await ws.close(_close_code(error), reason)
        return
    if wire.MODEL_STATE in features:
        hub.tasks.spawn(hub.send_model_state(session, queue))
    connection = Connection(hub, session, queue)
    try:
        async for message in ws:
            await connection.receive(message, text_mode=text_mode)
    except ConnectionClosed:
        pass  # the peer closed without a closing handshake
    finally:
        hub.detach(session, queue)
        await queue.gone()


async def _authenticate(ws: SessionSocket, gate: Gate) -> str:
    try:
        async with asyncio.timeout(AUTH_SECONDS):
            message = await ws.recv()
    except (TimeoutError, ConnectionClosed):
        raise Unauthorized("The first frame must be auth with a token.") from None
    frame = wire.decode_client(message) if isinstance(message, str) else None
    if not isinstance(frame, wire.Auth):
        raise Unauthorized("The first frame must be auth with a token.")
    return gate.authenticate(frame.token, ws.peer.address)


def _place(query: Mapping[str, str], limits: Limits) -> dict[str, Any]:
    """Where a client resumes (`epoch` and `after`), or how much `history` it wants.

    With `fresh` the client has just created the session's id, so it is not looked up.
    """
    try:
        after = int(query["after"]) if "after" in query else None
        history = int(query.get("history", limits.history_messages))
    except ValueError:
        raise BadRequest("after and history must be whole numbers.") from None
    history = min(max(history, 0), limits.history_messages)
    epoch = query.get("epoch")
    fresh = epoch is None and query.get("fresh") == "1"
    return {"epoch": epoch, "after": after, "history": history, "fresh": fresh}


def _close_code(error: GenPyError) -> int:
    if isinstance(error, Unauthorized):
        return wire.CLOSE_UNAUTHORIZED
    return wire.CLOSE_BUSY if isinstance(error, Busy | StoreError) else CLOSE_POLICY
