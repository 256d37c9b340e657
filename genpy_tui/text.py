"""Untrusted text as Textual content: without control characters, never parsed as markup."""

from textual.content import Content

from genpy_server.core.display import visible


def plain(text: str, style: str = "") -> Content:
    """A text as content in one style."""
    return Content.styled(visible(text), style)


def one_line(text: str, width: int, style: str = "") -> Content:
    """A text as one line, clipped to a width in cells."""
    return plain(" ".join(text.split()), style).truncate(max(1, width), ellipsis=True)
