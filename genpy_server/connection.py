"""One WebSocket: authenticate, attach, decode, encode, and a bounded queue for a slow reader.

It knows sockets and frames, and nothing of chat. Two modes, told apart by the handshake alone:
without a subprotocol a text frame is a message and the reply comes back as plain text; with
genpy.v1 every frame is JSON.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from genpy_server.errors import (
    BadFrame,
    BadRequest,
    Busy,
    Conflict,
    GenPyError,
    StoreError,
    Unauthorized,
)
from genpy_server.event_log import Event
from genpy_server.live import LiveSession
from genpy_server.sessions import SessionHub
from genpy_server.settings import Limits
from genpy_server.wire import (
    CLOSE_BUSY,
    CLOSE_SLOW,
    CLOSE_UNAUTHORIZED,
    Auth,
    Cancel,
    ClientFrame,
    Delta,
    End,
    ErrorFrame,
    Frame,
    Notice,
    Rate,
    Retry,
    Send,
    decode_client,
    encode,
    error_frame,
)

WATERMARK = 32 * 1024
"""Bytes in the transport's buffer above which frames wait in our own queue, where they join."""
AUTH_SECONDS = 10.0
CUT_SECONDS = 5.0
"""How long a reader that is told to go may take to hear of it."""
CLOSE_POLICY = 1008
JOINED_CHARS = 64 * 1024


class Outbox:
    """Frames on their way to one reader: at once while it keeps up, else joined in a queue."""

    def __init__(self, ws: ServerConnection, limits: Limits, *, text_mode: bool) -> None:
        self._ws = ws
        self._limits = limits
        self._text_mode = text_mode
        self._queue: deque[tuple[Frame, str]] = deque()
        self._chars = 0
        self._wake = asyncio.Event()
        self._sending = False
        self._cut: asyncio.TimerHandle | None = None
        self.closing: tuple[int, str] | None = None

    def offer(self, event: Event) -> None:
        """Take an event of the session."""
        self._put(event.frame, event.text)

    def answer(self, frame: Frame) -> None:
        """Take a frame for this reader alone."""
        self._put(frame, "" if self._text_mode else encode(frame))

    def close(self, code: int, reason: str) -> None:
        """Close the socket, or cut one that reads nothing; what is queued is dropped."""
        if self.closing is None:
            self.closing = (code, reason)
            self._queue.clear()
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(CUT_SECONDS, self._ws.transport.abort)
            self._wake.set()

    def gone(self) -> None:
        """Be told that the socket is closed."""
        if self._cut is not None:
            self._cut.cancel()

    def _put(self, frame: Frame, text: str) -> None:
        if self._text_mode:
            text = _plain(frame)
            if not text:
                return
        if self.closing is not None:
            return
        if not self._queue and not self._sending and self._room():
            broadcast((self._ws,), text)
            return
        if type(frame) is Delta and self._join(frame):
            return
        self._queue.append((frame, text))
        self._chars += len(text)
        limits = self._limits
        if len(self._queue) > limits.queue_frames or self._chars > limits.queue_bytes:
            self.close(CLOSE_SLOW, "Too slow. Come back and go on where you were.")
        self._wake.set()

    def _room(self) -> bool:
        return self._ws.transport.get_write_buffer_size() < WATERMARK

    def _join(self, delta: Delta) -> bool:
        """Join a delta to the last waiting one of the same run."""
        if not self._queue:
            return False
        last, text = self._queue[-1]
        if type(last) is not Delta or last.run != delta.run or len(last.text) > JOINED_CHARS:
            return False
        joined = Delta(delta.seq, delta.run, last.offset, last.text + delta.text)
        joined_text = joined.text if self._text_mode else encode(joined)
        self._queue[-1] = (joined, joined_text)
        self._chars += len(joined_text) - len(text)
        return True

    async def drain(self) -> None:
        """Send what waits, for as long as the socket is open."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._sending = True
            while self._queue and self.closing is None:
                _, text = self._queue.popleft()
                self._chars -= len(text)
                await self._ws.send(text)
            self._sending = False
            if self.closing is not None:
                await self._ws.close(*self.closing)
                return


def _plain(frame: Frame) -> str:
    """A frame as text mode shows it: replies as they come, failures as a sentence."""
    if isinstance(frame, Delta):
        return frame.text
    if isinstance(frame, ErrorFrame):
        return f"Error: {frame.message}"
    if isinstance(frame, Notice) and frame.retry_after is not None:
        return f"[{frame.text}]\n"
    return ""


class Connection:
    """A socket that is attached to a session: reads frames and does what they say."""

    def __init__(self, hub: SessionHub, session: LiveSession, outbox: Outbox) -> None:
        self._hub = hub
        self._session = session
        self._outbox = outbox
        self._handlers: dict[type[Frame], Callable[[Any], Awaitable[None]]] = {
            Auth: self._auth,
            Send: self._send,
            Cancel: self._cancel,
            End: self._end,
            Rate: self._rate,
            Retry: self._retry,
        }

    async def text(self, text: str) -> None:
        """A message of text mode."""
        await self.handle(Send(uuid4().hex, text))

    async def frame(self, text: str) -> None:
        """A frame of genpy.v1."""
        try:
            frame = decode_client(text)
        except BadFrame as error:
            self._outbox.answer(error_frame(error))
        else:
            await self.handle(frame)

    def refuse(self, error: GenPyError) -> None:
        """Tell this client alone of a failure."""
        self._outbox.answer(error_frame(error))

    async def handle(self, frame: ClientFrame) -> None:
        """Do what a frame says; a failure is an answer."""
        try:
            await self._handlers[type(frame)](frame)
        except GenPyError as error:
            about = frame.id if isinstance(frame, Send) else type(frame).__name__.lower()
            self._outbox.answer(error_frame(error, re=about))

    async def _auth(self, _: Auth) -> None:
        """A client cannot know whether a token is asked for; here none is, or it was sent."""

    async def _send(self, frame: Send) -> None:
        self._outbox.answer(await self._hub.send(self._session, frame))

    async def _cancel(self, frame: Cancel) -> None:
        if not self._session.runs.cancel(frame.run):
            raise Conflict("No such reply is running.")

    async def _end(self, _: End) -> None:
        """End the session; its summary takes its time, and what is said next does not wait."""
        claimed = asyncio.Event()
        work = self._hub.spawn(self._summarise(claimed))
        work.add_done_callback(lambda _: claimed.set())
        await claimed.wait()

    async def _summarise(self, claimed: asyncio.Event) -> None:
        try:
            if await self._session.end(claimed) is None:
                raise Conflict("Nothing was said since the last end, or the talk goes on.")
        except GenPyError as error:
            self._outbox.answer(error_frame(error, re="end"))

    async def _rate(self, frame: Rate) -> None:
        await self._session.rate(frame.rating)

    async def _retry(self, frame: Retry) -> None:
        self._hub.retry(self._session, frame.intent)


async def serve_session(
    ws: ServerConnection,
    hub: SessionHub,
    *,
    user: str | None,
    ref: str,
    query: Mapping[str, str],
    authenticate: Callable[[str], str],
    limits: Limits,
) -> None:
    """The life of one socket, from its handshake to its close.

    With `user` None the first frame must be `auth`; `authenticate` turns its token into a user or
    raises `Unauthorized`.
    """
    text_mode = ws.subprotocol is None
    outbox = Outbox(ws, limits, text_mode=text_mode)
    try:
        if user is None:
            user = await _authenticate(ws, authenticate)
        session = await hub.attach(user, ref, outbox, **_place(query, limits))
    except GenPyError as error:
        frame = error_frame(error)
        await ws.send(_plain(frame) if text_mode else encode(frame))
        await ws.close(_close_code(error), error.message[:120])
        return
    connection = Connection(hub, session, outbox)
    drain = asyncio.create_task(outbox.drain())
    try:
        async for message in ws:
            if isinstance(message, bytes):
                connection.refuse(BadFrame("Binary frames are not understood. Send text frames."))
            elif text_mode:
                await connection.text(message)
            else:
                await connection.frame(message)
    except ConnectionClosed:
        pass  # the peer is gone without a closing handshake, which is no failure of ours
    finally:
        hub.detach(session, outbox)
        outbox.gone()
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def _authenticate(ws: ServerConnection, authenticate: Callable[[str], str]) -> str:
    try:
        async with asyncio.timeout(AUTH_SECONDS):
            message = await ws.recv()
    except (TimeoutError, ConnectionClosed):
        raise Unauthorized("The first frame must be auth with a token.") from None
    frame = decode_client(message) if isinstance(message, str) else None
    if not isinstance(frame, Auth):
        raise Unauthorized("The first frame must be auth with a token.")
    return authenticate(frame.token)


def _place(query: Mapping[str, str], limits: Limits) -> dict[str, Any]:
    """Where a client left off: `epoch` and `after`, and how much `history` it wants otherwise."""
    try:
        after = int(query["after"]) if "after" in query else None
        history = int(query.get("history", limits.history_messages))
    except ValueError:
        raise BadRequest("after and history must be whole numbers.") from None
    history = min(max(history, 0), limits.history_messages)
    return {"epoch": query.get("epoch"), "after": after, "history": history}


def _close_code(error: GenPyError) -> int:
    if isinstance(error, Unauthorized):
        return CLOSE_UNAUTHORIZED
    return CLOSE_BUSY if isinstance(error, Busy | StoreError) else CLOSE_POLICY
