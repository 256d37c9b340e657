"""Asking a model in tests, and what came of it."""

import json
from contextlib import aclosing

import httpx
import msgspec

from genpy_server.errors import LlmError
from genpy_server.llm.base import (
    ChatMessage,
    ChatRequest,
    Finish,
    Llm,
    LlmEvent,
    ReasoningDelta,
    TextDelta,
)
from genpy_server.llm.reply import ReplyReader, ServiceError

REQUEST = ChatRequest((ChatMessage("system", "be kind"), ChatMessage("user", "hello")))


async def everything(llm: Llm, request: ChatRequest = REQUEST) -> list[LlmEvent]:
    """Every event of one reply, and what it shows where it is read, in their order."""
    found: list[LlmEvent] = []

    def show(event: LlmEvent) -> bool:
        found.append(event)
        return True

    async with aclosing(llm.stream(msgspec.structs.replace(request, show=show))) as events:
        async for event in events:
            show(event)
    return found


def said(events: list[LlmEvent]) -> str:
    """The text of a reply."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


class Reads:
    """The pieces of a body, and an exception at its end where there is one."""

    limit = 60.0

    def __init__(self, *pieces):
        self._pieces = list(pieces)

    async def read(self):
        """The next piece."""
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def give(self, take):
        """Give each piece."""
        while take(await self.read()):
            pass


async def events_of(reader):
    """The events of a reply, one by one."""
    async for events in reader.events():
        for item in events:
            yield item


class Read:
    """What came of a reply."""

    def __init__(self):
        self.text = self.reasoning = ""
        self.calls = []
        self.finish = self.error = None

    def add(self, item):
        """Add an event; True, since it is shown then."""
        if isinstance(item, TextDelta):
            self.text += item.text
        elif isinstance(item, ReasoningDelta):
            self.reasoning += item.text
        elif isinstance(item, Finish):
            self.finish = item
        else:
            self.calls.append((item.name, json.loads(item.arguments)))
        return True


async def read(*pieces, tools=(), max_tokens=2048, opened=False):
    """What comes of these reads."""
    reader = ReplyReader(
        Reads(*[p for p in pieces if p]),
        quota=None,
        tools=tools,
        token_seconds=60.0,
        max_tokens=max_tokens,
        opened=opened,
    )
    found = Read()
    try:
        async for item in events_of(reader):
            found.add(item)
            reader.show = found.add
    except (ServiceError, LlmError, httpx.HTTPError) as error:
        found.error = error
    return found
