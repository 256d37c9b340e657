"""A session's metrics as a person reads them; the counting itself is the database's."""

from datetime import UTC, datetime, tzinfo

from genpy_server.core.models import Metrics

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter: "3 min 20 s", "2 d 4 h"."""
    whole = round(seconds)
    units = [
        (whole // _DAY, "d"),
        (whole % _DAY // _HOUR, "h"),
        (whole % _HOUR // _MINUTE, "min"),
        (whole % _MINUTE, "s"),
    ]
    first = next((i for i, (count, _) in enumerate(units) if count), len(units) - 1)
    shown = [f"{count} {unit}" for count, unit in units[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def statistics(metrics: Metrics, zone: tzinfo | None = UTC) -> list[tuple[str, str]]:
    """Rows of name and value, in the order in which they are shown.

    Times are in `zone`; None is the one of this machine, which a client shows.
    """
    words = metrics.user_words + metrics.assistant_words
    rows = [
        ("Messages", _shares(metrics.messages, metrics.user_messages, metrics.assistant_messages)),
        ("Words", _shares(words, metrics.user_words, metrics.assistant_words)),
        ("Duration", duration(metrics.duration_seconds)),
    ]
    if metrics.first_at and metrics.last_at:
        rows.append(("First message", _time(metrics.first_at, zone)))
        rows.append(("Last message", _time(metrics.last_at, zone)))
    if metrics.tools:
        rows.append(("Tools used", _counts(metrics.tools)))
    if metrics.intents:
        rows.append(("Kinds of help", _counts(metrics.intents)))
    tokens = metrics.prompt_tokens + metrics.completion_tokens
    if tokens:
        rows.append(("Tokens", f"{tokens:,} ({metrics.completion_tokens:,} written)"))
    return rows


def _shares(total: int, user: int, assistant: int) -> str:
    return f"{total:,} ({user:,} from you, {assistant:,} from the assistant)"


def _time(at: str, zone: tzinfo | None) -> str:
    shown = f"{datetime.fromisoformat(at).astimezone(zone):%d %b %Y, %H:%M}"
    return f"{shown} UTC" if zone is UTC else shown


def _counts(counts: dict[str, int]) -> str:
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in by_count)
