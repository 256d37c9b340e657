"""One WebSocket: authenticates, attaches to a session, and reads frames.

The handshake decides between two modes: without a subprotocol a text frame is a message and the
reply is sent as plain text; with genpy.v1 every frame is JSON.
"""

import asyncio

from websockets.exceptions import ConnectionClosed

from genpy_server import wire
from genpy_server.errors import GenPyError, Unauthorized
from genpy_server.sessions.connection import Connection, close_code, listed
from genpy_server.sessions.hub import SessionHub
from genpy_server.settings import Limits
from genpy_server.web.auth import Gate
from genpy_server.web.handover import SessionSocket
from genpy_server.web.html_feed import FEATURE, HtmlFeed
from genpy_server.web.send_queue import QueueSums, SendQueue, plain

AUTH_SECONDS = 10.0
REASON_BYTES = 123
"""Longest reason in a closing frame."""


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
    features = frozenset[str]() if text_mode else listed(query, "features")
    queue = SendQueue(
        ws,
        limits,
        sums,
        text_mode=text_mode,
        feed=feed if FEATURE in features else None,
        approves=wire.APPROVALS in features,
        allowed=listed(query, "allow"),
    )
    try:
        if user is None:
            user = await _authenticate(ws, gate)
            ws.identified(limits.frame_bytes)
        queue.user = user
        connection = await Connection.open(hub, user, ws.attach.ref, query, queue, limits)
    except GenPyError as error:
        frame = wire.error_frame(error)
        await ws.send(plain(frame) if text_mode else wire.encode(frame))
        reason = error.message.encode()[:REASON_BYTES].decode(errors="ignore")
        await ws.close(close_code(error), reason)
        return
    try:
        async for message in ws:
            await connection.receive(message, text_mode=text_mode)
    except ConnectionClosed:
        pass  # the peer closed without a closing handshake
    finally:
        connection.close()
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
