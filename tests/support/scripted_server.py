"""A server of genpy.v1 that does what a test tells it, for states that are hard to provoke."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from support.conditions import PATIENCE
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from genpy_server.modes import own_modes
from genpy_server.wire import (
    Ack,
    ClientFrame,
    Delta,
    Frame,
    MessageEvent,
    Ready,
    RunFinished,
    RunStarted,
    Send,
    SnapshotEnd,
    decode_client,
    encode,
)

SESSION = "11111111-1111-4111-8111-111111111111"
AT = "2026-01-02T10:00:00+00:00"


class ScriptedServer:
    """Keeps a log of frames by `seq`, gives it to who attaches, and records what clients send."""

    def __init__(self) -> None:
        self.url = ""
        self.epoch = "epoch-1"
        self.model = "scripted-model"
        self.title = "A scripted conversation"
        self.status = "active"
        self.modes = own_modes().listed
        self.before: int | None = None
        self.log: list[Any] = []
        self.received: list[ClientFrame] = []
        self.sockets: set[ServerConnection] = set()
        self.attached = 0
        self.queries: list[dict[str, list[str]]] = []
        self.missing = "Not there."
        """What a 404 says."""
        self.requests: list[str] = []
        """The paths of the HTTP requests that were no WebSocket."""
        self.asked: dict[str, dict[str, list[str]]] = {}
        """The query of the newest request of each path."""
        self.api: dict[str, Any] = {"/api/sessions": {"sessions": []}}
        self.silent = False
        """Accept sockets, but say nothing at all."""
        self.close_with: int | None = None
        """Close every new socket with this code."""
        self.acknowledges = True
        self.refusing = False
        """Cut every new socket, as if nobody listened."""
        self._arrived = asyncio.Event()
        self._server: Server

    # What a test does

    def emit(self, frame: Frame) -> None:
        """Log an event and send it to everybody."""
        frame.seq = len(self.log) + 1
        self.log.append(frame)
        self.tell(frame)

    def tell(self, frame: Frame) -> None:
        """Send a frame to everybody, without the log."""
        broadcast(self.sockets, encode(frame))

    def message(self, text: str, *, role: str = "user", **fields: Any) -> int:
        """A stored message; returns its id."""
        number = 1 + sum(isinstance(frame, MessageEvent) for frame in self.log)
        self.emit(MessageEvent(seq=0, message_id=number, role=role, text=text, at=AT, **fields))
        return number

    def stored(self, number: int, text: str, role: str = "user") -> MessageEvent:
        """A message as the server sends it to who attaches."""
        return MessageEvent(0, number, role, text, AT)

    def start(self, reply_to: int, run: str = "run-1", intent: str = "casual_chat") -> str:
        """A reply begins."""
        self.emit(RunStarted(0, run, reply_to, intent, 0.9, 'words: "how do"', self.model))
        return run

    def stream(self, text: str, run: str = "run-1") -> None:
        """More of a reply."""
        offset = sum(len(f.text) for f in self.log if isinstance(f, Delta) and f.run == run)
        self.emit(Delta(0, run, offset, text))

    def finish(self, run: str = "run-1", status: str = "done", **fields: Any) -> None:
        """The reply is over."""
        self.emit(RunFinished(seq=0, run=run, status=status, ms=1200.0, **fields))

    def reply(self, text: str, *, run: str = "run-1") -> None:
        """Answer the newest message with a whole reply."""
        number = sum(isinstance(frame, MessageEvent) for frame in self.log)
        self.start(number, run)
        self.stream(text, run)
        self.finish(run)

    async def until(self, kind: type[ClientFrame], count: int = 1) -> Any:
        """The newest frame of a kind, once clients have sent so many."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [f for f in self.received if isinstance(f, kind)]) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return found[-1]

    async def attach(self, count: int = 1) -> None:
        """Wait until clients have attached so often."""
        async with asyncio.timeout(PATIENCE):
            while self.attached < count:
                self._arrived.clear()
                await self._arrived.wait()

    def forget(self) -> None:
        """Begin another epoch: who comes back gets everything again."""
        self.epoch += "'"

    async def cut(self, code: int | None = None) -> None:
        """Cut every connection, without a word or with a close code."""
        for socket in list(self.sockets):
            if code is None:
                socket.transport.abort()
            else:
                await socket.close(code)

    async def vanish(self) -> None:
        """Cut every connection and refuse new ones, until `refusing` is False again."""
        self.refusing = True
        await self.cut()

    # What it does by itself

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        self.queries.append(query)
        if self.refusing:
            socket.transport.abort()
            return
        if self.close_with is not None:
            await socket.close(self.close_with)
            return
        if not self.silent:
            after = int(query.get("after", ["0"])[0])
            complete = query.get("epoch") == [self.epoch]
            frames: list[Frame] = [self._ready(complete=complete)]
            if complete:
                frames += self.log[after:]
            elif self.log:
                frames += [msgspec.structs.replace(frame, seq=0) for frame in self.log]
                frames.append(SnapshotEnd(len(self.log)))
            for frame in frames:  # without a wait, in which a test could emit another
                broadcast({socket}, encode(frame))
        self.sockets.add(socket)
        self.attached += 1
        self._arrived.set()
        try:
            async for text in socket:
                self._take(decode_client(str(text)))
        finally:
            self.sockets.discard(socket)

    def _take(self, frame: ClientFrame) -> None:
        known = {f.id: f for f in self.received if isinstance(f, Send)}
        self.received.append(frame)
        if isinstance(frame, Send) and self.acknowledges:
            if frame.id not in known:
                self.message(frame.text, client_id=frame.id)
            number = next(f.message_id for f in self.log if getattr(f, "client_id", 0) == frame.id)
            self.tell(Ack(frame.id, number, frame.id in known))
        self._arrived.set()

    def _ready(self, *, complete: bool) -> Ready:
        return Ready(
            session=SESSION,
            epoch=self.epoch,
            seq=len(self.log) if complete else 0,
            replay="complete" if complete else "none",
            model=self.model,
            store="sqlite",
            title=self.title,
            status=self.status,
            before=self.before,
            modes=self.modes,
        )

    def _http(self, socket: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path.startswith("/ws/"):
            return None
        self.requests.append(path)
        self.asked[path] = parse_qs(urlsplit(request.path).query)
        found = path in self.api
        body = self.api.get(path, {"error": {"code": "not_found", "message": self.missing}})
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        data = msgspec.json.encode(body)
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data))})
        return Response(status.value, status.phrase, headers, data)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["ScriptedServer"]:
        """Listen; the same log can be served again on the same port."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            port,
            process_request=self._http,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            compression=None,
            max_size=None,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            yield self
        finally:
            self._server.close()
            await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port
