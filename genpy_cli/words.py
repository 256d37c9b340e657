"""The words in which people are told of sessions and times."""

from datetime import datetime

SHORT_ID = 8
STATUS = {"active": "● active", "completed": "✓ completed"}
ROLES = {"user": "You", "assistant": "GenPy", "system": "Note"}


def local_time(at: str) -> str:
    """An ISO time as the clock on the wall shows it."""
    return datetime.fromisoformat(at).astimezone().strftime("%d %b %Y, %H:%M")
