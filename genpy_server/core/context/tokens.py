"""Tokens, estimated: how many a text costs, and texts and tools cut to what there is room for."""

from collections.abc import Sequence

import msgspec

from genpy_server.core.context.prompts import CUT_NOTE
from genpy_server.core.models import ChatMessage, ToolSpec

BYTES_PER_TOKEN = 3
"""UTF-8 bytes a token, rounded down: English has about 4.2, code 3.2, Chinese 3 or more."""
MESSAGE_TOKENS = 4
"""What a message costs beside its text."""


def count_tokens(text: str) -> int:
    """An estimate that is rather too high than too low, in a microsecond."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // BYTES_PER_TOKEN)


def message_tokens(message: ChatMessage) -> int:
    """What a message costs, with the calls it makes."""
    calls = sum(count_tokens(call.name + call.arguments) for call in message.tool_calls)
    return count_tokens(message.content) + calls + MESSAGE_TOKENS


def offer_tokens(tools: Sequence[ToolSpec]) -> int:
    """What it costs to offer tools to a model."""
    return sum(-(-tool.json_bytes // BYTES_PER_TOKEN) + MESSAGE_TOKENS for tool in tools)


def cut(text: str, tokens: int) -> str:
    """`text` in at most `tokens`: its beginning and its end around a note of what is missing."""
    return cut_counted(text, tokens)[0]


def cut_counted(text: str, tokens: int) -> tuple[str, int]:
    """The same, and how many characters of the text are in it."""
    if count_tokens(text) <= tokens:
        return text, len(text)
    note = CUT_NOTE.format(count=len(text))
    room = tokens * BYTES_PER_TOKEN - len(note.encode())
    if room <= 0:
        return "", 0
    raw = text.encode("utf-8", "replace")
    head = raw[: room * 2 // 3].decode("utf-8", "ignore")
    tail = raw[len(raw) - room // 3 :].decode("utf-8", "ignore") if room >= BYTES_PER_TOKEN else ""
    kept = len(head) + len(tail)
    return head + CUT_NOTE.format(count=len(text) - kept) + tail, kept


def cut_evenly(texts: Sequence[str], tokens: int) -> list[str]:
    """Texts that together cost at most `tokens`; what the short ones leave, the long ones get."""
    fitted = list(texts)
    order = sorted(range(len(texts)), key=lambda place: count_tokens(texts[place]))
    for number, place in enumerate(order):
        fitted[place] = cut(texts[place], max(tokens, 0) // (len(order) - number))
        tokens -= count_tokens(fitted[place])
    return fitted


def fit_tools(tools: Sequence[ChatMessage], tokens: int) -> tuple[ChatMessage, ...]:
    """Calls with their results; results are cut, and never parted from their calls.

    Nothing where not even the calls find room.
    """
    results = [message for message in tools if message.role == "tool"]
    fixed = sum(message_tokens(message) for message in tools if message.role != "tool")
    room = tokens - fixed - MESSAGE_TOKENS * len(results)
    if room < 0:
        return ()
    texts = iter(cut_evenly([message.content for message in results], room))
    return tuple(
        msgspec.structs.replace(message, content=next(texts)) if message.role == "tool" else message
        for message in tools
    )
