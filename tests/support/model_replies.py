"""Asking a model in tests, and what came of it."""

from contextlib import aclosing

from genpy_server.llm.base import ChatMessage, ChatRequest, Llm, LlmEvent, TextDelta

REQUEST = ChatRequest((ChatMessage("system", "be kind"), ChatMessage("user", "hello")))


async def everything(llm: Llm, request: ChatRequest = REQUEST) -> list[LlmEvent]:
    """Every event of one reply."""
    async with aclosing(llm.stream(request)) as events:
        return [event async for event in events]


def said(events: list[LlmEvent]) -> str:
    """The text of a reply."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))
