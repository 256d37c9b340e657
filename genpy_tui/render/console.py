"""Renders messages for the command line as the chat does: as lines of Rich's `Text`, without Textual."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from genpy_server.core.display import visible
from genpy_tui.render.layout import BlockPart
from genpy_tui.render.markdown.document import parts_of
from genpy_tui.render.message import typed
from genpy_tui.render.palette import plain_style

INDENT = 2


def markdown_text(source: str, width: int) -> Iterator[Text]:
    """The lines of Markdown, as the chat shows replies."""
    return _lines(parts_of(source, indent=INDENT), width)


def typed_text(source: str, width: int) -> Iterator[Text]:
    """The lines of a person's message, as they were written."""
    return _lines(typed(source), width)


def _lines(parts: Iterable[BlockPart], width: int) -> Iterator[Text]:
    for part in parts:
        for line in part.lines(width):
            text = Text(" " * part.indent if line.runs else "", end="", no_wrap=True)
            for run in line.runs:
                text.append(visible(run.text), plain_style(run.style))
            yield text
