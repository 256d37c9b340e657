"""Wraps a foreign model adapter: its exceptions become `LlmError`, its events are checked.

An adapter that cannot be created becomes a model that raises the reason.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from genpy_server.core.models import ChatMessage, ToolCall
from genpy_server.core.text import storable, storable_value
from genpy_server.errors import GenPyError, LlmBadOutput, LlmError, LlmUnavailable
from genpy_server.llm.base import ChatRequest, Llm, LlmEvent, LlmHealth, ReasoningDelta, TextDelta

T = TypeVar("T")

PARTS = ("kind", "local", "first_token_seconds", "model", "stream", "structured", "check", "probe",
         "close")  # fmt: skip

log = logging.getLogger("genpy.llm")


class ForeignLlm:
    """See `Llm`; `source` names the adapter in errors."""

    def __init__(self, source: str, make: Callable[[], Any]) -> None:
        self._source = source
        self._llm: Any = None
        self._error = ""
        try:
            llm = make()
        except GenPyError as error:
            self._error = error.message
        else:
            if missing := [name for name in PARTS if not hasattr(llm, name)]:
                kind = type(llm).__name__
                self._error = f"{source}: {kind} is not a model; it lacks {', '.join(missing)}."
            else:
                self._llm = llm
        self.kind = str(getattr(self._llm, "kind", "failed"))
        self.local = bool(getattr(self._llm, "local", False))
        self.first_token_seconds = float(getattr(self._llm, "first_token_seconds", 0))

    @property
    def model(self) -> str:
        return str(getattr(self._llm, "model", ""))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        llm = self._checked()
        try:
            async with aclosing(llm.stream(msgspec.structs.replace(request, show=None))) as events:
                async for event in events:
                    yield self._sendable(event)
        except GeneratorExit:
            raise
        except BaseException as error:
            raise self._converted(error) from error

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        asked = self._checked().structured(messages, schema, model=model)
        answer = await self._guarded(asked)
        if not isinstance(answer, schema):
            raise LlmBadOutput(f"{self._source} returned {type(answer).__name__} as an answer.")
        return answer

    async def check(self) -> LlmHealth:
        return await self._guarded(self._checked().check())

    async def probe(self) -> LlmHealth:
        return await self._guarded(self._checked().probe())

    async def close(self) -> None:
        """See `Llm.close`; an error is logged, so that other adapters are closed too."""
        if self._llm is not None:
            try:
                await self._guarded(self._llm.close())
            except LlmError as error:
                log.warning("%s", error.message)

    def _checked(self) -> Llm:
        if self._llm is None:
            raise LlmUnavailable(self._error)
        llm: Llm = self._llm
        return llm

    def _sendable(self, event: Any) -> LlmEvent:
        """Clean an event for sending and storing; raises `LlmError` for an invalid one."""
        if isinstance(event, TextDelta | ReasoningDelta) and isinstance(event.text, str):
            return type(event)(storable(event.text))
        if not isinstance(event, LlmEvent) or isinstance(event, TextDelta | ReasoningDelta):
            raise LlmError(f"{self._source} sent {event!r:.60}, which is not an event of a reply.")
        return storable_value(event) if isinstance(event, ToolCall) else event

    async def _guarded(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except BaseException as error:
            raise self._converted(error) from error

    def _converted(self, error: BaseException) -> BaseException:
        """An error of the adapter as `LlmError`; a cancellation of the task as it is."""
        task = asyncio.current_task()
        if isinstance(error, LlmError) or (
            isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling()
        ):
            return error
        if isinstance(error, GenPyError):
            return LlmError(error.message)
        log.error("%s failed", self._source, exc_info=error)
        name = type(error).__name__
        return LlmError(f"{self._source} failed with {name}; the server's log says where.")
