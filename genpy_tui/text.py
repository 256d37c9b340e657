"""Text of others as Textual content: made harmless, never parsed for markup."""

from datetime import UTC, datetime

from textual.content import Content

from genpy_server.core.display import visible


def plain(text: str, style: str = "") -> Content:
    """Any text as content in one style."""
    return Content.styled(visible(text), style)


def one_line(text: str, width: int, style: str = "") -> Content:
    """Any text on one line, cut at a width."""
    return plain(" ".join(text.split()), style).truncate(max(1, width), ellipsis=True)


def age(at: str, now: datetime | None = None) -> str:
    """How long ago an ISO time was, in a few letters."""
    try:
        then = datetime.fromisoformat(at)
    except ValueError:
        return ""
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for size, unit in ((60, "now"), (3_600, "min"), (86_400, "h"), (7 * 86_400, "d")):
        if seconds < size:
            count = {"now": 0, "min": 60, "h": 3_600, "d": 86_400}[unit]
            return f"{seconds // count:.0f} {unit}" if count else "now"
    return f"{then.astimezone():%d %b %Y}"
