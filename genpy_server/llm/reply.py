"""A streamed reply as it is read: bytes of the service in, text, tool calls and one finish out.

Everything that servers were seen to send is accepted: lines that end in LF, CRLF or CR, a BOM, UTF-8
split anywhere, a last event without its blank line, an event over several lines, and JSON outside of
events.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from itertools import dropwhile
from typing import Any, Literal

import httpx

from genpy_server.core.models import ToolSpec
from genpy_server.errors import LlmBadToolCall, LlmCutOff, LlmError
from genpy_server.llm import lenient_json
from genpy_server.llm.base import Finish, LlmEvent, Quota, ReasoningDelta, TextDelta
from genpy_server.llm.chunks import ChunkReader
from genpy_server.llm.reply_text import ReplyText
from genpy_server.llm.tool_calls import CallCollector
from genpy_server.llm.transport import Body

EVENT_BYTES = 8 * 1024 * 1024
"""The largest event, and the longest line; a service that sends more is broken."""
_CR = b"\r"[0]
"""As an integer, which `in` finds in bytes several times as fast as bytes."""
_BOM = b"\xef\xbb\xbf"
_GOES_ON = (b"{", b"[", b",", b":")
"""The ends of a line whose JSON continues in the next one."""
_BEFORE_OBJECT = re.compile(r"[\[\],\s]*(?=\{)")


class EventSplitter:
    """Gives the events in the bytes of one reply to a `ChunkReader`."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._begun = False
        self._between = False
        """Whether the next byte begins an event."""
        self._carriage_return = False
        self._rest = b""
        self._event = b""
        self._data: list[bytes] = []
        self._held = 0
        self._bare: list[bytes] = []
        """Lines without a field name."""
        self._open = 0
        """Opening minus closing braces of these lines, including those in strings."""

    def feed(self, data: bytes) -> None:
        """Parse the bytes of a read; raises `LlmCutOff` for an event that is too large."""
        # Most reads consist of events that differ only in their text.
        if self._between and self._reader.read_framed(data):
            return
        if not self._begun:
            data = self._rest + data
            self._rest = b""
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return
            data = data.removeprefix(_BOM)
            self._begun = True
        if self._carriage_return or _CR in data:  # CR LF may be cut between two reads
            data = data.removeprefix(b"\n") if self._carriage_return else data
            self._carriage_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        data = self._rest + data
        if not (self._data or self._event or self._bare):
            whole, end, data = data.rpartition(b"\n\n")
            if end and not self._reader.read_framed(whole + end):
                for event in whole.split(end):
                    if not self._reader.read_framed(event + end):
                        self._read_event(event)
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            self._line(line)
        if self._held + len(self._rest) > EVENT_BYTES:
            raise LlmCutOff("The model's service sent an event that does not end. Try again.")
        open_ = self._rest or self._data or self._event or self._bare or self._carriage_return
        self._between = not open_

    def end(self) -> None:
        """The stream ended: parse the last event even without a blank line after it."""
        rest = self._rest.removesuffix(b"\r")
        self._rest = b""
        for line in (rest, b""):
            self._line(line)
        self._read_bare(whole=True)

    def _read_event(self, event: bytes) -> None:
        if event.startswith(b"data: ") and b"\n" not in event:
            self._reader.read(event[6:])
            return
        for line in event.split(b"\n"):
            self._line(line)
        self._line(b"")

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            data = line[6:] if line.startswith(b"data: ") else line[5:]
            # Without blank lines between them, each line with a whole value is an event.
            if self._data and data[:1] in (b"{", b"[") and self._data[-1].rstrip()[-1:] == b"}":
                self._dispatch()
            self._data.append(data)
            self._held += len(line)
            if data == b"[DONE]":
                self._dispatch()
        elif not line:
            if self._data or self._event:
                self._dispatch()
        else:
            self._other_line(line)

    def _other_line(self, line: bytes) -> None:
        line = line.strip(b" \t\0").removeprefix(_BOM)
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.removeprefix(b" ")
        if name == b"event":
            self._event = value.strip().lower()
        elif name == b"error":
            self._reader.fail(value)
        elif name == b"data":
            self._line(b"data:" + value)
        elif line and sum(part.count(b"{") - part.count(b"}") for part in self._data) > 0:
            self._data.append(line)  # a chunk was written in several lines
            self._held += len(line)
        elif line and (name not in (b"", b"id", b"retry") or self._bare):
            self._bare.append(line)
            self._open += line.count(b"{") - line.count(b"}")
            self._held += len(line)
            self._read_bare(whole=False)

    def _read_bare(self, *, whole: bool) -> None:
        """Read lines without a field name: JSON in one line or many, or an array object by object."""
        *before, last = self._bare or [b""]
        page = bool(before) and before[0].startswith(b"<")
        if before and not page and before[-1][-1:] not in _GOES_ON and _is_object(last):
            for found in lenient_json.objects(_text(before), whole=True):
                self._reader.read_loose(found)
            self._bare, self._open = [last], 0
        elif not whole and before and (page or self._open > 0):
            return
        text, place = _text(self._bare), 0
        while match := _BEFORE_OBJECT.match(text, place):
            try:
                value, place = lenient_json.first(text, match.end())
            except ValueError:
                break
            self._reader.read_value(value)
        rest = (text[place:].strip("[], \n") if place else text).encode()
        if whole and rest:
            self._reader.read_words(rest)
        self._bare = [rest] if rest and not whole else []
        self._held = len(rest)
        self._open = rest.count(b"{") - rest.count(b"}")

    def _dispatch(self) -> None:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = self._event
        self._data, self._event, self._held = [], b"", 0
        self._reader.read_event(event.decode("utf-8", "replace"), data)


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(lenient_json.loads(line), dict)
    except ValueError:
        return False


def _text(lines: list[bytes]) -> str:
    return b"\n".join(lines).decode("utf-8", "replace")


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
        reads: Body,
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
        self.show: Callable[[TextDelta | ReasoningDelta], bool] | None = None
        """See `ChatRequest.show`."""
        self._left: Sequence[TextDelta | ReasoningDelta] = ()
        """What was read and is not shown."""
        self._reading = True
        self._quiet_since: float | None = None
        self._failure: Exception | None = None

    async def events(self) -> AsyncGenerator[Sequence[LlmEvent], None]:
        """The events of each read, as soon as there are any; the last ones end with the `Finish`.

        The text of one read is one delta, so that it is sent as one frame. What `show` shows is no
        event.

        Raises `ServiceError` when the service reports an error, `LlmCutOff` for a stream that ends
        with neither a finish reason nor the closing mark, and the errors of the reads: all of them
        only after the text before the error was yielded.
        """
        parser = self._parser
        while self._reading:
            try:
                if parser.finish_reason:  # usage and the closing mark follow, or nothing
                    async with asyncio.timeout(GRACE_SECONDS):
                        self._take(await self._reads.read())
                elif self.show is None:
                    self._take(await self._reads.read())
                else:
                    await self._reads.give(self._take)
            except TimeoutError:
                break
            except (httpx.HTTPError, LlmError) as error:
                self._failure = error
                break
            if self._left:
                yield self._left
        if not parser.done:
            self._events.end()
        text, thought = parser.take(last=True)
        text, inner = self.split.feed(text, last=True)
        if rest := self._deltas(text, thought + inner):
            yield rest
        yield await self._end()

    def _take(self, data: bytes) -> bool:
        """Read the bytes of one read, empty at the end; see `Body.give`."""
        parser = self._parser
        self._reading, self._left = False, ()
        if not data:
            return False
        self._events.feed(data)
        text, thought = parser.take()
        if text and not self.split.passes(text):
            text, inner = self.split.feed(text)
            thought += inner
        self._reading = not (parser.done or parser.error is not None or self.split.over)
        if text or thought:
            self._quiet_since = None
            events = self._deltas(text, thought)
            self._left = events if self.show is None else [*dropwhile(self.show, events)]
            self._reading = self._reading and self._chars <= self._max_chars
        else:
            now = time.monotonic()
            self._quiet_since = self._quiet_since or now
            if now - self._quiet_since > max(self._reads.limit, QUIET_SECONDS):
                self._failure = httpx.ReadTimeout("no part of a reply in time")
                self._reading = False
        return self._reading and not self._left and not parser.finish_reason

    def _deltas(self, text: str, thought: str) -> tuple[TextDelta | ReasoningDelta, ...]:
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
        if parser.done:  # to the end, so that the connection can be reused; the reply is complete
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(END_SECONDS):
                    while await self._reads.read():
                        pass
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
