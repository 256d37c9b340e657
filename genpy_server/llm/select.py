"""Which model the settings ask for, and another one in its place while the server runs."""

from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

from genpy_server.llm.base import ChatMessage, ChatRequest, Llm, LlmEvent, LlmHealth
from genpy_server.settings import Settings

T = TypeVar("T")


def open_llm(settings: Settings) -> Llm:
    """The model of the settings; the SDK is imported here and not before."""
    if settings.llm_url is None and settings.groq_key is None:
        from genpy_server.llm.offline import OfflineLlm  # noqa: PLC0415 - only when used

        return OfflineLlm()
    from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - a quarter of a second

    waits = (
        settings.llm_connect_seconds,
        settings.llm_first_token_seconds,
        settings.llm_token_seconds,
    )
    if settings.llm_url is not None:
        return GroqLlm(
            key=settings.llm_key, model=settings.llm_model, url=settings.llm_url, waits=waits
        )
    return GroqLlm(
        key=settings.groq_key,
        model=settings.groq_model,
        groq_url=settings.groq_base_url,
        waits=waits,
    )


class ReplaceableLlm:
    """See `llm.base.Llm`: the model that is chosen now; what runs goes on with the one before."""

    def __init__(self, llm: Llm) -> None:
        self._llm = llm
        self._before: list[Llm] = []

    def replace(self, llm: Llm) -> None:
        """Answer with another model from the next request on."""
        self._before.append(self._llm)
        self._llm = llm

    @property
    def kind(self) -> str:
        """See `Llm.kind`."""
        return self._llm.kind

    @property
    def local(self) -> bool:
        """See `Llm.local`."""
        return self._llm.local

    @property
    def first_token_seconds(self) -> float:
        """See `Llm.first_token_seconds`."""
        return self._llm.first_token_seconds

    @property
    def model(self) -> str:
        """See `Llm.model`."""
        return self._llm.model

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        return self._llm.stream(request)

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """See `Llm.structured`."""
        return await self._llm.structured(messages, schema)

    async def check(self) -> LlmHealth:
        """See `Llm.check`."""
        return await self._llm.check()

    async def probe(self) -> LlmHealth:
        """See `Llm.probe`."""
        return await self._llm.probe()

    async def close(self) -> None:
        """Close this model and those before it."""
        for llm in (self._llm, *self._before):
            await llm.close()
