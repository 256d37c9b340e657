"""The words in which people are told of sessions and times."""

from datetime import datetime

SHORT_ID = 8
STATUS = {"active": "● active", "completed": "✓ completed"}
ROLES = {"user": "You", "assistant": "GenPy", "system": "Note"}

_AGES = ((60, "now", 0), (3_600, "min", 60), (86_400, "h", 3_600), (7 * 86_400, "d", 86_400))
"""Seconds below which an age has this unit, of so many seconds."""


def age(at: str, now: datetime) -> str:
    """How long before `now` an ISO time was, in a few letters; its date after a week."""
    then = datetime.fromisoformat(at)
    seconds = (now - then).total_seconds()
    for limit, unit, length in _AGES:
        if seconds < limit:
            return f"{seconds // length:.0f} {unit}" if length else unit
    return f"{then.astimezone():%d %b %Y}"


def local_time(at: str) -> str:
    """An ISO time as the clock on the wall shows it."""
    return datetime.fromisoformat(at).astimezone().strftime("%d %b %Y, %H:%M")
