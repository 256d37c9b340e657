"""The client of a session that both front ends use: it reconnects, resumes, and loses nothing.

    async for event in client:      # frames of genpy.v1, and `Link` for changes of the connection
        ...

`send` never waits: what is not acknowledged is in the outbox, and is sent again, with the same id,
until it is. `transcript` is what a screen shows, folded from every frame before it is given out.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec

from genpy_server.core.transcript import Gap, Transcript
from genpy_server.errors import BadFrame, GenPyError, Unreachable, from_wire
from genpy_server.outbox import Outbox
from genpy_server.remote import RemoteRecords, failure
from genpy_server.wire import (
    CLOSE_AGAIN,
    PROTOCOL,
    Cancel,
    ClientFrame,
    Delta,
    End,
    ErrorFrame,
    Rate,
    Ready,
    Retry,
    Send,
    ServerFrame,
    decode_server,
    encode,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["Link", "RemoteRecords", "SessionClient"]

FIRST_WAIT = 0.25
LONGEST_WAIT = 15.0
CLOSE_NORMAL = 1000
CONNECT_SECONDS = 10.0
PING_SECONDS = 10.0
FRAME_BYTES = 64 * 1024 * 1024
REFUSALS = frozenset({400, 401, 403, 404})


class Link(msgspec.Struct, frozen=True):
    """A change of the connection.

    `connecting`: the first attempt. `open`: attached. `lost`: attempt number `attempt` follows in
    `delay` seconds. `refused`: the server will not have us; `reason` is its sentence. `closed`: by
    us, or because the session is gone.
    """

    state: Literal["connecting", "open", "lost", "refused", "closed"]
    attempt: int = 0
    delay: float = 0.0
    reason: str = ""


Event = ServerFrame | Link


class SessionClient:
    """One session of a server, seen over a connection that may come and go."""

    def __init__(
        self,
        url: str,
        ref: str,
        *,
        token: str | None = None,
        history: int = 50,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.transcript = Transcript()
        self.latency_ms: float | None = None
        self._base = url.replace("http", "ws", 1) if url.startswith("http") else url
        self._ref = ref
        self._token = token
        self._history = history
        self._jitter = jitter
        self._anew = False
        self._outbox = Outbox()
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._ws: ClientConnection | None = None
        self._life: asyncio.Task[None] | None = None
        self._writers: set[asyncio.Task[None]] = set()

    # What a person does

    @property
    def pending(self) -> int:
        """How many messages are not acknowledged yet."""
        return len(self._outbox)

    def send(
        self, text: str, *, intent: str | None = None, corrected_from: str | None = None
    ) -> str:
        """Say something, now or as soon as there is a connection; returns the message's own id."""
        frame = Send(uuid4().hex, text, intent, corrected_from)
        self._outbox.send(frame)
        return frame.id

    def cancel(self) -> None:
        """Stop the running reply; without a connection there is nothing to stop it by."""
        if self._ws is not None:
            self._write(Cancel())

    def retry(self, *, intent: str | None = None) -> None:
        """Answer the last message again."""
        self._outbox.request(Retry(intent))

    def end(self) -> None:
        """End the session."""
        self._outbox.request(End())

    def rate(self, rating: int) -> None:
        """Rate the session."""
        self._outbox.request(Rate(rating))

    async def close(self) -> None:
        """Leave; the iteration ends."""
        self._outbox.disconnected()
        if self._ws is not None:
            await self._ws.close()
        if self._life is not None:
            self._life.cancel()
        self._tell(Link("closed"))

    def _write(self, frame: ClientFrame) -> None:
        """Write without waiting; what is lost with the connection, the outbox sends again."""
        if self._ws is not None:
            task = asyncio.ensure_future(_quietly(self._ws, encode(frame)))
            self._writers.add(task)
            task.add_done_callback(self._writers.discard)

    # What comes

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Connect, and give everything that comes until the client is closed or refused."""
        self._news = asyncio.Event()
        self._life = life = asyncio.create_task(self._live())
        try:
            while True:
                while self._events:
                    yield self._events.popleft()
                if life.done():
                    if not life.cancelled():
                        life.result()
                    return
                await self._news.wait()
                self._news.clear()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    def _tell(self, event: Event) -> None:
        """Queue for the consumer; deltas that it has not fetched yet are joined."""
        last = self._events[-1] if self._events else None
        if isinstance(event, Delta) and isinstance(last, Delta) and last.run == event.run:
            self._events[-1] = Delta(event.seq, event.run, last.offset, last.text + event.text)
        else:
            self._events.append(event)
        self._news.set()

    async def _live(self) -> None:
        try:
            await self._connect_again_and_again()
        except GenPyError as error:
            self._tell(Link("refused", reason=error.message))
        finally:
            self._news.set()

    async def _connect_again_and_again(self) -> None:
        """Returns when the session is gone; raises what no further attempt would change."""
        self._tell(Link("connecting"))
        attempt = 0
        while True:
            reason, wait = "The connection was lost.", None
            try:
                if await self._attach():
                    self._tell(Link("closed", reason="The session was closed."))
                    return
                attempt = 0
            except GenPyError as error:
                if not error.retryable:
                    raise
                reason, wait = error.message, error.retry_after
            attempt += 1
            delay = wait if wait is not None else self._delay(attempt)
            self._tell(Link("lost", attempt, delay, reason))
            await asyncio.sleep(delay)

    def _delay(self, attempt: int) -> float:
        wait: float = min(FIRST_WAIT * 2 ** min(attempt - 1, 10), LONGEST_WAIT)
        return wait * (0.5 + self._jitter())

    async def _attach(self) -> bool:
        """One connection, from its handshake to its end; True when the session is gone with it.

        Raises the error that keeps us out.
        """
        from websockets.asyncio.client import connect  # noqa: PLC0415 - heavy, only to connect
        from websockets.exceptions import (  # noqa: PLC0415
            ConnectionClosed,
            InvalidHandshake,
            InvalidStatus,
        )
        from websockets.typing import Subprotocol  # noqa: PLC0415

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            ws = await connect(
                self._address(),
                subprotocols=[Subprotocol(PROTOCOL)],
                additional_headers=headers,
                open_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                compression=None,
                max_size=FRAME_BYTES,
                proxy=None,
            )
        except InvalidStatus as error:
            raise _refusal(error.response.status_code, error.response.body) from None
        except (OSError, InvalidHandshake, EOFError) as error:
            raise Unreachable(f"No GenPy server answers at {self._base}.") from error
        try:
            return await self._listen(ws)
        except ConnectionClosed:
            return False
        finally:
            self._ws = None
            self._outbox.disconnected()
            await ws.close()

    def _address(self) -> str:
        query: dict[str, str | int] = {"history": self._history}
        if self.transcript.epoch is not None and not self._anew:
            query |= {"epoch": self.transcript.epoch, "after": self.transcript.seq}
        return f"{self._base}/ws/session/{quote(self._ref, safe='')}?{urlencode(query)}"

    async def _listen(self, ws: "ClientConnection") -> bool:
        refused: GenPyError | None = None
        async for message in ws:
            self.latency_ms = ws.latency * 1000 if ws.latency else self.latency_ms
            try:
                frame = decode_server(message if isinstance(message, str) else "")
                self.transcript.apply(frame)
            except BadFrame:
                continue  # of a newer server, which says nothing that we could show
            except Gap:
                self._anew = True
                return False
            if isinstance(frame, Ready):
                self._anew, self._ws = False, ws
                self._tell(Link("open"))
                self._outbox.connected(self._write)
            elif self._ws is None and isinstance(frame, ErrorFrame):
                refused = from_wire(frame.code, frame.message, frame.retry_after)
                continue
            self._outbox.settle(frame)
            self._tell(frame)
        if refused is not None:
            raise refused
        if ws.close_code in {None, *CLOSE_AGAIN}:
            return False
        if ws.close_code == CLOSE_NORMAL:
            return True
        raise from_wire("forbidden", ws.close_reason or "The server closed the connection.")


async def _quietly(ws: "ClientConnection", text: str) -> None:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - loaded by the connection

    with contextlib.suppress(ConnectionClosed):  # the reader notices as well, and connects again
        await ws.send(text)


def _refusal(status: int, body: bytes | None) -> GenPyError:
    """A handshake that was answered with an error instead."""
    error = failure(body or b"")
    if error is not None:
        return error
    if status in REFUSALS:
        return from_wire("bad_request", f"The server refuses the connection ({status}).")
    return Unreachable(f"The server is not ready ({status}).")
