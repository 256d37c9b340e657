"""Groq's models, and those of any server of the same dialect, through the groq SDK.

The SDK makes the request over `HttpClient`; the bytes of the answer are read here, since the SDK's
chunk objects cost more than all the rest of the work for a token. What a service refuses is left
out for a day; the run waits and retries in other cases.
"""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import groq
import httpx
import msgspec

from genpy_server.core.identity import is_loopback
from genpy_server.core.models import ChatMessage, ToolCall, ToolSpec
from genpy_server.errors import LlmBadOutput, LlmError, LlmModelUnknown, LlmTooLarge
from genpy_server.llm import base, dialect
from genpy_server.llm.catalog import base_address, chatting, is_listed, listed
from genpy_server.llm.dialect import FORMS, Asked
from genpy_server.llm.reply import ReplyReader, ServiceError
from genpy_server.llm.structured import read
from genpy_server.llm.transport import Body, HttpClient, Waits
from genpy_server.llm.trouble import CHOOSE_ANOTHER, Complaint, Service, lost, quota, refusal

T = TypeVar("T")

GROQ_URL = "https://api.groq.com"
GROQ_PATH = "/openai/v1"
REMOTE_WAITS = Waits(connect=10.0, first_token=60.0, token=60.0)
LOCAL_WAITS = Waits(connect=10.0, first_token=600.0, token=120.0)
"""Longer, since a model on this machine or network may have to be loaded and reads prompts slowly."""
ANSWER_TOKENS = 2_048
"""The greatest number of tokens of a structured answer, including its reasoning."""
PROBE_TOKENS = 64
PROBE_TOOL = ToolSpec("get_time", "The time now.", {"type": "object", "properties": {}})
"""Offered to a model only to check whether its service accepts tools."""
STRICT_MODELS = "openai/gpt-oss"
TOKENS, UNCLEAR = " tokens", " unclear"
"""Beside the parts of a request: its size, and whatever was refused though each part was left out."""
REFUSED_SECONDS = 86_400.0
"""How long a part of requests that a service refused is left out before it is tried again."""
SAME_METHOD = {307, 308}
OPTIONS: groq.RequestOptions = {"headers": {}, "max_retries": 0, "timeout": None}
"""Of each request; the SDK would copy the defaults of others deeply."""
TROUBLE = (groq.APIError, httpx.HTTPError, TimeoutError, ServiceError)


class RefusedParts(msgspec.Struct):
    """The parts of a request that a service refused for one model, each until it is tried again."""

    until: dict[str, float] = {}
    tokens: int = 0
    """The size of the largest accepted request, while `TOKENS` is a part that was refused."""
    opens_in_reasoning: bool = False
    """The model's template opens the reasoning, so that a reply has only its end."""

    @property
    def parts(self) -> set[str]:
        """The parts of a request that are left out, with `TOKENS` and `UNCLEAR`."""
        now = time.monotonic()
        return {part for part, until in self.until.items() if now < until}

    def learn(self, *parts: str, tokens: int | None = None) -> None:
        """Leave these parts out of requests, and limit requests to so many tokens."""
        if tokens is not None:
            self.tokens, parts = tokens, (*parts, TOKENS)
        self.until |= dict.fromkeys(parts, time.monotonic() + REFUSED_SECONDS)


class Terms:
    """A request, adapted to what its service refuses."""

    def __init__(
        self, asked: Asked, model: str, refused_parts: RefusedParts, service: Service
    ) -> None:
        self._left_out = refused_parts.parts
        if TOKENS in self._left_out and asked.tokens > refused_parts.tokens:
            asked = dialect.shorter(asked, refused_parts.tokens)
        self._asked = asked
        self._model = model
        self._refused_parts = refused_parts
        self._service = service
        if service.kind == "groq" and not model.startswith(STRICT_MODELS):
            self._left_out.add(FORMS[0])
        self._parts: tuple[str, ...] = ()
        self._wanting: tuple[str, ...] = ()
        self._dropped: set[str] = set()
        self._guesses: Iterator[set[str]] | None = None
        """Parts that an unclear refusal may mean, to be left out one after the other."""
        self._named: set[str] = set()
        """What was left out before."""
        self._fitting: int | None = None
        self._accepted = False

    def body(self) -> dict[str, Any]:
        """The body of the next request."""
        left_out = self._left_out | self._dropped
        body, self._parts, self._wanting = dialect.body_of(
            self._asked, self._model, left_out, self._service
        )
        return body

    def adapted_to(self, error: Exception) -> bool:
        """Leave out what a refusal names or may mean, or shorten once; False for other errors.

        The number of calls that return True is limited: by the parts, and by the one shortening.
        """
        if isinstance(error, groq.APIStatusError):
            complaint = Complaint(error.body, error.status_code)
        elif isinstance(error, ServiceError):
            complaint = Complaint(error.body)
        else:
            return False
        if complaint.kind is LlmTooLarge and not dialect.LIMIT_FIRST.match(complaint.text):
            if self._fitting is not None:
                return False
            half = max(self._asked.tokens // 2, 64)
            self._fitting = min(half, complaint.limit // 2) if complaint.limit else half
            self._asked = dialect.shorter(self._asked, self._fitting)
            return True
        if new := dialect.refused(complaint, self._parts):
            self._dropped |= set(new)
            return True
        return self._guess(complaint)

    def _guess(self, complaint: Complaint) -> bool:
        """Leave out another part alone, where a refusal names none; False if none is left."""
        if self._guesses is None:
            self._named = self._dropped
            known = self._service.kind == "groq" or UNCLEAR in self._refused_parts.parts
            self._guesses = iter(() if known else dialect.unnamed(complaint, self._parts))
        part = next(self._guesses, None)
        if part is None and self._dropped != self._named:
            self._refused_parts.learn(UNCLEAR)  # leave nothing out, until parts are tried again
        self._dropped = self._named | (part or set())
        return part is not None

    def accepted(self) -> base.LeftOut | None:
        """The service accepted the request: remember what was left out, and return it once."""
        if self._accepted:
            return None
        self._accepted = True
        self._refused_parts.learn(*self._dropped, tokens=self._fitting)
        names = dict.fromkeys(part.partition(":")[0] for part in self._wanting)
        return base.LeftOut(tuple(names)) if names else None


class GroqLlm:
    """See `llm.base.Llm`. With `url`, it uses any server of the dialect at that address.

    `provider` is its name in the settings, if it has one; `waits` are those of `Waits`, None for the
    defaults.
    """

    def __init__(
        self,
        *,
        key: str | None,
        model: str | None,
        url: str | None = None,
        groq_url: str | None = None,
        provider: str = "",
        waits: tuple[float | None, float | None, float | None] = (None, None, None),
    ) -> None:
        where, query, headers = _address(url or groq_url or GROQ_URL)
        if url is None:
            self._service = Service("groq", where, "GROQ_API_KEY", "GROQ_BASE_URL")
        elif provider:
            keys, address = f"keys.toml (genpy keys set {provider})", f"providers.{provider}.url"
            self._service = Service("compatible", where, keys, address)
        else:
            self._service = Service("compatible", where, "GENPY_LLM_KEY", "GENPY_LLM_URL")
        self.kind: str = self._service.kind
        self.local: bool = self._service.local
        self._configured = model
        self._found: str | None = None
        self._finding = asyncio.Lock()
        self._refused: dict[str, RefusedParts] = {}
        path = urlsplit(where).path
        prefix = "" if url is not None or path.endswith("/v1") else GROQ_PATH
        # A path would be joined to the base in each request.
        self._chat, self._list = (
            f"{where}{prefix}{end}{query}" for end in ("/chat/completions", "/models")
        )
        usual = LOCAL_WAITS if self.local else REMOTE_WAITS
        self._waits = Waits(*(own or other for own, other in zip(waits, usual, strict=True)))
        self.first_token_seconds: float = self._waits.first_token
        self._client = groq.AsyncGroq(
            api_key=key or "none",
            base_url=where,
            default_headers={"Accept-Encoding": "identity", "Connection": "keep-alive", **headers},
            max_retries=0,
            # A proxy of the environment is not used for this machine.
            http_client=HttpClient(self._waits, proxied=not is_loopback(self._service.host)),
        )

    @property
    def model(self) -> str:
        """See `Llm.model`; empty until the server's first model was requested."""
        return self._configured or self._found or ""

    def stream(self, request: base.ChatRequest) -> AsyncGenerator[base.LlmEvent, None]:
        return self._events(Asked(*msgspec.structs.astuple(request)))

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        """See `Llm.structured`; streamed, so that a slow answer does not time out."""
        # Groq does not stream strict JSON.
        stream = self.kind == "compatible"
        asked = Asked(
            tuple(messages),
            max_tokens=ANSWER_TOKENS,
            temperature=0.2,
            model=model,
            form=schema,
            stream=stream,
        )
        texts: list[str] = []
        thoughts: list[str] = []
        failed: LlmError | None = None
        try:
            async with aclosing(self._events(asked)) as events:
                async for event in events:
                    if type(event) is base.TextDelta:
                        texts.append(event.text)
                    elif type(event) is base.ReasoningDelta:
                        thoughts.append(event.text)
                    elif type(event) is ToolCall:
                        texts.append(event.arguments)
        except LlmError as error:
            failed = error
        for answer in ("".join(texts), "".join(thoughts)):
            try:
                return read(answer, schema)
            except LlmBadOutput as error:
                failed = failed or error
        assert failed is not None  # noqa: S101 - `read` failed twice
        raise failed

    async def check(self) -> base.LlmHealth:
        models = await self._models()
        if self._configured is None:
            self._found = self._first(models)
        elif not is_listed(self._configured, models):
            others = ", ".join(sorted(chatting(models))[:3]) or "none"
            raise LlmModelUnknown(
                f"The model {self._configured!r} is not available at {self._service.where}. "
                f"{CHOOSE_ANOTHER}, such as: {others}."
            )
        return self._health()

    async def probe(self) -> base.LlmHealth:
        hello = ChatMessage("user", "Say: hello")
        asked = Asked((hello,), (PROBE_TOOL,), PROBE_TOKENS, temperature=0.0)
        async with aclosing(self._events(asked)) as events:
            async for _ in events:
                pass
        return self._health()

    async def close(self) -> None:
        await self._client.close()

    # One request and its answer

    async def _events(self, asked: Asked) -> AsyncGenerator[base.LlmEvent, None]:
        model = asked.model or await self._find_model()
        refused_parts = self._refused.setdefault(model, RefusedParts())
        terms = Terms(asked, model, refused_parts, self._service)
        while True:
            reader: ReplyReader | None = None
            try:
                async with aclosing(await self._post(terms.body())) as response:
                    reader = ReplyReader(
                        cast("Body", response.stream),
                        quota=quota(response.headers),
                        tools=asked.tools,
                        token_seconds=self._waits.token,
                        max_tokens=asked.max_tokens,
                        opened=refused_parts.opens_in_reasoning,
                    )
                    async with aclosing(reader.events()) as reads:
                        async for events in reads:
                            # The consumer may stop at any event, and mostly does at the finish.
                            if (left_out := terms.accepted()) is not None:
                                yield left_out
                            if type(events[-1]) is base.Finish:
                                refused_parts.opens_in_reasoning = reader.split.end_only
                            for event in events:
                                yield event
                            reader.show = asked.show
            except TROUBLE as error:
                begun = reader is not None and reader.begun
                if begun or not terms.adapted_to(error):
                    raise self._named(error, model, begun=begun) from error
            else:
                return

    async def _post(self, body: dict[str, Any], moved_to: str = "") -> httpx.Response:
        try:
            response: httpx.Response = await self._client.post(
                moved_to or self._chat,
                cast_to=httpx.Response,
                content=msgspec.json.encode(body),
                options=OPTIONS,
                stream=True,
                stream_cls=groq.AsyncStream[object],
            )  # type: ignore[assignment]  # what `cast_to` names
        except groq.APIStatusError as error:
            if moved_to or not (target := _same_host(error)):
                raise
            return await self._post(body, target)
        return response

    def _named(self, error: Exception, model: str, *, begun: bool) -> LlmError:
        if isinstance(error, groq.APIStatusError):
            body, status, headers = error.body, error.status_code, error.response.headers
        elif isinstance(error, ServiceError):
            body, status, headers = error.body, None, None
        else:
            return lost(error, self._service, begun=begun)
        named = refusal(self._service, model, status=status, body=body, headers=headers)
        if isinstance(named, LlmModelUnknown):
            self._found = None
        return named

    # Models

    async def _find_model(self) -> str:
        if not self.model:
            async with self._finding:
                self._found = self._found or self._first(await self._models())
        return self.model

    async def _models(self) -> dict[str, Any]:
        try:
            response = await self._client.get(self._list, cast_to=httpx.Response)
            models = listed(response.content)
        except TROUBLE as error:
            if (
                not isinstance(error, groq.NotFoundError)
                or not Complaint(error.body).names_no_reason
            ):
                raise self._named(error, self.model, begun=False) from error
            models = None
        if models is None:
            raise LlmError(
                f"{self._service.where} lists no models. Name one as GENPY_MODEL, or "
                f"correct {self._service.address_setting}; such an address mostly ends in /v1."
            )
        return models

    def _first(self, models: dict[str, Any]) -> str:
        if chat := chatting(models):
            return chat[0]
        if others := ", ".join([*models][:3]):
            raise LlmModelUnknown(
                f"{self._service.where} has no model that can chat, only: {others}. "
                f"Load one into it, or name one as GENPY_MODEL."
            )
        raise LlmModelUnknown(f"{self._service.where} has no model. Load one into it first.")

    def _health(self) -> base.LlmHealth:
        known = self._refused.get(self.model)
        parts = known.parts - {TOKENS, UNCLEAR} if known else set()
        names = {p.replace(":", " ", 1) if p in FORMS else p.split(":")[0] for p in parts}
        return base.LlmHealth(self.kind, self._service.where, self.model, tuple(sorted(names)))


def _same_host(error: groq.APIStatusError) -> str | None:
    """The target of a redirect with the same method and host, to which the key may be sent."""
    if error.status_code not in SAME_METHOD:
        return None
    here = error.request.url
    try:
        target = here.join(error.response.headers.get("location", ""))
    except httpx.InvalidURL:
        return None
    same = (target.scheme, target.host, target.port) == (here.scheme, here.host, here.port)
    return str(target) if same and target != here else None


def _address(text: str) -> tuple[str, str, dict[str, str]]:
    """An address as it may be shown, its query, and the header that its user and password are."""
    parts = urlsplit(text)
    user, at, host = parts.netloc.rpartition("@")
    shown = base_address(parts._replace(netloc=host, query="").geturl())
    pair = base64.b64encode(unquote(user).encode()).decode()
    query = f"?{parts.query}" if parts.query else ""
    return shown, query, {"Authorization": f"Basic {pair}"} if at else {}
