"""A streamed reply as it is read: bytes of the service in, text, tool calls and one finish out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import httpx

from genpy_server.core.models import Usage
from genpy_server.errors import LlmCutOff
from genpy_server.llm.base import Finish, LlmEvent, Quota, TextDelta
from genpy_server.llm.events import CallCollector, EventSplitter, usage_of

END_SECONDS = 0.1
"""How long the end of a stream may take after its closing mark, for the connection to be kept."""


async def reply_events(
    reads: AsyncIterator[bytes], quota: Quota | None
) -> AsyncGenerator[LlmEvent, None]:
    """The events of a reply; the text of one read is one delta, so that it shares a frame.

    Raises `LlmCutOff` for a stream that ends with neither a finish reason nor the closing mark,
    and `events.ServiceError` for one in which the service reports that it failed.
    """
    splitter, calls = EventSplitter(), CallCollector()
    reason, usage = "", Usage()
    async for data in reads:
        texts: list[str] = []
        for chunk in splitter.feed(data):
            usage = usage_of(chunk) or usage
            for choice in chunk.choices or ():
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
            await _read_out(reads)
            break
    if not reason and not splitter.done:
        raise LlmCutOff("The model's service ended the reply early. What came is kept; try again.")
    if reason == "length":  # a call may be cut in the middle: none counts
        yield Finish("length", usage, quota)
        return
    wanted = calls.calls()
    for call in wanted:
        yield call
    yield Finish("tool_calls" if wanted else "stop", usage, quota)


async def _read_out(reads: AsyncIterator[bytes]) -> None:
    """Read what follows the closing mark: only then can the connection be used again.

    The reply is complete, so trouble from here on is none of its own.
    """
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(END_SECONDS):
            async for _ in reads:
                pass
