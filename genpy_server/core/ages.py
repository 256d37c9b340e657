"""How long ago something was, as people say it."""

from datetime import UTC, datetime

_AGES = ((60, "now", 0), (3_600, "min", 60), (86_400, "h", 3_600), (7 * 86_400, "d", 86_400))
"""Seconds below which an age has this unit, of so many seconds."""


def age(at: str, now: datetime | None = None) -> str:
    """How long before now an ISO time was, in a few letters; its date after a week."""
    then = datetime.fromisoformat(at)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for limit, unit, length in _AGES:
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}" if length else unit
    return f"{then.astimezone():%d %b %Y}"
