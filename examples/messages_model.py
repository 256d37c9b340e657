"""A model behind the Messages format (content blocks, `/v1/messages`) instead of chat completions.

    GENPY_MODEL=messages/some-model genpy chat

where an installed package has the entry point `messages = "messages_model:open_model"` in the group
`genpy.models`, and the environment MESSAGES_URL and MESSAGES_KEY; or `App(llm=MessagesModel(…))`.
"""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Literal, TypeVar

import httpx
import msgspec

from genpy_server import ChatMessage, ChatRequest, Finish, Settings, TextDelta, ToolCall, Usage
from genpy_server.errors import (
    LlmBadOutput,
    LlmCutOff,
    LlmError,
    LlmKeyRejected,
    LlmRateLimited,
    LlmTooLarge,
    LlmUnavailable,
)
from genpy_server.llm.base import LlmEvent, LlmHealth, ReasoningDelta

T = TypeVar("T")
Json = dict[str, Any]
Reason = Literal["stop", "length", "tool_calls", "content_filter"]

REASONS: dict[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class MessagesModel:
    """See `genpy_server.Llm`."""

    kind = "messages"
    local = False
    first_token_seconds = 60.0

    def __init__(self, url: str, model: str, key: str = "") -> None:
        self.model = model
        self._url = url.rstrip("/")
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        # The environment may name a proxy, which does not reach this machine.
        local = httpx.URL(url).host in {"127.0.0.1", "localhost"}
        self._http = httpx.AsyncClient(timeout=60, headers=headers, trust_env=not local)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        body = self._body(request.messages, request.model, request.max_tokens, tools)
        body["temperature"] = request.temperature
        async with aclosing(self._reply(body)) as events:
            async for event in events:
                yield event

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        """See `Llm.structured`: the answer is the argument of a tool that must be called."""
        (reference,), components = msgspec.json.schema_components([schema])
        tool = {
            "name": "answer",
            "description": "Give the answer.",
            "input_schema": {**components[schema.__name__], "$defs": components, **reference},
        }
        body = self._body(messages, model, 2048, [tool])
        body["tool_choice"] = {"type": "tool", "name": "answer"}
        async with aclosing(self._reply(body)) as events:
            calls = [event async for event in events if isinstance(event, ToolCall)]
        try:
            return msgspec.json.decode(calls[0].arguments, type=schema)
        except (IndexError, msgspec.MsgspecError) as error:
            raise LlmBadOutput("The model's answer does not fit.") from error

    async def check(self) -> LlmHealth:
        """See `Llm.check`."""
        try:
            answer = await self._http.get(f"{self._url}/v1/models")
        except httpx.TransportError as error:
            raise LlmUnavailable(f"Nobody answers at {self._url}.") from error
        _check(answer.status_code, answer.headers, answer.text)
        return LlmHealth(self.kind, self._url, self.model)

    async def probe(self) -> LlmHealth:
        """See `Llm.probe`."""
        await self.structured([ChatMessage("user", "Call the tool with any text.")], _Probe)
        return LlmHealth(self.kind, self._url, self.model)

    async def close(self) -> None:
        """See `Llm.close`."""
        await self._http.aclose()

    def _body(
        self, messages: Sequence[ChatMessage], model: str | None, limit: int, tools: list[Json]
    ) -> Json:
        system = "\n\n".join(m.content for m in messages if m.role == "system")
        rows: list[Json] = []
        for message in messages:
            if message.role == "system":
                continue
            role = "assistant" if message.role == "assistant" else "user"
            if rows and rows[-1]["role"] == role:  # roles take turns in this format
                rows[-1]["content"] += _blocks(message)
            else:
                rows.append({"role": role, "content": _blocks(message)})
        named = {"tools": tools} if tools else {}
        own = {"model": model or self.model, "max_tokens": limit, "stream": True}
        return {**own, "system": system, "messages": rows, **named}

    async def _reply(self, body: Json) -> AsyncGenerator[LlmEvent, None]:
        """The events of one request."""
        read, written = 0, 0
        calls: dict[int, ToolCall] = {}
        async with aclosing(self._events(body)) as events:
            async for event in events:
                block = event.get("content_block", {})
                delta = event.get("delta", {})
                if event["type"] == "message_start":
                    read = event["message"]["usage"]["input_tokens"]
                elif block.get("type") == "tool_use":
                    calls[event["index"]] = ToolCall(block["id"], block["name"], "")
                elif delta.get("type") == "text_delta" and delta["text"]:
                    yield TextDelta(delta["text"])
                elif delta.get("type") == "thinking_delta":
                    yield ReasoningDelta(delta["thinking"])
                elif delta.get("type") == "input_json_delta":
                    call = calls[event["index"]]
                    arguments = call.arguments + delta["partial_json"]
                    calls[event["index"]] = msgspec.structs.replace(call, arguments=arguments)
                elif event["type"] == "message_delta":
                    written = event["usage"]["output_tokens"]
                    for call in calls.values():
                        yield call
                    reason = REASONS.get(delta["stop_reason"], "stop")
                    yield Finish(reason, Usage(read, written))
                    return
        raise LlmCutOff("The service ended the reply early. Try again.")

    async def _events(self, body: Json) -> AsyncGenerator[Json, None]:
        """The events of the stream, each with its type."""
        url = f"{self._url}/v1/messages"
        try:
            async with self._http.stream("POST", url, json=body) as answer:
                if answer.is_error:
                    await answer.aread()
                    _check(answer.status_code, answer.headers, answer.text)
                lines: AsyncIterator[str] = answer.aiter_lines()
                async for line in lines:
                    if line.startswith("data:"):
                        event: Json = json.loads(line.removeprefix("data:"))
                        if event["type"] == "error":
                            raise LlmError(str(event["error"].get("message", "The reply failed.")))
                        yield event
        except httpx.ConnectError as error:
            raise LlmUnavailable(f"Nobody answers at {self._url}.") from error
        except httpx.TransportError as error:
            raise LlmCutOff("The connection to the service was cut. Try again.") from error


class _Probe(msgspec.Struct):
    text: str = ""


def _blocks(message: ChatMessage) -> list[Json]:
    """The content blocks of a message."""
    if message.role == "tool":
        result = {"tool_use_id": message.tool_call_id, "content": message.content}
        return [{"type": "tool_result", **result}]
    blocks: list[Json] = [{"type": "text", "text": message.content}] if message.content else []
    for call in message.tool_calls:
        arguments = json.loads(call.arguments or "{}")
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return blocks


def _check(status: int, headers: httpx.Headers, text: str) -> None:
    """Raise the error that a status means; nothing for success."""
    kinds = {401: LlmKeyRejected, 403: LlmKeyRejected, 413: LlmTooLarge, 429: LlmRateLimited}
    if status >= httpx.codes.BAD_REQUEST:
        kind = kinds.get(status, LlmUnavailable if status >= 500 else LlmError)  # noqa: PLR2004 - HTTP
        wait = headers.get("retry-after", "")
        seconds = float(wait) if wait.isdecimal() else None
        raise kind(f"The service answered {status}: {text[:200]}", retry_after=seconds)


def open_model(settings: Settings) -> MessagesModel:
    """The model of `GENPY_MODEL=messages/NAME`."""
    name = (settings.model or "").partition("/")[2]
    return MessagesModel(os.environ["MESSAGES_URL"], name, os.environ.get("MESSAGES_KEY", ""))
