"""A client of one session that stays: it comes back after a cut and loses nothing on either side.

Events are the frames of genpy.v1 and the `Link` beside them; `client.transcript` has taken in each
frame before it is an event.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from genpy_server.client.address import Address
from genpy_server.client.http_records import RemoteRecords
from genpy_server.client.outbox import Outbox
from genpy_server.client.reconnect import Link, ReconnectDelay
from genpy_server.client.transcript import Gap, Transcript
from genpy_server.core.text import storable
from genpy_server.errors import (
    BadFrame,
    Conflict,
    GenPyError,
    TooLarge,
    Unauthorized,
    Unreachable,
    from_wire,
)
from genpy_server.wire import (
    APPROVALS,
    MODEL_STATE,
    Ack,
    ApprovalRequested,
    Approve,
    Auth,
    Cancel,
    ClientFrame,
    Decision,
    Delta,
    End,
    ErrorFrame,
    MessageEvent,
    Rate,
    Ready,
    Reasoning,
    Retry,
    Send,
    ServerFrame,
    Set,
    decode_server,
    encode,
    error_frame,
)

if TYPE_CHECKING:
    from genpy_server.client.socket import Lost, Socket

__all__ = ["Event", "Link", "RemoteRecords", "SessionClient"]

Event = ServerFrame | Link


class SessionClient:
    """One conversation at a server; it connects when it is first iterated over, by one reader.

        async with Client("http://127.0.0.1:8001", "trip-to-rome", token=token) as client:
            client.send("Where were we?")
            async for event in client:
                if isinstance(event, Delta):
                    print(event.text, end="", flush=True)
                elif isinstance(event, RunFinished):
                    break

    `url` is http(s) or ws(s), `ref` an id or a name of one's own, `history` how many stored messages
    are wanted at first. `event` is a frame of `genpy_server.wire` or a `Link`, whose `error` says
    why a connection was refused; a message that is refused comes back as an `ErrorFrame`.
    With `approvals`, requests of tools that act come as `ApprovalRequested` and wait for `approve`;
    `allow` are names of tools that may act unasked. Without either none acts.
    A `fresh` session is one whose id was made a moment ago: the server does not look for it.
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
        self._asked = {
            "history": history,
            "features": f"{APPROVALS},{MODEL_STATE}" if approvals else None,
            "allow": ",".join(allow) or None,
        }
        self._sleep = sleep
        self._delay = ReconnectDelay(chance, clock)
        self._events = EventBuffer()
        self._told: tuple[str, str] | None = None
        self._socket: Socket | None = None
        self._farewell: ErrorFrame | None = None
        self._shown = 0  # the number up to which events were there at the last snapshot
        self._staying: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds of the newest ping; None while not connected."""
        return None if self._socket is None else self._socket.latency_ms

    # What a person does; none of it waits

    def send(
        self,
        text: str,
        intent: str | None = None,
        corrected_from: str | None = None,
        *,
        replaces: int | None = None,
        model: str | None = None,
    ) -> str:
        """Say something; the id that its `MessageEvent` will carry as `client_id`.

        `replaces` is the message id of the person's last message, which this one stands for;
        `model` answers this message alone.
        """
        frame = Send(uuid4().hex, storable(text), intent, corrected_from, replaces, model)
        self._say(frame)
        return frame.id

    def cancel(self) -> None:
        """Stop the reply in progress and keep what came of it."""
        running = self.transcript.running
        self._say(Cancel(None if running is None else running.meta.run))

    def end(self) -> None:
        """End the session and write its summary."""
        self._say(End())

    def rate(self, rating: int) -> None:
        """Rate the session, 1 to 5."""
        self._say(Rate(rating))

    def retry(self, intent: str | None = None, *, model: str | None = None) -> None:
        """Answer the last message again, perhaps as another intent or with another model."""
        self._say(Retry(intent, model))

    def set(self, change: Set) -> None:
        """Change settings of the conversation."""
        self._say(change)

    def approve(self, request: ApprovalRequested, decision: Decision) -> None:
        """Answer the request of a tool."""
        self._say(Approve(request.call, decision, request.run))

    @property
    def pending(self) -> tuple[Send, ...]:
        """What was said and is not known to be kept, oldest first."""
        return self._outbox.messages

    @property
    def unsaid(self) -> int:
        """How much waits to be said, or to be known as kept."""
        return len(self._outbox)

    def _say(self, frame: ClientFrame) -> None:
        self._outbox.add(frame)
        self._wake.set()

    # What comes back

    def __aiter__(self) -> AsyncIterator[Event]:
        """Connect, the first time; every event in order until the link is refused or closed."""
        if self._staying is None and self.link.state != "closed":
            self._staying = asyncio.create_task(self._stay())
        return self

    async def __anext__(self) -> Event:
        """The next event."""
        if (event := await self._events.take()) is not None:
            return event
        if self._staying is not None and not self._staying.cancelled():
            await self._staying  # raises what it died of, which no frame can tell
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Leave."""
        await self.close()

    async def close(self) -> None:
        """Leave; the session goes on, and ends by itself when nobody is left."""
        tasks = [task for task in (self._staying, self._waiting) if task is not None]
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

    async def _stay(self) -> None:
        """Connect, and come back, until that makes no sense."""
        from genpy_server.client.socket import Lost  # noqa: PLC0415 - websockets takes its time

        try:
            while True:
                self._show(Link("connecting", self._delay.failures))
                try:
                    await self._attend()
                except Lost as lost:
                    error = self._explained(lost)
                    if not lost.again:
                        self._show(Link("closed" if lost.over else "refused", error=error))
                        return
                except Gap:
                    # What was missed cannot be asked for: begin again with all that is kept.
                    self.transcript.epoch = None
                    error = Unreachable("Something was missed. Loading the conversation again.")
                delay = self._delay.next(error.retry_after)
                self._show(Link("reconnecting", self._delay.failures, delay, error))
                await self._sleep(delay)
        finally:
            self._events.finish()

    async def _attend(self) -> None:
        """Attach once, and take in what comes; ends by raising `Lost` or `Gap`."""
        from genpy_server.client.socket import Socket  # noqa: PLC0415 - see `_stay`

        self._farewell = None
        epoch = self.transcript.epoch
        after = None if epoch is None else self.transcript.seq
        fresh = 1 if self._fresh and not self.transcript.session else None
        url = self._address.session(self._ref, epoch=epoch, after=after, fresh=fresh, **self._asked)
        socket = await Socket.open(self._address, url, self._token)
        writer: asyncio.Task[None] | None = None
        try:
            if self._token is None:
                # A server that wants a token would wait for this; so it refuses at once.
                await socket.send(encode(Auth("")))
            while True:
                self._take(await socket.receive())
                if writer is None and self.link.state == "open":
                    self._socket = socket
                    writer = asyncio.create_task(self._write(socket))
        finally:
            self._socket = None
            if writer is not None:
                writer.cancel()
                await asyncio.wait({writer})
            await socket.close()

    async def _write(self, socket: "Socket") -> None:
        """Say what there is to say, for as long as the connection lasts."""
        from genpy_server.client.socket import Lost  # noqa: PLC0415 - see `_stay`

        self._outbox.reconnect()
        try:
            while True:
                while (frame := self._outbox.next()) is not None:
                    await socket.send(encode(frame))
                    self._outbox.written(frame)
                self._wake.clear()
                await self._wake.wait()
        except Lost:
            return  # the reader learns of it too, and comes back

    def _take(self, text: str) -> None:
        """Take in one frame."""
        try:
            frame = decode_server(text)
        except BadFrame as error:
            self._events.put(error_frame(error))
            return
        if frame is None:  # of a later version
            return
        self.transcript.apply(frame)
        match frame:
            case Ready():
                self._shown = self._shown if frame.replay == "complete" else frame.seq
                self._delay.opened()
                self._show(Link("open"))
            case Ack():
                self._kept(frame.id)
            # One that is shown again goes out again: its ack says that all that came of it was shown.
            case MessageEvent() if frame.seq > self._shown:
                self._kept(frame.client_id)
            case ErrorFrame():
                if not self._failed(frame):
                    return
        self._events.put(frame)

    def _kept(self, client_id: str | None) -> None:
        self._outbox.done(client_id)
        self._wake.set()

    def _failed(self, frame: ErrorFrame) -> bool:
        """Do what an error asks for; False when nobody needs to see it."""
        if self.link.state != "open":
            self._farewell = frame
            return False
        if frame.re in {"cancel", "approve"} and frame.code == Conflict.code:
            return False  # the reply was over already, or another client answered first
        head = self._outbox.head
        if head is None or frame.re != head.id:
            return True
        if not frame.retryable:
            self._kept(head.id)
            return True
        self._waiting = asyncio.create_task(self._wait(self._outbox.hold(frame.retry_after)))
        before, self._told = self._told, (head.id, frame.code)
        return before != self._told

    async def _wait(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._outbox.release()
        self._wake.set()

    def _explained(self, lost: "Lost") -> GenPyError:
        """Why the connection is lost, in the words of the frame before it where there was one."""
        head = self._outbox.head
        if lost.too_large and head is not None:
            error = TooLarge("That message is too large for the server. Send it in parts.")
            self._outbox.done(head.id)
            self._events.put(error_frame(error, re=head.id))
            return error
        if isinstance(lost.error, Unauthorized) and self._token is None:
            return self._address.wants_token()
        said = self._farewell
        return lost.error if said is None else from_wire(said.code, said.message, said.retry_after)


class EventBuffer:
    """Events between a reader that never waits and a consumer that may be slow, in order.

    Consecutive pieces of one run's text, or of its reasoning, are joined while they wait.
    """

    def __init__(self) -> None:
        self._items: deque[Event | list[Delta | Reasoning]] = deque()
        self._arrived = asyncio.Event()
        self._finished = False

    def put(self, event: Event) -> None:
        """Take an event; never waits."""
        if isinstance(event, Delta | Reasoning):
            last = self._items[-1] if self._items else None
            if isinstance(last, list) and _follows(last[-1], event):
                last.append(event)
            else:
                self._items.append([event])
        else:
            self._items.append(event)
        self._arrived.set()

    def finish(self) -> None:
        """There will be no more."""
        self._finished = True
        self._arrived.set()

    async def take(self) -> Event | None:
        """The next event, or None when there will be no more."""
        while not self._items:
            if self._finished:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        return _joined(item) if isinstance(item, list) else item


def _follows(last: Delta | Reasoning, piece: Delta | Reasoning) -> bool:
    same = type(last) is type(piece) and last.run == piece.run
    return same and last.offset + len(last.text) == piece.offset


def _joined(pieces: list[Delta | Reasoning]) -> Delta | Reasoning:
    text = "".join(piece.text for piece in pieces)
    return type(pieces[0])(pieces[-1].seq, pieces[0].run, pieces[0].offset, text)
