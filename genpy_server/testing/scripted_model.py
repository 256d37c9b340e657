"""A scripted chat-completions service on loopback: a test defines each of its replies.

    async with ScriptedModel() as upstream:
        upstream.say("Hello", " there")
        upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "1"})

Each request takes the next script, or the last one again when none is left. What was asked
is in `requests`; `open` counts the replies that stream right now, `connections` those ever made.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

Json = dict[str, Any]


@dataclass
class Script:
    """The response to a request: a status with a body, or a stream in pieces."""

    status: int = 200
    body: bytes = b""
    pieces: Sequence[bytes] = ()
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Close the socket after the pieces instead of ending the stream; without any, at once."""
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    """Before the piece of a number, wait for its event."""
    silent: bool = False
    """Send nothing until the client disconnects."""


def _wants_json(body: Json) -> bool:
    """Whether a request asks for structured output, in any of the possible ways."""
    asked = any("Answer with" in str(row.get("content")) for row in body.get("messages", ()))
    return "response_format" in body or not body.get("stream") or asked


def event(payload: Json | str, name: str = "") -> bytes:
    """One event of a stream."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chunk(delta: Json | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a reply."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more})


def call_piece(index: int, call_id: str | None, name: str | None, arguments: str) -> Json:
    """A tool call, or a fragment of one."""
    function: Json = {"arguments": arguments}
    if name is not None:
        function["name"] = name
    piece: Json = {"index": index, "type": "function", "function": function}
    if call_id is not None:
        piece["id"] = call_id
    return piece


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
DONE = event("[DONE]")


class ScriptedModel:
    """The service; its address is `url` (with /v1) and `root` (without)."""

    def __init__(self) -> None:
        self.models = ["openai/gpt-oss-120b", "openai/gpt-oss-20b"]
        self.windows: dict[str, int] = {}
        """The context windows in its list of models."""
        self.key: str | None = None
        self.requests: list[Json] = []
        self.open = 0
        self.connections = 0
        self.answer: Json | Callable[[Json], str] | None = None
        self._scripts: deque[Script] = deque()
        self._last = Script(500)
        self._changed = asyncio.Condition()
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 26)
        port = self._server.sockets[0].getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop at once."""
        await self.stop()

    async def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._server.close()
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    # Scripts

    def script(self, script: Script) -> Script:
        """Use this script for the next request."""
        self._scripts.append(script)
        return script

    def only(self, script: Script) -> None:
        """Use this script for every request from now on."""
        self._scripts.clear()
        self.script(script)

    def pieces_before(self, text: int) -> int:
        """The index of the piece with the text of that index, as `say` writes them."""
        return text

    def say(self, *texts: str, finish: str = "stop", paused_at: int | None = None) -> asyncio.Event:
        """A reply in chunks; paused before the chunk `paused_at` until the event is set."""
        gate = asyncio.Event()
        pieces = [chunk({"content": text}) for text in texts]
        pieces += [chunk(finish=finish, x_groq={"usage": USAGE}, usage=USAGE), DONE]
        gates = {} if paused_at is None else {paused_at: gate}
        self.script(Script(pieces=pieces, gates=gates))
        return gate

    def call(self, name: str, arguments: Json | str, call_id: str = "call_1") -> None:
        """A reply that calls one tool."""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        piece = call_piece(0, call_id, name, text)
        end = chunk(finish="tool_calls", x_groq={"usage": USAGE})
        self.script(Script(pieces=[chunk({"tool_calls": [piece]}), end, DONE]))

    def cut(self, *texts: str, hang_up: bool = True) -> None:
        """A reply that ends too early: by a closed socket, or by an incomplete stream."""
        self.script(Script(pieces=[chunk({"content": t}) for t in texts], hang_up=hang_up))

    def fail(
        self, status: int, code: str = "", message: str = "no", headers: Json | None = None
    ) -> None:
        """An answer with an error's body."""
        error = {"error": {"message": message, "type": code, "code": code}}
        self.script(Script(status, json.dumps(error).encode(), headers=dict(headers or {})))

    def silence(self) -> None:
        """No answer, on an open connection."""
        self.script(Script(silent=True))

    async def until(self, when: Callable[[], bool], patience: float = 20.0) -> None:
        """Wait until a condition on this service is true."""
        async with asyncio.timeout(patience), self._changed:
            await self._changed.wait_for(when)

    # Serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._handlers.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.strip().split("\r\n")
        method, path, _ = request_line.split()
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        body: Json = json.loads(raw) if raw else {}
        await self._note({"method": method, "path": path, "headers": headers, "body": body})
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            error = {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}
            await self._answer(writer, Script(401, json.dumps(error).encode()))
        elif path.endswith("/models"):
            names = {**dict.fromkeys(self.models), **self.windows}
            rows = [
                {"id": name} | ({} if size is None else {"context_window": size})
                for name, size in names.items()
            ]
            listed = {"object": "list", "data": rows}
            await self._answer(writer, Script(body=json.dumps(listed).encode()))
        elif self.answer is not None and _wants_json(body):
            content = self.answer(body) if callable(self.answer) else json.dumps(self.answer)
            if body.get("stream"):
                pieces = [chunk({"content": content}), chunk(finish="stop", usage=USAGE), DONE]
                await self._stream(reader, writer, Script(pieces=pieces))
            else:
                choice = {"index": 0, "message": {"role": "assistant", "content": content}}
                whole = {"choices": [{**choice, "finish_reason": "stop"}], "usage": USAGE}
                await self._answer(writer, Script(body=json.dumps(whole).encode()))
        else:
            return await self._play(reader, writer)
        return True

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        self._last = script = self._scripts.popleft() if self._scripts else self._last
        if script.silent:
            await self._note(opened=1)
            await reader.read(1)
            await self._note(opened=-1)
        elif script.pieces:
            await self._stream(reader, writer, script)
        elif not script.hang_up:
            await self._answer(writer, script)
        return not (script.silent or script.hang_up)

    async def _note(self, request: Json | None = None, opened: int = 0) -> None:
        async with self._changed:
            if request is not None:
                self.requests.append(request)
            self.open += opened
            self._changed.notify_all()

    async def _answer(self, writer: asyncio.StreamWriter, script: Script) -> None:
        head = {"content-type": "application/json", "content-length": str(len(script.body))}
        _write_head(writer, script.status, {**head, **script.headers})
        writer.write(script.body)
        await writer.drain()

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, script: Script
    ) -> None:
        head = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        _write_head(writer, script.status, {**head, **script.headers})
        await self._note(opened=1)
        # A client says nothing while it is answered: what can be read here is its end.
        gone = asyncio.create_task(reader.read(1))
        try:
            for number, piece in enumerate(script.pieces):
                if number in script.gates:
                    opened = asyncio.create_task(script.gates[number].wait())
                    await asyncio.wait({opened, gone}, return_when=asyncio.FIRST_COMPLETED)
                    opened.cancel()
                if gone.done():
                    raise ConnectionResetError
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            await self._note(opened=-1)
        if not script.hang_up:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


def _write_head(writer: asyncio.StreamWriter, status: int, headers: dict[str, str]) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode())
