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

from aiohttp import web

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
        self.answer: Json | Callable[[Json], str] | None = None
        self._scripts: deque[Script] = deque()
        self._last = Script(500)
        self._changed = asyncio.Condition()
        self._transports: list[asyncio.BaseTransport | None] = []
        self._runner: web.ServerRunner

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        server = web.Server(self._answer, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop at once."""
        await self.stop()

    async def stop(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """How many connections had a request."""
        return len(self._transports)

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

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.transport not in self._transports:
            self._transports.append(request.transport)
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw = await request.content.read()
        body: Json = json.loads(raw) if raw else {}
        about = {"method": request.method, "path": request.raw_path}
        await self._note(about | {"headers": headers, "body": body})
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            error = {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}
            return web.json_response(error, status=401)
        if request.path.endswith("/models"):
            names = {**dict.fromkeys(self.models), **self.windows}
            rows = [
                {"id": name} | ({} if size is None else {"context_window": size})
                for name, size in names.items()
            ]
            return web.json_response({"object": "list", "data": rows})
        if self.answer is not None and _wants_json(body):
            content = self.answer(body) if callable(self.answer) else json.dumps(self.answer)
            if body.get("stream"):
                pieces = [chunk({"content": content}), chunk(finish="stop", usage=USAGE), DONE]
                return await self._stream(request, Script(pieces=pieces))
            choice = {"index": 0, "message": {"role": "assistant", "content": content}}
            return web.json_response(
                {"choices": [{**choice, "finish_reason": "stop"}], "usage": USAGE}
            )
        return await self._play(request)

    async def _play(self, request: web.BaseRequest) -> web.StreamResponse:
        self._last = script = self._scripts.popleft() if self._scripts else self._last
        if script.silent:
            await self._note(opened=1)
            try:
                await asyncio.Event().wait()  # until the client disconnects, which cancels this
            finally:
                await self._note(opened=-1)
        if script.pieces:
            return await self._stream(request, script)
        if script.hang_up and request.transport is not None:
            request.transport.close()
        headers = {"content-type": "application/json", **script.headers}
        return web.Response(status=script.status, body=script.body, headers=headers)

    async def _note(self, request: Json | None = None, opened: int = 0) -> None:
        async with self._changed:
            if request is not None:
                self.requests.append(request)
            self.open += opened
            self._changed.notify_all()

    async def _stream(self, request: web.BaseRequest, script: Script) -> web.StreamResponse:
        headers = {"content-type": "text/event-stream", **script.headers}
        response = web.StreamResponse(status=script.status, headers=headers)
        await response.prepare(request)
        await self._note(opened=1)
        try:
            for number, piece in enumerate(script.pieces):
                if number in script.gates:
                    await script.gates[number].wait()
                await response.write(piece)
            if script.hang_up and request.transport is not None:
                request.transport.close()
        finally:
            await self._note(opened=-1)
        return response
