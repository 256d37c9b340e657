"""Estimates tokens, and cuts texts and tool results to a number of tokens."""

from collections.abc import Sequence

import msgspec

from genpy_server.core.models import ChatMessage, ToolSpec

CUT_NOTE = "\n[… {count} characters left out here to fit …]\n"
BYTES_PER_TOKEN = 3
"""UTF-8 bytes a token, rounded down: English has about 4.2, code 3.2, Chinese 3 or more."""
MESSAGE_TOKENS = 4
"""Overhead of a message."""


def count_tokens(text: str) -> int:
    """An estimate of the tokens of a text, rather too high than too low."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // BYTES_PER_TOKEN)


def message_tokens(message: ChatMessage) -> int:
    """Tokens of a message with its tool calls."""
    calls = sum(count_tokens(call.name + call.arguments) for call in message.tool_calls)
    return count_tokens(message.content) + calls + MESSAGE_TOKENS


def offer_tokens(tools: Sequence[ToolSpec]) -> int:
    """Tokens of the specs of tools."""
    return sum(-(-tool.json_bytes // BYTES_PER_TOKEN) + MESSAGE_TOKENS for tool in tools)


def cut(text: str, tokens: int) -> str:
    """`text` in at most `tokens`: its beginning and its end, with a note between them."""
    return cut_counted(text, tokens)[0]


def cut_counted(text: str, tokens: int) -> tuple[str, int]:
    """As `cut`, and the number of characters of the text that were kept."""
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
    """The texts in at most `tokens` together; long ones get what short ones do not need."""
    fitted = list(texts)
    order = sorted(range(len(texts)), key=lambda place: count_tokens(texts[place]))
    for number, place in enumerate(order):
        fitted[place] = cut(texts[place], max(tokens, 0) // (len(order) - number))
        tokens -= count_tokens(fitted[place])
    return fitted


def fit_tools(tools: Sequence[ChatMessage], tokens: int) -> tuple[ChatMessage, ...]:
    """Calls with their results in at most `tokens`; results are cut. Empty if the calls do not fit."""
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
