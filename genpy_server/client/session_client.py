"""A client of one session that reconnects and resumes, without losing a message or an event.

Events are the frames of genpy.v1 and `Link`; `client.transcript` has applied each frame before it
is an event.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Protocol, Self
from uuid import uuid4

from genpy_server import errors, wire
from genpy_server.client.address import Address
from genpy_server.client.http_records import RemoteRecords
from genpy_server.client.outbox import Outbox
from genpy_server.client.reconnect import NORMAL, TOO_BIG, Link, Lost, ReconnectDelay
from genpy_server.client.transcript import Gap, Transcript
from genpy_server.core.text import storable

__all__ = ["Event", "Link", "RemoteRecords", "SessionClient"]

Event = wire.ServerFrame | Link
Query = Mapping[str, str | int | None]
"""What a client asks for when it attaches to a session; what is None is left out."""


class Socket(Protocol):
    """An open connection to a session; every method raises `Lost` once it is closed."""

    async def receive(self) -> str:
        """The next frame."""

    async def send(self, text: str) -> None:
        """Send a frame."""

    async def close(self) -> None:
        """Close the connection."""


Connect = Callable[[str, Query], Awaitable[Socket]]
"""Opens a connection to the session of a reference; raises `Lost`."""


class SessionClient:
    """One conversation at a server; it connects when the iteration starts, and has one reader.

        async with Client("http://127.0.0.1:8001", "trip-to-rome", token=token) as client:
            client.send("Where were we?")
            async for event in client:
                if isinstance(event, Delta):
                    print(event.text, end="", flush=True)
                elif isinstance(event, RunFinished):
                    break

    `url` is http(s) or ws(s), `ref` an id or a name, `history` the number of stored messages to
    fetch at first. `event` is a frame of `genpy_server.wire` or a `Link`, whose `error` says why a
    connection was refused; a refused message is reported as an `ErrorFrame`.
    With `approvals`, requests of tools that act come as `ApprovalRequested` and wait for `approve`;
    `allow` are names of tools that may act without a request. Without either no tool acts.
    The server does not look up the id of a `fresh` session, which was just created. `connect` opens
    connections instead of WebSockets to `url`.
    """

    def __init__(
        self,
        url: str,
        ref: str,
        *,
        token: str | None = None,
        history: int = 50,
        approvals: bool = False,
        allow: Iterable[str] = (),
        fresh: bool = False,
        connect: Connect | None = None,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.link = Link("connecting")
        self.transcript = Transcript()
        self._outbox = Outbox()
        self._wake = asyncio.Event()
        self._address = Address.parse(url)
        self._ref = ref
        self._token = token
        self._fresh = fresh
        self._connect = connect or self._open_websocket
        self._query = {
            "history": history,
            "features": f"{wire.APPROVALS},{wire.MODEL_STATE}" if approvals else None,
            "allow": ",".join(allow) or None,
        }
        self._sleep = sleep
        self._delay = ReconnectDelay(chance, clock)
        self._events = EventBuffer()
        self._shown_refusal: tuple[str, str] | None = None
        self._close_error: wire.ErrorFrame | None = None
        self._snapshot_seq = 0
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    # Requests; none of them waits

    def send(
        self,
        text: str,
        intent: str | None = None,
        corrected_from: str | None = None,
        *,
        replaces: int | None = None,
        model: str | None = None,
    ) -> str:
        """Send a message; returns the id that its `MessageEvent` will have as `client_id`.

        `replaces` is the id of the person's last message, which this one replaces; `model` answers
        this message only.
        """
        frame = wire.Send(uuid4().hex, storable(text), intent, corrected_from, replaces, model)
        self._queue(frame)
        return frame.id

    def cancel(self) -> None:
        """Stop the running reply; its text so far is stored."""
        running = self.transcript.running
        self._queue(wire.Cancel(None if running is None else running.meta.run))

    def end(self) -> None:
        """End the session and write its summary."""
        self._queue(wire.End())

    def rate(self, rating: int) -> None:
        """Rate the session, 1 to 5."""
        self._queue(wire.Rate(rating))

    def retry(self, intent: str | None = None, *, model: str | None = None) -> None:
        """Answer the last message again, in another mode or with another model if given."""
        self._queue(wire.Retry(intent, model))

    def set(self, change: wire.Set) -> None:
        """Change settings of the conversation."""
        self._queue(change)

    def approve(self, request: wire.ApprovalRequested, decision: wire.Decision) -> None:
        """Answer the request of a tool."""
        self._queue(wire.Approve(request.call, decision, request.run))

    @property
    def pending(self) -> tuple[wire.Send, ...]:
        """Unacknowledged messages, oldest first."""
        return self._outbox.messages

    @property
    def unsent(self) -> int:
        """The number of frames that are not sent or not acknowledged."""
        return len(self._outbox)

    def _queue(self, frame: wire.ClientFrame) -> None:
        self._outbox.add(frame)
        self._wake.set()

    # Events

    def __aiter__(self) -> AsyncIterator[Event]:
        """Connect, the first time; yields every event until the link is refused or closed."""
        if self._connecting is None and self.link.state != "closed":
            self._connecting = asyncio.create_task(self._keep_connected())
        return self

    async def __anext__(self) -> Event:
        """The next event."""
        if (event := await self._events.take()) is not None:
            return event
        if self._connecting is not None and not self._connecting.cancelled():
            await self._connecting  # raises an unexpected error
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect; the session ends after the grace period without a client."""
        tasks = [task for task in (self._connecting, self._waiting) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self.link.state not in {"refused", "closed"}:
            self._show(Link("closed"))
        self._events.finish()

    def _show(self, link: Link) -> None:
        self.link = link
        self._events.put(link)

    # The connection

    async def _keep_connected(self) -> None:
        try:
            while True:
                self._show(Link("connecting", self._delay.failures))
                try:
                    await self._serve_connection()
                except Lost as lost:
                    error = self._connection_error(lost)
                    if not lost.again:
                        self._show(
                            Link("closed" if lost.code == NORMAL else "refused", error=error)
                        )
                        return
                except Gap:
                    # Without an epoch the server sends a snapshot.
                    self.transcript.epoch = None
                    error = errors.Unreachable(
                        "Events were missed. Loading the conversation again."
                    )
                delay = self._delay.next(error.retry_after)
                self._show(Link("reconnecting", self._delay.failures, delay, error))
                await self._sleep(delay)
        finally:
            self._events.finish()

    async def _serve_connection(self) -> None:
        """Connect once and receive frames; ends by raising `Lost` or `Gap`."""
        self._close_error = None
        epoch = self.transcript.epoch
        after = None if epoch is None else self.transcript.seq
        fresh = 1 if self._fresh and not self.transcript.session else None
        query = {"epoch": epoch, "after": after, "fresh": fresh, **self._query}
        socket = await self._connect(self._ref, query)
        writer: asyncio.Task[None] | None = None
        try:
            if self._token is None:
                # A server that requires a token would wait for it; so it refuses at once.
                await socket.send(wire.encode(wire.Auth("")))
            while True:
                self._take(await socket.receive())
                if writer is None and self.link.state == "open":
                    writer = asyncio.create_task(self._write(socket))
        finally:
            if writer is not None:
                writer.cancel()
                await asyncio.wait({writer})
            await socket.close()

    async def _open_websocket(self, ref: str, query: Query) -> Socket:
        from genpy_server.client.socket import WebSocket  # noqa: PLC0415 - websockets takes its time

        return await WebSocket.open(self._address, self._address.session(ref, **query), self._token)

    async def _write(self, socket: Socket) -> None:
        self._outbox.reconnect()
        try:
            while True:
                while (frame := self._outbox.next()) is not None:
                    await socket.send(wire.encode(frame))
                    self._outbox.written(frame)
                self._wake.clear()
                await self._wake.wait()
        except Lost:
            return  # the reader gets the same error and reconnects

    def _take(self, text: str) -> None:
        try:
            frame = wire.decode_server(text)
        except errors.BadFrame as error:
            self._events.put(wire.error_frame(error))
            return
        if frame is None:  # a frame of a later version
            return
        self.transcript.apply(frame)
        match frame:
            case wire.Ready():
                if frame.replay != "complete":
                    self._snapshot_seq = frame.seq
                self._delay.opened()
                self._show(Link("open"))
            case wire.Ack():
                self._acknowledged(frame.id)
            # A message of a snapshot is sent again: its ack comes after all events of its reply.
            case wire.MessageEvent() if frame.seq > self._snapshot_seq:
                self._acknowledged(frame.client_id)
            case wire.ErrorFrame():
                if not self._handle_error(frame):
                    return
        self._events.put(frame)

    def _acknowledged(self, client_id: str | None) -> None:
        self._outbox.remove(client_id)
        self._wake.set()

    def _handle_error(self, frame: wire.ErrorFrame) -> bool:
        """React to an error; False when it is not to be an event."""
        if self.link.state != "open":
            self._close_error = frame
            return False
        if frame.re in {"cancel", "approve"} and frame.code == errors.Conflict.code:
            return False  # the reply has ended, or another client answered first
        head = self._outbox.head
        if head is None or frame.re != head.id:
            return True
        if not frame.retryable:
            self._acknowledged(head.id)
            return True
        self._waiting = asyncio.create_task(self._wait(self._outbox.hold(frame.retry_after)))
        before, self._shown_refusal = self._shown_refusal, (head.id, frame.code)
        return before != self._shown_refusal

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._outbox.release()
        self._wake.set()

    def _connection_error(self, lost: Lost) -> errors.GenPyError:
        """Why the connection was lost: the error frame before it, if there was one."""
        head = self._outbox.head
        if lost.code == TOO_BIG and head is not None:
            most = self.transcript.message_chars
            limit = f", which takes {most:,} characters" if most else ""
            error = errors.TooLarge(
                f"That message is too large for the server{limit}. Send it in parts."
            )
            self._outbox.remove(head.id)
            self._events.put(wire.error_frame(error, re=head.id))
            return error
        if isinstance(lost.error, errors.Unauthorized) and self._token is None:
            return self._address.wants_token()
        error_ = self._close_error
        if error_ is None:
            return lost.error
        return errors.from_wire(error_.code, error_.message, error_.retry_after)


class EventBuffer:
    """A queue of events whose `put` never waits.

    Consecutive pieces of a reply's text, or of its reasoning, are joined while they wait.
    """

    def __init__(self) -> None:
        self._items: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._finished = False

    def put(self, event: Event) -> None:
        """Add an event."""
        self._items.append(event)
        self._arrived.set()

    def finish(self) -> None:
        """Note that no more events will come."""
        self._finished = True
        self._arrived.set()

    async def take(self) -> Event | None:
        """The next event; None when no more will come."""
        while not self._items:
            if self._finished:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        event = self._items.popleft()
        if not isinstance(event, wire.TextPiece):
            return event
        texts, end = [event.text], event.offset + len(event.text)
        while self._items and isinstance(piece := self._items[0], type(event)):
            if (piece.run, piece.offset) != (event.run, end):
                break
            texts.append(piece.text)
            end += len(piece.text)
            event.seq = piece.seq
            del self._items[0]
        event.text = "".join(texts)
        return event
