"""The Protocol of a service of language models, and its events; `ModelSuite` tests every adapter."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from genpy_server.core.models import ChatMessage, Effort, Hit, ToolCall, ToolSpec, Usage

T = TypeVar("T")

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


class ChatRequest(msgspec.Struct, frozen=True):
    """One request to a model."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 2048
    temperature: float = 0.7
    recalled: tuple[Hit, ...] = ()
    """Recalled messages; already part of `messages`, here for the offline model."""
    model: str | None = None
    """The model's name at its service; None: the configured one."""
    reasoning_effort: Effort | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    """Texts before which the reply ends."""
    question: str = ""
    """The person's message; part of the last of `messages`, here for the offline model."""
    show: "Callable[[TextDelta | ReasoningDelta], bool] | None" = None
    """Shows a piece as soon as it is read; False where it must be an event of the stream instead.

    Only adapters of GenPy get it: an event costs several times as much.
    """


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the reply's text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """A piece of the model's reasoning; not part of the reply."""

    text: str


class LeftOut(msgspec.Struct, frozen=True):
    """Names of parts of the request that were not sent because the service refuses them."""

    parts: tuple[str, ...]


class Finish(msgspec.Struct, frozen=True):
    """The last event of a stream; `quota` is the remaining quota, if the service states it."""

    reason: FinishReason
    usage: Usage = Usage()
    quota: "Quota | None" = None
    reasoning_chars: int = 0
    """Characters at the beginning of the text that were reasoning, of which only the end was
    marked. In the next reply of the model reasoning is separated from the beginning."""


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """The remaining quota at the model's service: requests per day, tokens per minute."""

    requests_left: int | None = None
    requests_limit: int | None = None
    tokens_left: int | None = None
    tokens_limit: int | None = None


LlmEvent = LeftOut | TextDelta | ReasoningDelta | ToolCall | Finish


class LlmHealth(msgspec.Struct, frozen=True):
    """The result of `check`; `left_out` are parts of a request that the service refuses."""

    kind: str
    where: str
    model: str
    left_out: tuple[str, ...] = ()


class Llm(Protocol):
    """A service of language models."""

    @property
    def kind(self) -> str:
        """groq, compatible or offline."""

    @property
    def local(self) -> bool:
        """Whether its models run on this machine or network, where one may have to be loaded."""

    @property
    def first_token_seconds(self) -> float:
        """Time limit for a reply to begin."""

    @property
    def model(self) -> str:
        """The id of the default model; empty if unknown."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """Text, reasoning and tool calls as they come, then exactly one `Finish`.

        `LeftOut` comes first, if parts of the request were left out.

        A stream that ends without `Finish` raises `LlmCutOff`; other errors raise another
        `LlmError`. Closing the iterator closes the connection to the service. A request is repeated
        only where the service refused it at once: without the refused part, or shorter.
        """

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        """An answer of a msgspec type; raises `LlmBadOutput` where the model returns none."""

    async def check(self) -> LlmHealth:
        """Check that the model is listed; raises `LlmError`."""

    async def probe(self) -> LlmHealth:
        """Check that the model answers a request; raises `LlmError`."""

    async def close(self) -> None:
        """Close the connections."""
