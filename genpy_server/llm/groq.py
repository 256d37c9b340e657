"""Groq's models, and those of any server of the same dialect, through the groq SDK.

The SDK makes the request over aiohttp; its bytes are split and decoded by us, since its chunk
objects cost more than all the rest of a token's way. It never retries: the run owns that policy.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar, cast

import groq
import httpx
import msgspec
from groq import AsyncAPIResponse

from genpy_server.core.models import Usage
from genpy_server.errors import LlmBadOutput, LlmCutOff, LlmError, LlmModelUnknown
from genpy_server.llm.base import (
    ChatMessage,
    ChatRequest,
    Finish,
    LlmEvent,
    LlmHealth,
    TextDelta,
    ToolSpec,
)
from genpy_server.llm.events import CallCollector, EventSplitter, ServiceError, usage_of
from genpy_server.llm.schema import strict_schema
from genpy_server.llm.trouble import Service, named, quota

T = TypeVar("T")

GROQ_URL = "https://api.groq.com"
TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=10.0)
"""Seconds: to connect, and between two reads, the first one included."""
LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
RAW_STREAM = {"X-Stainless-Raw-Response": "stream"}
"""Asks the SDK for the response itself, its body not yet read."""
SUMMARY_TOKENS = 1_200
STRICT_MODELS = "openai/gpt-oss"

_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


class GroqLlm:
    """See `llm.base.Llm`. With `url` it speaks to any server of the dialect at that address."""

    def __init__(self, *, key: str | None, model: str | None, url: str | None = None) -> None:
        self.kind = "groq" if url is None else "compatible"
        self._model = model
        self._service = (
            Service(GROQ_URL, "GROQ_MODEL", "GROQ_API_KEY")
            if url is None
            else Service(url, "GENPY_LLM_MODEL", "GENPY_LLM_KEY")
        )
        self._prefix = "/openai/v1" if url is None else ""
        self._client = groq.AsyncGroq(
            api_key=key or "none",
            base_url=url,
            max_retries=0,
            timeout=TIMEOUT,
            http_client=groq.DefaultAioHttpClient(timeout=TIMEOUT, limits=LIMITS),
        )
        if url is None:
            self._service.where = str(self._client.base_url).rstrip("/")

    @property
    def model(self) -> str:
        """The model's id; empty until a server was asked for its first one."""
        return self._model or ""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        body = await self._body(request.messages, request.max_tokens, request.temperature)
        body["stream"] = True
        if self.kind == "compatible":
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        begun = False
        try:
            response = await self._post(body)
            try:
                async for event in _events(response):
                    begun = True
                    yield event
            finally:
                await response.close()
        except (groq.APIError, httpx.HTTPError, TimeoutError, ServiceError) as error:
            raise named(error, self._service, self.model, begun=begun) from error

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """See `Llm.structured`."""
        body = await self._body(messages, SUMMARY_TOKENS, 0.2)
        strict = self.model.startswith(STRICT_MODELS)
        if strict:
            json_schema = {"name": "answer", "strict": True, "schema": strict_schema(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        else:
            body["response_format"] = {"type": "json_object"}
            asked = msgspec.json.encode(strict_schema(schema)).decode()
            body["messages"][0]["content"] += f"\nAnswer with JSON of this schema:\n{asked}"
        try:
            response = await self._post(body)
            try:
                answer = msgspec.json.decode(await response.read(), type=_Completion)
            finally:
                await response.close()
        except (groq.APIError, httpx.HTTPError, TimeoutError) as error:
            raise named(error, self._service, self.model, begun=False) from error
        except msgspec.MsgspecError:
            raise LlmBadOutput("The model's service sent what cannot be read.") from None
        content = (answer.choices[0].message.content or "") if answer.choices else ""
        fenced = _FENCE.match(content)
        try:
            return msgspec.json.decode(fenced.group(1) if fenced else content, type=schema)
        except (msgspec.MsgspecError, RecursionError):
            raise LlmBadOutput("The model's answer is not in the form asked for.") from None

    async def check(self) -> LlmHealth:
        """See `Llm.check`."""
        models = await self._models()
        if self._model is None:
            self._model = self._first(models)
        if self._model not in models:
            others = ", ".join(sorted(models)[:3]) or "none"
            raise LlmModelUnknown(
                f"The model {self._model!r} is not to be had at {self._service.where}. "
                f"Set {self._service.model_setting} to one that is, such as: {others}."
            )
        return LlmHealth(self.kind, self._service.where, self._model)

    async def close(self) -> None:
        """See `Llm.close`."""
        await self._client.close()

    async def _body(
        self, messages: Sequence[ChatMessage], max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        if self._model is None:
            self._model = self._first(await self._models())
        limit = "max_completion_tokens" if self.kind == "groq" else "max_tokens"
        return {
            "model": self._model,
            "messages": [_message(message) for message in messages],
            limit: max_tokens,
            "temperature": temperature,
        }

    async def _post(self, body: dict[str, Any]) -> AsyncAPIResponse[Any]:
        # The header makes the SDK return the response itself instead of what `cast_to` says.
        options: Any = {"headers": RAW_STREAM}
        response: Any = await self._client.post(
            f"{self._prefix}/chat/completions", cast_to=object, body=body, options=options
        )
        return cast("AsyncAPIResponse[Any]", response)

    async def _models(self) -> list[str]:
        try:
            answer = await self._client.get(f"{self._prefix}/models", cast_to=object)
        except (groq.APIError, httpx.HTTPError, TimeoutError) as error:
            raise named(error, self._service, self.model, begun=False) from error
        try:
            return [model.id for model in msgspec.convert(answer, _Models).data]
        except msgspec.ValidationError:
            raise LlmError(
                f"{self._service.where} lists no models. Is it the right address?"
            ) from None

    def _first(self, models: list[str]) -> str:
        if not models:
            raise LlmModelUnknown(f"{self._service.where} has no model. Load one into it first.")
        return models[0]


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Answer(msgspec.Struct):
    content: str | None = None


class _AnswerChoice(msgspec.Struct):
    message: _Answer


class _Completion(msgspec.Struct):
    choices: list[_AnswerChoice] = []


async def _events(response: AsyncAPIResponse[Any]) -> AsyncGenerator[LlmEvent, None]:
    """The events of a stream; the text of one read is one delta."""
    splitter, calls = EventSplitter(), CallCollector()
    reason, usage = "", Usage()
    async for data in response.iter_bytes():
        texts: list[str] = []
        for chunk in splitter.feed(data):
            usage = usage_of(chunk) or usage
            for choice in chunk.choices:
                delta = choice.delta
                if delta is not None:
                    if delta.content:
                        texts.append(delta.content)
                    for piece in delta.tool_calls or ():
                        calls.add(piece)
                reason = choice.finish_reason or reason
        if texts:
            yield TextDelta("".join(texts))
        if splitter.done:
            break
    if not reason:
        raise LlmCutOff("The model's service ended the reply early. What came is kept; try again.")
    for call in calls.calls():
        yield call
    if reason == "length":
        yield Finish("length", usage, quota(response.headers))
    else:
        yield Finish("tool_calls" if calls.calls() else "stop", usage, quota(response.headers))


def _message(message: ChatMessage) -> dict[str, Any]:
    """A message in the dialect's form."""
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["content"] = message.content or None
        row["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    return row


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }
