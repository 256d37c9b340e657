"""What every model promises: one Protocol, its events, passed by every adapter in one suite."""

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from genpy_server.core.models import ChatMessage, Effort, Hit, ToolCall, ToolSpec, Usage

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "Finish",
    "LeftOut",
    "Llm",
    "LlmEvent",
    "LlmHealth",
    "Quota",
    "ReasoningDelta",
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
    model: str | None = None
    """As its service names it; None: the one that the service is configured with."""
    reasoning_effort: Effort | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    """Texts before which the reply ends."""
    question: str = ""
    """The person's message alone; part of the last of `messages`, here for the offline model."""


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the reply's text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """A piece of what the model thinks before it answers; not part of the reply."""

    text: str


class LeftOut(msgspec.Struct, frozen=True):
    """Parts of the request that the service refuses and which it was not sent, by their names."""

    parts: tuple[str, ...]


class Finish(msgspec.Struct, frozen=True):
    """The last event of a stream; `quota` is what the service says is left."""

    reason: Literal["stop", "length", "content_filter", "tool_calls"]
    usage: Usage = Usage()
    quota: "Quota | None" = None
    reasoning_chars: int = 0
    """So many characters at the beginning of the text were reasoning, of which only the end was
    marked. The next reply of the model is split from its beginning."""


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the model's service says is left: requests of the day, tokens of the minute."""

    requests_left: int | None = None
    requests_limit: int | None = None
    tokens_left: int | None = None
    tokens_limit: int | None = None


LlmEvent = LeftOut | TextDelta | ReasoningDelta | ToolCall | Finish


class LlmHealth(msgspec.Struct, frozen=True):
    """What `check` saw; `left_out` are parts of a request that the model's service refuses."""

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
        """Whether its models run near by, where one may have to be loaded first."""

    @property
    def first_token_seconds(self) -> float:
        """How long a reply may take to begin."""

    @property
    def model(self) -> str:
        """The id of the model that is used where none is named; empty while that is not known."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """Text, reasoning and tool calls as they come, then exactly one `Finish`.

        Where parts of the request were left out, `LeftOut` comes first.

        A stream that ends otherwise raises `LlmCutOff`; other trouble raises its own `LlmError`.
        Closing the iterator closes the connection to the service. A request is repeated only where
        the service refused it at once: without the part that it named, or shorter.
        """

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        """What an answer holds of a msgspec type; raises `LlmBadOutput` where it holds nothing."""

    async def check(self) -> LlmHealth:
        """Prove that the model is listed; raises the `LlmError` that says what fails."""

    async def probe(self) -> LlmHealth:
        """Prove that the model answers, by asking it; raises the `LlmError` that says what fails."""

    async def close(self) -> None:
        """Close the connections."""
