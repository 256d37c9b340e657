"""The event stream of a chat-completions reply: bytes in, chunks out, with no socket in sight.

It follows the WHATWG rules as far as this dialect needs them: lines end in LF or CRLF, a field's
value may follow the colon without a space, several data lines are one value, other fields but
`event` are ignored, and UTF-8 may be split anywhere, since only whole lines are decoded.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec

from genpy_server.core.models import ToolCall, Usage
from genpy_server.errors import LlmCutOff

EVENT_BYTES = 4 * 1024 * 1024
"""The largest event, and the longest line; a service that sends more is broken."""


class Function(msgspec.Struct):
    """A piece of a tool call; some services give the arguments as the object itself."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPiece(msgspec.Struct):
    """A tool call, or a fragment of one, told apart by `index` and `id`."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class ChunkDelta(msgspec.Struct):
    """What a chunk adds; `reasoning` and other fields are no part of the reply."""

    content: str | None = None
    tool_calls: list[CallPiece] | None = None


class Choice(msgspec.Struct):
    """The only choice that is asked for."""

    delta: ChunkDelta | None = None
    finish_reason: str | None = None


class ChunkUsage(msgspec.Struct):
    """Tokens, as the service counts them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class GroqPart(msgspec.Struct):
    """What Groq adds: usage on the last chunk, or an error without a status."""

    usage: ChunkUsage | None = None
    error: Any = None


class Chunk(msgspec.Struct):
    """One event's data."""

    choices: list[Choice] | None = None
    usage: ChunkUsage | None = None
    x_groq: GroqPart | None = None
    error: Any = None


class ServiceError(Exception):
    """The service says in the stream that it failed; `body` is what it said."""

    def __init__(self, body: Any) -> None:
        super().__init__("the service reports an error in the stream")
        self.body = body


DONE = b"[DONE]"
_decoder = msgspec.json.Decoder(Chunk)


class EventSplitter:
    """Turns the bytes of a stream into chunks; `done` is set by the closing mark."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = b""
        self._data: list[bytes] = []
        self._held = 0
        self.done = False

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that are complete now; raises `ServiceError` or `LlmCutOff`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            chunk = self._line(line.removesuffix(b"\r"))
            if chunk is not None:
                yield chunk
        if self._held + len(self._rest) > EVENT_BYTES:
            raise LlmCutOff("The model's service sends an event without end. Try again.")

    def _line(self, line: bytes) -> Chunk | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._held += len(value)
        elif name == b"event":
            self._event = value
        return None

    def _dispatch(self) -> Chunk | None:
        data, event = b"\n".join(self._data), self._event
        self._data, self._event, self._held = [], b"", 0
        if event == b"error":
            raise ServiceError(_loose(data))
        if not data:
            return None
        if data.strip() == DONE:
            self.done = True
            return None
        try:
            chunk = _decoder.decode(data)
        except msgspec.MsgspecError:
            raise LlmCutOff("The model's service sends what cannot be read. Try again.") from None
        error = chunk.error or (chunk.x_groq.error if chunk.x_groq else None)
        if error is not None:
            raise ServiceError(error)
        return chunk


def _loose(data: bytes) -> Any:
    try:
        body = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return data.decode("utf-8", "replace")
    return body.get("error", body) if isinstance(body, dict) else body


class CallCollector:
    """Puts tool calls together, whole ones and fragments, in the order in which they began."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._names: list[str] = []
        self._arguments: list[list[str]] = []
        self._by_index: dict[int, int] = {}

    def add(self, piece: CallPiece) -> None:
        """Take in a piece; a new id under a known index begins another call."""
        place = self._by_index.get(piece.index) if piece.index is not None else None
        if place is None and self._ids and piece.index is None and not piece.id:
            place = len(self._ids) - 1
        if place is None or (piece.id and self._ids[place] and piece.id != self._ids[place]):
            place = len(self._ids)
            self._ids.append("")
            self._names.append("")
            self._arguments.append([])
        if piece.index is not None:
            self._by_index[piece.index] = place
        self._ids[place] = piece.id or self._ids[place]
        if piece.function is not None:
            name, arguments = piece.function.name, piece.function.arguments
            # Some services repeat the whole name with every fragment.
            if name and name != self._names[place]:
                self._names[place] += name
            if isinstance(arguments, dict):
                arguments = msgspec.json.encode(arguments).decode()
            self._arguments[place].append(arguments or "")

    def calls(self) -> list[ToolCall]:
        """The calls; one without an id gets one that no other call of the reply has."""
        rows = zip(self._ids, self._names, self._arguments, strict=True)
        return [
            ToolCall(call_id or f"call_{uuid4().hex[:12]}", name, "".join(arguments))
            for call_id, name, arguments in rows
        ]


def usage_of(chunk: Chunk) -> Usage | None:
    """The tokens that a chunk tells of."""
    found = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
    return Usage(found.prompt_tokens or 0, found.completion_tokens or 0) if found else None
