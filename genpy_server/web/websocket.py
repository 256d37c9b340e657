"""One WebSocket: authenticates, attaches to a session, and reads frames.

The handshake decides between two modes: without a subprotocol a text frame is a message and the
reply is sent as plain text; with genpy.v1 every frame is JSON.
"""

import asyncio
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from genpy_server import wire
from genpy_server.errors import GenPyError, Unauthorized
from genpy_server.sessions.connection import Connection, close_code
from genpy_server.web.auth import Gate
from genpy_server.web.handover import SessionSocket
from genpy_server.web.send_queue import SendQueue, plain

if TYPE_CHECKING:
    from genpy_server.web.app import WebApp

AUTH_SECONDS = 10.0
REASON_BYTES = 123
"""Longest reason in a closing frame."""


async def serve_session(ws: SessionSocket, app: "WebApp") -> None:
    """Serve one socket, from its handshake to its close.

    Without a user in the request, the first frame must be `auth` with a token.
    """
    limits, text_mode = app.server.settings.limits, ws.subprotocol is None
    queue = SendQueue(ws, app.sums, app.feed)
    try:
        if ws.attach.user is None:
            queue.user = await _authenticate(ws, app.gate)
            ws.identified(limits.frame_bytes)
        connection = await Connection.open(
            app.hub, queue.user, ws.attach.ref, ws.attach.query, queue, limits
        )
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
