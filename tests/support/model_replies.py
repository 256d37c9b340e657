"""Asking a model in tests, and what came of it."""

import json
from contextlib import aclosing

import httpx

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
    """Every event of one reply."""
    async with aclosing(llm.stream(request)) as events:
        return [event async for event in events]


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
            if isinstance(item, TextDelta):
                found.text += item.text
            elif isinstance(item, ReasoningDelta):
                found.reasoning += item.text
            elif isinstance(item, Finish):
                found.finish = item
            else:
                found.calls.append((item.name, json.loads(item.arguments)))
    except (ServiceError, LlmError, httpx.HTTPError) as error:
        found.error = error
    return found
