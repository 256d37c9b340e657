"""Answers without a model: says that none is configured, and quotes the user's own messages."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

from genpy_server.core.context.excerpts import safe_excerpt
from genpy_server.core.context.recall import asks_about_conversation
from genpy_server.core.models import OFFLINE, Hit, Message
from genpy_server.core.words import WordPlaces
from genpy_server.errors import LlmUnavailable
from genpy_server.llm.base import ChatRequest, Finish, LlmEvent, LlmHealth, TextDelta

SHOWN_HITS = 3
SHOWN_LAST = 5

NO_MODEL = "**No model is configured**, so I cannot answer this, but your message is kept."
WRONG_MODEL = "**The configured model cannot be used.** {} Your message is kept."
HOW_TO = """\
To chat with a model, run `genpy setup` (in this chat: `/setup`), or set in the environment:

- `GROQ_API_KEY=…` for Groq's models (keys are made at console.groq.com/keys), or
- `GENPY_LLM_URL=http://127.0.0.1:11434/v1` for Ollama, or any server of the same kind.

`genpy doctor` then says whether it answers. Until then I can still answer from your own data: \
*how many messages are in this chat?*, *did I mention Rome?*, *show my sessions*."""
AGAIN = "Your message is kept. No model is configured: `/setup` (or `genpy setup`) adds one."
ANSWERED = "From your own data, without a model:"
FOUND = "Said about this before:"
LAST = "You said last in this conversation:"
NOTHING_YET = "You have said nothing else in this conversation yet."

_ADVISES = map(re.escape, (NO_MODEL, AGAIN, WRONG_MODEL.partition("{")[0]))
_ADVICE = re.compile(rf"(?:^|\n\n)(?={'|'.join(_ADVISES)})")


class OfflineLlm:
    """See `llm.base.Llm`.

    `trouble` is a sentence on why the configured model cannot be used; empty if none is configured.
    """

    kind = "offline"
    local = False
    first_token_seconds = 60.0
    model = OFFLINE
    _trouble = ""  # for subclasses whose __init__ does not call this one

    def __init__(self, trouble: str = "") -> None:
        self._trouble = trouble

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        # In a thread, since the messages to quote may be long.
        answer = await asyncio.to_thread(_answer, request, self._trouble)
        for line in answer.splitlines(keepends=True):
            yield TextDelta(line)
        yield Finish("stop")

    async def structured(self, *_: Any, **__: Any) -> NoReturn:
        """See `Llm.structured`; always fails."""
        raise LlmUnavailable(
            "No model is configured: set one up (`genpy setup`), then write the summary again."
        )

    async def check(self) -> LlmHealth:
        return LlmHealth(self.kind, "this program", self.model)

    async def probe(self) -> LlmHealth:
        return await self.check()

    async def close(self) -> None:
        """See `Llm.close`; there is nothing to close."""


def without_advice(text: str) -> tuple[str, str]:
    """What a reply without a model found, and its advice on models; each may be empty."""
    found, *advice = _ADVICE.split(text, maxsplit=1)
    return found, "".join(advice)


def _answer(request: ChatRequest, trouble: str) -> str:
    results = [message.display for message in request.messages if message.role == "tool"]
    if results:
        return "\n\n".join((ANSWERED, *results))
    answered_before = any(m.role == "assistant" and m.content for m in request.messages)
    wrong = WRONG_MODEL.format(trouble) if trouble else ""
    parts = [wrong or AGAIN] if answered_before else [wrong or NO_MODEL, HOW_TO]
    *earlier, last = [m.content for m in request.messages if m.role == "user"]
    question = request.question or last
    if asks_about_conversation(question):
        quoted = [text for text in earlier if not asks_about_conversation(text)]
        lines = "\n".join(f"- “{safe_excerpt(text)}”" for text in quoted[-SHOWN_LAST:])
        parts = [LAST, lines, *parts] if lines else [NOTHING_YET, *parts]
    elif request.recalled:
        places = WordPlaces(question)
        excerpts = {
            message.id: _excerpt(message, hit.session_title)
            for hit in request.recalled
            for message in (_nearest(hit, places),)
        }
        lines = "\n".join([*excerpts.values()][:SHOWN_HITS])
        parts = [FOUND, lines, *parts]
    return "\n\n".join(parts)


def _nearest(hit: Hit, places: WordPlaces) -> Message:
    """The message of a hit, or its neighbour, with the most words of a question."""
    shown = [message for message in (hit.message, hit.before, hit.after) if message is not None]
    return max(shown, key=lambda one: places.held_in(one.text))


def _excerpt(message: Message, title: str) -> str:
    who = "you" if message.role == "user" else "GenPy"
    return f"- {message.at[:10]}, *{safe_excerpt(title)}*, {who}: “{safe_excerpt(message.text)}”"
