"""A streamed reply as it is read: bytes of the service in, text, tool calls and one finish out."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol

import httpx

from genpy_server.core.models import ToolSpec
from genpy_server.errors import LlmBadToolCall, LlmCutOff, LlmError
from genpy_server.llm.base import Finish, LlmEvent, Quota, ReasoningDelta, TextDelta
from genpy_server.llm.chunks import ChunkReader
from genpy_server.llm.events import EventSplitter
from genpy_server.llm.reply_text import ReplyText
from genpy_server.llm.tool_calls import CallCollector

END_SECONDS = 0.1
"""Seconds to wait for the end of a stream after its closing mark, to reuse the connection."""
GRACE_SECONDS = 0.5
"""Seconds to wait for usage and the closing mark after the finish reason."""
QUIET_SECONDS = 600.0
"""Seconds for which a service may send signs of life without any part of a reply."""
DELTA_CHARS = 32_000
"""The greatest number of characters in a delta."""
ENDLESS_CHARS = 4_000_000
ENDLESS_CHARS_PER_TOKEN = 128
"""A reply longer than both limits (the second for each token allowed) is endless, and is cut off."""

Reason = Literal["length", "content_filter"]
REASONS: dict[Reason, re.Pattern[str]] = {
    "content_filter": re.compile(
        r"content[_-]?filter|^filter|safety|unsafe|moderat|prohibit|block|recitation|spii|sensitive"
        r"|guardrail|refus|polic|violat|restrict|toxic|harm|risk|censor"
    ),
    "length": re.compile(
        r"length|limit|max[_-]?(\w+_)?(output|token)|context_window|truncat|incomplete"
    ),
}
"""The finish reasons of services, in lower case; any other means "stop"."""
BROKEN = re.compile(
    r"error|rate_limit|abort|cancel|fail|time[_-]?out|insufficient|overload|interrupt|lost|preempt"
    r"|kill|disconnect"
)
"""Finish reasons of a reply that the service could not finish."""
CALLING = re.compile(r"tool|function")
"""Finish reasons of a reply that ends in a call."""
CUT_OFF = "The model's service ended the reply early. Try again."


class Reads(Protocol):
    """The body of a response."""

    limit: float
    """Seconds that a read may take."""

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""


class ServiceError(Exception):
    """The service reports an error in the stream; `body` is the error as it was sent."""

    def __init__(self, body: Any) -> None:
        super().__init__("the service reports an error in the stream")
        self.body = body


class ReplyReader:
    """Reads the events of one reply.

    `opened` means that the model's replies begin within reasoning, without an opening tag; that is
    learned from `split.end_only` of an earlier reply.
    """

    def __init__(
        self,
        reads: Reads,
        *,
        quota: Quota | None,
        tools: Sequence[ToolSpec] = (),
        token_seconds: float,
        max_tokens: int,
        opened: bool = False,
    ) -> None:
        self._reads = reads
        self._quota = quota
        self._tools = tools
        self._token_seconds = token_seconds
        self._max_chars = max(max_tokens * ENDLESS_CHARS_PER_TOKEN, ENDLESS_CHARS)
        self._parser = ChunkReader()
        self._events = EventSplitter(self._parser)
        self.split = ReplyText(tools, opened=opened)
        self.begun = False
        """Whether a part of the reply was received."""
        self._chars = 0
        self._thought_chars = 0
        self._reasoning_chars = 0
        self.over = False
        """Whether the last events were read."""
        self._reading = True
        self._rested = False
        self._quiet_since: float | None = None
        self._failure: Exception | None = None

    async def events(self) -> Sequence[LlmEvent]:
        """Wait for the next read, and return its events; empty once the reply is over.

        The text of one read is one delta, so that it is sent as one frame.

        Raises `ServiceError` when the service reports an error, `LlmCutOff` for a stream that ends
        with neither a finish reason nor the closing mark, and the errors of the reads: all of them
        only after the text before the error was returned.
        """
        parser = self._parser
        while self._reading:
            try:
                if parser.finish_reason:  # usage and the closing mark follow, or nothing
                    async with asyncio.timeout(GRACE_SECONDS):
                        data = await self._reads.read()
                else:
                    data = await self._reads.read()
                if data:
                    self._events.feed(data)
            except TimeoutError:
                data = b""
            except (httpx.HTTPError, LlmError) as error:
                self._failure, data = error, b""
            self._reading = data != b"" and not parser.done and parser.error is None
            if not data:
                break
            text, thought = parser.take()
            if text and not self.split.passes(text):
                text, inner = self.split.feed(text)
                thought += inner
                self._reading = self._reading and not self.split.over
            if not (text or thought):
                now = time.monotonic()
                self._quiet_since = self._quiet_since or now
                if now - self._quiet_since > max(self._reads.limit, QUIET_SECONDS):
                    self._failure = httpx.ReadTimeout("no part of a reply in time")
                    self._reading = False
            else:
                self._quiet_since = None
                events = self._deltas(text, thought)
                if self._chars > self._max_chars:
                    self._reading = False
                return events
        return await self._last()

    async def _last(self) -> Sequence[LlmEvent]:
        """The text held back until the end of the stream, then the last events, then nothing."""
        if not self._rested:
            self._rested = True
            if not self._parser.done:
                self._events.end()
            text, thought = self._parser.take(last=True)
            fed, last = self.split.feed(text), self.split.finish()
            thoughts = thought + fed.reasoning + last.reasoning
            if rest := self._deltas(fed.text + last.text, thoughts):
                return rest
        if self.over:
            return ()
        self.over = True
        return await self._end()

    def _deltas(self, text: str, thought: str) -> tuple[LlmEvent, ...]:
        if self.split.ended_at is not None:
            self._reasoning_chars = self._chars - self._thought_chars + self.split.ended_at
            self.split.ended_at = None
        size = len(text) + len(thought)
        self._chars += size
        self._thought_chars += len(thought)
        if not self.begun and size:
            self.begun = True
            self._reads.limit = self._token_seconds
        if not thought and 0 < size <= DELTA_CHARS:
            return (TextDelta(text),)
        return tuple(
            kind(whole[place : place + DELTA_CHARS])
            for kind, whole in ((ReasoningDelta, thought), (TextDelta, text))
            for place in range(0, len(whole), DELTA_CHARS)
        )

    async def _end(self) -> tuple[LlmEvent, ...]:
        parser = self._parser
        if parser.error is not None:
            raise ServiceError(parser.error)
        reason, usage = parser.finish_reason, parser.usage
        empty = not (self._chars or parser.calls or self.split.calls)
        if self._chars > self._max_chars:
            return (Finish("length", usage, self._quota, self._reasoning_chars),)
        filtered = REASONS["content_filter"].search(reason)
        broken = BROKEN.search(reason) and not filtered
        broken = broken or not (reason or parser.done or self.split.over)
        if broken or (empty and parser.suspect is not None):
            if parser.suspect is not None and (parser.readable or parser.suspect != parser.unread):
                raise ServiceError(parser.suspect)
            if self._failure is not None:
                raise self._failure
            if not parser.readable and parser.unread:
                raise ServiceError({"unreadable": parser.unread})
            raise LlmCutOff(CUT_OFF)
        if parser.done:
            await self._read_out()
        named = next((end for end, words in REASONS.items() if words.search(reason)), None)
        if named is not None:  # a call may be cut in the middle, so none is made
            return (Finish(named, usage, self._quota, self._reasoning_chars),)
        collector = CallCollector()
        for piece in (*parser.calls, *self.split.calls):
            collector.add(piece)
        wanted = collector.calls(self._tools)
        if not wanted and CALLING.search(reason) and not self._chars:
            raise LlmBadToolCall("The model called a tool without naming it. Try again.")
        last: Literal["tool_calls", "stop"] = "tool_calls" if wanted else "stop"
        return (*wanted, Finish(last, usage, self._quota, self._reasoning_chars))

    async def _read_out(self) -> None:
        """Read the stream to its end after the closing mark, so that the connection can be reused.

        The reply is complete, so errors are ignored.
        """
        with suppress(TimeoutError, httpx.HTTPError):
            async with asyncio.timeout(END_SECONDS):
                while await self._reads.read():
                    pass
