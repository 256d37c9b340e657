"""A session's metrics: counted message by message, and formatted for people."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

import msgspec

from genpy_server.core.display import date_time
from genpy_server.core.models import Message, Metrics, Usage

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def counted(metrics: Metrics, message: Message) -> Metrics:
    """The metrics with one more message, the newest; system notes count as messages."""
    role, usage = message.role, message.meta.usage or Usage()
    words = len(message.text.split())
    is_reply = role == "assistant"
    first_at = metrics.first_at or message.at
    between = datetime.fromisoformat(message.at) - datetime.fromisoformat(first_at)
    return msgspec.structs.replace(
        metrics,
        messages=metrics.messages + 1,
        user_messages=metrics.user_messages + (role == "user"),
        assistant_messages=metrics.assistant_messages + is_reply,
        user_words=metrics.user_words + words * (role == "user"),
        assistant_words=metrics.assistant_words + words * is_reply,
        first_at=first_at,
        last_at=message.at,
        duration_seconds=max(0.0, round(between.total_seconds(), 3)),
        tools=_added(metrics.tools, (tool.name for tool in message.meta.tools if is_reply)),
        intents=_added(metrics.intents, filter(None, [message.meta.intent if is_reply else None])),
        prompt_tokens=metrics.prompt_tokens + usage.prompt_tokens,
        completion_tokens=metrics.completion_tokens + usage.completion_tokens,
        cached_tokens=metrics.cached_tokens + usage.cached_tokens,
    )


def _added(counts: dict[str, int], names: Iterable[str]) -> dict[str, int]:
    return dict(sorted((Counter(counts) + Counter(names)).items()))


def duration(seconds: float) -> str:
    """Seconds in the two largest units: "3 min 20 s", "2 d 4 h"."""
    left, parts = round(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(filter(None, parts[:2])) or "0 s"


def statistics(metrics: Metrics, zone: tzinfo | None = UTC) -> list[tuple[str, str]]:
    """Rows of name and value in display order; times are in `zone`, None for the local one."""
    words = metrics.user_words + metrics.assistant_words
    rows = [
        ("Messages", _shares(metrics.messages, metrics.user_messages, metrics.assistant_messages)),
        ("Words", _shares(words, metrics.user_words, metrics.assistant_words)),
        ("Duration", duration(metrics.duration_seconds)),
    ]
    if metrics.first_at and metrics.last_at:
        for name, at in (("First message", metrics.first_at), ("Last message", metrics.last_at)):
            rows.append((name, date_time(at, zone) + (" UTC" if zone is UTC else "")))
    for name, counts in (("Tools used", metrics.tools), ("Kinds of help", metrics.intents)):
        if counts:
            rows.append((name, _counts(counts)))
    tokens = metrics.prompt_tokens + metrics.completion_tokens
    if tokens:
        cached = f", {metrics.cached_tokens:,} from a cache" if metrics.cached_tokens else ""
        rows.append(("Tokens", f"{tokens:,} ({metrics.completion_tokens:,} written{cached})"))
    return rows


def _shares(total: int, user: int, assistant: int) -> str:
    return f"{total:,} ({user:,} from you, {assistant:,} from the assistant)"


def _counts(counts: dict[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in by_count)
