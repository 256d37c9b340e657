"""One WebSocket: authenticates, attaches to a session, reads frames, and sends those of the session.

The handshake decides between two modes: without a subprotocol a text frame is a message, and only the
text of replies and errors is sent; with genpy.v1 every frame is JSON. Frames are written at once if
possible. Otherwise they wait in a bounded queue as encoded bytes, where deltas of one reply are joined,
so that a slow client gets fewer and larger frames; one that reads too slowly is closed.
"""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from genpy_server import errors, wire
from genpy_server.sessions.connection import Connection, close_code, listed
from genpy_server.settings import Limits
from genpy_server.web.auth import Gate
from genpy_server.web.handover import SessionSocket
from genpy_server.web.html_feed import FEATURE, HtmlFeed

if TYPE_CHECKING:
    from genpy_server.web.app import WebApp

WATERMARK = 32 * 1024
"""Bytes in the transport's buffer above which frames wait in this queue, where they are joined."""
CUT_SECONDS = 5.0
"""Time limit of the closing handshake with a slow client."""
JOINED_BYTES = 64 * 1024
ENTRY_BYTES = 128
"""Overhead of a waiting frame."""
TOO_SLOW = "The client reads too slowly. Reconnect to resume."


class _Joined(msgspec.Struct):
    """Waiting deltas of one reply, or pieces of its reasoning, joined; `text` is UTF-8."""

    kind: type[wire.TextPiece]
    seq: int
    run: str
    offset: int
    text: bytearray

    def __len__(self) -> int:
        return len(self.text)

    def frame(self) -> wire.TextPiece:
        return self.kind(self.seq, self.run, self.offset, self.text.decode())


class QueueSums:
    """The waiting bytes of all queues and of each user; over a limit the longest queue is closed."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._queues: set[SendQueue] = set()
        self._users: Counter[str] = Counter()
        self.waiting_bytes = 0

    def changed(self, queue: "SendQueue", change: int) -> None:
        """Count added or removed bytes; may close this queue or another one."""
        self.waiting_bytes += change
        self._users[queue.user] += change
        if queue.waiting_bytes:
            self._queues.add(queue)
        else:
            self._queues.discard(queue)
        if not self._users[queue.user]:
            del self._users[queue.user]
        if change <= 0:
            return
        if self._users[queue.user] > self.limits.queue_bytes_per_user:
            self._close_longest(queue.user)
        if self.waiting_bytes > self.limits.queue_bytes_in_all:
            self._close_longest(None)

    def _close_longest(self, user: str | None) -> None:
        queues = [one for one in self._queues if user is None or one.user == user]
        max(queues, key=lambda one: one.waiting_bytes).close(wire.CLOSE_SLOW, TOO_SLOW)


class SendQueue:
    """The queue of one client; see the module, and `Subscriber`."""

    def __init__(self, ws: SessionSocket, sums: QueueSums, feed: HtmlFeed) -> None:
        text_mode, query = ws.subprotocol is None, ws.attach.query
        asked = frozenset[str]() if text_mode else listed(query, "features")
        self.features = (*wire.OFFERED, *sorted(asked & {FEATURE, wire.APPROVALS}))
        self.allowed = listed(query, "allow")
        self.user = ws.attach.user or ""
        """The user of the client; set before the first frame."""
        self.waiting_bytes = 0
        self.closing: tuple[int, str] | None = None
        self._ws = ws
        self._sums = sums
        self._text_mode = text_mode
        self._feed = feed if FEATURE in asked else None
        self._queue: list[bytes | _Joined] = []  # an empty deque takes 760 bytes
        self._task: asyncio.Task[None] | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._largest = 0
        """Bytes of the largest frame; beyond the limit one frame may wait, or it could never be sent."""

    @property
    def is_open(self) -> bool:
        return self.closing is None and self._ws.state is State.OPEN

    def offer(self, frame: wire.Frame, data: bytes | None = None) -> None:
        self._put(frame, data)
        if self._feed is not None:
            self._feed.watch(self, frame)

    def close(self, code: int, reason: str) -> None:
        """Close the socket, or abort it after `CUT_SECONDS`; queued frames are dropped."""
        if self.closing is None:
            self.closing = (code, reason)
            self._drop()
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(CUT_SECONDS, self._ws.transport.abort)
            self._start()

    async def gone(self) -> None:
        """Drop the queue of a closed socket."""
        self.closing = self.closing or (wire.CLOSE_SLOW, "")
        self._drop()
        if self._feed is not None:
            self._feed.left(self)
        if self._cut is not None:
            self._cut.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _put(self, frame: wire.Frame, data: bytes | None) -> None:
        if self.closing is not None:
            return
        if self._text_mode:
            data = plain(frame).encode()
            if not data:
                return
        if self._task is None and self._ws.transport.get_write_buffer_size() < WATERMARK:
            data = wire.encode_bytes(frame) if data is None else data
            self._largest = max(self._largest, len(data))
            self._ws.send_now(data)
            return
        if isinstance(frame, wire.TextPiece):
            self._put_piece(frame)
        else:
            data = wire.encode_bytes(frame) if data is None else data
            self._largest = max(self._largest, len(data))
            self._queue.append(data)
            self._count(len(data) + ENTRY_BYTES)
        self._start()

    def _put_piece(self, piece: wire.TextPiece) -> None:
        """Queue a piece, joined to the last waiting one of the same kind and reply."""
        text = piece.text.encode()
        last = self._queue[-1] if self._queue else None
        if (
            isinstance(last, _Joined)
            and last.kind is type(piece)
            and last.run == piece.run
            and len(last) + len(text) <= JOINED_BYTES
        ):
            last.text += text
            last.seq = piece.seq
            self._count(len(text))
        else:
            joined = _Joined(type(piece), piece.seq, piece.run, piece.offset, bytearray(text))
            self._queue.append(joined)
            self._count(len(text) + ENTRY_BYTES)

    def _count(self, change: int) -> None:
        self.waiting_bytes += change
        self._sums.changed(self, change)
        limits = self._sums.limits
        held = self.waiting_bytes + self._ws.transport.get_write_buffer_size()
        most = limits.queue_bytes + self._largest
        if change > 0 and (len(self._queue) > limits.queue_frames or held > most):
            self.close(wire.CLOSE_SLOW, TOO_SLOW)

    def _drop(self) -> None:
        self._queue.clear()
        self._count(-self.waiting_bytes)

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        """Send waiting frames, then close the socket if requested."""
        try:
            while self._queue and self.closing is None:
                entry = self._queue.pop(0)
                if isinstance(entry, bytes):
                    data = entry
                else:
                    text = self._text_mode
                    data = bytes(entry.text) if text else wire.encode_bytes(entry.frame())
                await self._ws.send(data, text=True)
                if self.closing is None:  # else the bytes are no longer counted
                    self._count(-len(entry) - ENTRY_BYTES)
            if self.closing is not None:
                await self._ws.close(*self.closing)
        except ConnectionClosed:
            self._drop()
        finally:
            self._task = None


def plain(frame: wire.Frame) -> str:
    """A frame in text mode: the text of replies, errors as a sentence, else empty."""
    if isinstance(frame, wire.Delta):
        return frame.text
    if isinstance(frame, wire.ErrorFrame):
        return f"Error: {frame.message}"
    if isinstance(frame, wire.Notice) and (
        frame.retry_after is not None or frame.code == wire.APPROVAL_REFUSED
    ):
        return f"[{frame.text}]\n"
    return ""


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
        place = ws.attach
        connection = await Connection.open(app.hub, queue.user, place.ref, place.query, queue)
    except errors.GenPyError as error:
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
        raise errors.Unauthorized("The first frame must be auth with a token.") from None
    frame = wire.decode_client(message) if isinstance(message, str) else None
    if not isinstance(frame, wire.Auth):
        raise errors.Unauthorized("The first frame must be auth with a token.")
    return gate.authenticate(frame.token, ws.peer.address)
