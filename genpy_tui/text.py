"""Text of others as Textual content: made harmless, never parsed for markup."""

from textual.content import Content

from genpy_server.core.display import visible


def plain(text: str, style: str = "") -> Content:
    """Any text as content in one style."""
    return Content.styled(visible(text), style)


def one_line(text: str, width: int, style: str = "") -> Content:
    """Any text on one line, cut at a width."""
    return plain(" ".join(text.split()), style).truncate(max(1, width), ellipsis=True)
