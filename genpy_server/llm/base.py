"""What every model promises: one Protocol, its events, passed by every adapter in one suite."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from genpy_server.core.models import ChatMessage, Hit, ToolCall, ToolSpec, Usage

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "Finish",
    "Llm",
    "LlmEvent",
    "LlmHealth",
    "Quota",
    "TextDelta",
    "ToolCall",
    "ToolSpec",
]

T = TypeVar("T")


class ChatRequest(msgspec.Struct, frozen=True):
    """Everything a model is given for one reply."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 2048
    temperature: float = 0.7
    recalled: tuple[Hit, ...] = ()
    """What was found in earlier messages; already part of `messages`, here for the offline model."""


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the reply's text."""

    text: str


class Finish(msgspec.Struct, frozen=True):
    """The last event of a stream; `quota` is what the service says is left."""

    reason: Literal["stop", "length", "tool_calls"]
    usage: Usage = Usage()
    quota: "Quota | None" = None


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model's service says is left: requests of the day, tokens of the minute."""

    requests_left: int | None = None
    requests_limit: int | None = None
    tokens_left: int | None = None
    tokens_limit: int | None = None


LlmEvent = TextDelta | ToolCall | Finish


class LlmHealth(msgspec.Struct, frozen=True):
    """What `check` saw."""

    kind: str
    where: str
    model: str


class Llm(Protocol):
    """A language model."""

    kind: str
    """groq, compatible or offline."""

    @property
    def model(self) -> str:
        """The model's id, as its service names it."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """Text and tool calls as they come, then exactly one `Finish`.

        A stream that ends otherwise raises `LlmCutOff`; other trouble raises its own `LlmError`.
        Closing the iterator closes the connection to the service. Nothing is retried here.
        """

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """One answer checked against a msgspec type; raises `LlmBadOutput` when it does not fit."""

    async def check(self) -> LlmHealth:
        """Prove that the model is reachable and alive; raises the `LlmError` that says what fails."""

    async def close(self) -> None:
        """Let go of the connections."""
