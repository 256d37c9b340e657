"""Groq's models, and those of any server of the same dialect, through the groq SDK.

The SDK makes the request over aiohttp; its bytes are split and decoded by us, since its chunk
objects cost more than all the rest of a token's way. It never retries: the run owns that policy.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import groq
import httpx
import msgspec
from groq import AsyncAPIResponse

from genpy_server.core.identity import is_loopback
from genpy_server.errors import LlmBadOutput, LlmError, LlmModelUnknown
from genpy_server.llm.base import ChatMessage, ChatRequest, LlmEvent, LlmHealth
from genpy_server.llm.dialect import (
    Completion,
    Form,
    Models,
    first_for_chat,
    in_form,
    is_listed,
    message_row,
    tool_row,
)
from genpy_server.llm.events import ServiceError
from genpy_server.llm.reply import reply_events
from genpy_server.llm.trouble import Service, lost, quota, refusal, refuses_format, refuses_tools

T = TypeVar("T")

GROQ_URL = "https://api.groq.com"
TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=10.0)
"""Seconds: 10 to connect, TLS included; 60 for the first byte and between two reads."""
LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30.0)
"""A connection is kept 30 s for the next request, which then needs no handshake."""
RAW: Any = {"headers": {"X-Stainless-Raw-Response": "stream"}}
"""Makes the SDK give the response itself, its body not yet read, whatever `cast_to` says."""
ANSWER_TOKENS = 2_048
"""Tokens of a structured answer at most, those of its reasoning included."""
STRICT_MODELS = "openai/gpt-oss"
TROUBLE = (groq.APIError, httpx.HTTPError, TimeoutError, ServiceError)


class GroqLlm:
    """See `llm.base.Llm`. With `url` it speaks to any server of the dialect at that address."""

    def __init__(
        self,
        *,
        key: str | None,
        model: str | None,
        url: str | None = None,
        groq_url: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        where, headers = _address(url or groq_url or GROQ_URL)
        self._service = (
            Service("groq", where, "GROQ_MODEL", "GROQ_API_KEY", "GROQ_BASE_URL")
            if url is None
            else Service("compatible", where, "GENPY_LLM_MODEL", "GENPY_LLM_KEY", "GENPY_LLM_URL")
        )
        self.kind: str = self._service.kind
        self._configured = model
        self._found: str | None = None
        self._finding = asyncio.Lock()
        self._takes_tools = True
        self._forms = _forms(self.kind, model or "")
        self._prefix = "/openai/v1" if url is None else ""
        # A proxy of the environment is for what is far away.
        trust_env = not is_loopback(urlsplit(where).hostname or "")
        self._client = groq.AsyncGroq(
            api_key=key or "none",
            base_url=where,
            default_headers=headers,
            max_retries=0,
            timeout=timeout,
            http_client=groq.DefaultAioHttpClient(
                timeout=timeout, limits=LIMITS, trust_env=trust_env
            ),
        )

    @property
    def model(self) -> str:
        """The model's id; empty until a server was asked for its first one."""
        return self._configured or self._found or ""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        body = await self._body(request.messages, request.max_tokens, request.temperature)
        body["stream"] = True
        if self.kind == "compatible":
            body["stream_options"] = {"include_usage": True}
        if request.tools and self._takes_tools:
            body["tools"] = [tool_row(tool) for tool in request.tools]
        begun = False
        try:
            response = await self._post(body)
            try:
                left = quota(response.headers)
                async with aclosing(reply_events(response.iter_bytes(), left)) as events:
                    async for event in events:
                        begun = True
                        yield event
            finally:
                await response.close()
        except TROUBLE as error:
            raise self._named(error, begun=begun) from error

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """See `Llm.structured`; a form that the service does not know is never asked for again."""
        body = await self._body(messages, ANSWER_TOKENS, 0.2)
        try:
            answer = await self._answer(body, schema)
        except TROUBLE as error:
            raise self._named(error, begun=False) from error
        try:
            return msgspec.json.decode(
                msgspec.json.decode(answer, type=Completion).json(), type=schema
            )
        except (msgspec.MsgspecError, RecursionError):
            raise LlmBadOutput(
                "The model's answer is not in the form asked for. Try again."
            ) from None

    async def check(self) -> LlmHealth:
        """See `Llm.check`."""
        models = await self._models()
        if self._configured is None:
            self._found = self._first(models)
        elif not is_listed(self._configured, models):
            others = ", ".join(sorted(models)[:3]) or "none"
            raise LlmModelUnknown(
                f"The model {self._configured!r} is not to be had at {self._service.where}. "
                f"Set {self._service.model_setting} to one that is, such as: {others}."
            )
        return LlmHealth(self.kind, self._service.where, self.model)

    async def close(self) -> None:
        """See `Llm.close`."""
        await self._client.close()

    async def _body(
        self, messages: Sequence[ChatMessage], max_tokens: int, temperature: float
    ) -> dict[str, Any]:
        if not self.model:
            async with self._finding:
                self._found = self._found or self._first(await self._models())
        limit = "max_completion_tokens" if self.kind == "groq" else "max_tokens"
        return {
            "model": self.model,
            "messages": [message_row(message) for message in messages],
            limit: max_tokens,
            "temperature": temperature,
        }

    async def _post(self, body: dict[str, Any]) -> AsyncAPIResponse[Any]:
        response: Any = await self._client.post(
            f"{self._prefix}/chat/completions", cast_to=object, body=body, options=RAW
        )
        return cast("AsyncAPIResponse[Any]", response)

    async def _answer(self, body: dict[str, Any], schema: type) -> bytes:
        """A whole answer, in the best form that the service knows."""
        while True:
            form = self._forms[0]
            strict = self.kind == "groq" and form == "json_schema"
            try:
                response = await self._post(in_form(body, form, schema, in_words=not strict))
            except groq.APIStatusError as error:
                if form == self._forms[-1] or not refuses_format(error.status_code, error.body):
                    raise
                self._forms = tuple(other for other in self._forms if other != form)
                continue
            return await _whole(response)

    async def _models(self) -> list[str]:
        try:
            response: Any = await self._client.get(
                f"{self._prefix}/models", cast_to=object, options=RAW
            )
            answer = await _whole(response)
        except TROUBLE as error:
            raise self._named(error, begun=False) from error
        try:
            return [model.id for model in msgspec.json.decode(answer, type=Models).data or ()]
        except msgspec.MsgspecError:
            raise LlmError(
                f"{self._service.where} lists no models. "
                f"Correct {self._service.address_setting}; such an address mostly ends in /v1."
            ) from None

    def _first(self, models: list[str]) -> str:
        first = first_for_chat(models)
        if first is None:
            raise LlmModelUnknown(f"{self._service.where} has no model. Load one into it first.")
        return first

    def _named(self, error: Exception, *, begun: bool) -> LlmError:
        if isinstance(error, groq.APIStatusError):
            body, status, headers = error.body, error.status_code, error.response.headers
        elif isinstance(error, ServiceError):
            body, status, headers = error.body, None, None
        else:
            return lost(error, self._service, begun=begun)
        if refuses_tools(body):
            self._takes_tools = False
        named = refusal(self._service, self.model, status=status, body=body, headers=headers)
        if isinstance(named, LlmModelUnknown):
            self._found = None
        return named


async def _whole(response: AsyncAPIResponse[Any]) -> bytes:
    try:
        return await response.read()
    finally:
        await response.close()


def _forms(kind: str, model: str) -> tuple[Form, ...]:
    """Ways to ask for an answer of a given form, the best first."""
    if kind == "compatible":
        return ("json_schema", "json_object", "words")
    if model.startswith(STRICT_MODELS):
        return ("json_schema", "json_object")
    return ("json_object",)


def _address(text: str) -> tuple[str, dict[str, str]]:
    """An address as it may be shown, and the header that its user and password are."""
    parts = urlsplit(text)
    user, at, host = parts.netloc.rpartition("@")
    shown = parts._replace(netloc=host).geturl().rstrip("/")
    pair = base64.b64encode(unquote(user).encode()).decode()
    return shown, {"Authorization": f"Basic {pair}"} if at else {}
