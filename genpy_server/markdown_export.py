"""A conversation as a Markdown document; blocks that a message leaves open are closed."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import cache
from typing import TYPE_CHECKING

from genpy_server.core.context.turns import replaced_ids
from genpy_server.core.display import date_time, one_line
from genpy_server.core.models import Message

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_NAMES = {"user": "You", "assistant": "GenPy", "system": "Note"}
_TO_EDITED = " · to a message that was edited later"
_EDITED = {"user": " · edited later", "assistant": _TO_EDITED, "system": _TO_EDITED}
_ENDS = {
    "stopped": "stopped",
    "length": "cut at the longest reply allowed",
    "content_filter": "cut by the model's content filter",
    "interrupted": "interrupted",
    "error": "failed",
}
_OPENS = ("```", "~~~", "<")
"""Starts of the blocks that continue over blank lines."""
_HTML_ENDS = ("-->", "?>", "]]>", "</script>", "</pre>", "</style>", "</textarea>", ">")
_PROBE = "A heading that must stand for itself"


def blocks(title: str, messages: Sequence[Message], zone: tzinfo | None = None) -> Iterator[str]:
    """The document in parts: a heading for each message, replies after their questions, how they ended.

    Times are of a zone, None for the local one. The messages may be in a file, since they are read
    one by one.
    """
    replaced = replaced_ids(messages)
    yield f"# {one_line(title)}\n"
    for message in _by_turn(messages):
        edited = _EDITED[message.role] if message.id in replaced else ""
        yield f"\n## {_NAMES[message.role]} · {date_time(message.at, zone)}{edited}\n"
        if message.text:
            yield f"\n{closed(message.text)}\n"
        end = _ENDS.get(message.meta.status or "")
        if message.role == "assistant" and end is not None:
            error = f": {one_line(message.meta.error)}" if message.meta.error else ""
            yield f"\n({end}{error})\n"


def closed(text: str) -> str:
    """A message with the end of a block that it leaves open: a fence, a comment or other HTML."""
    if not any(sign in text for sign in _OPENS) or _is_closed(text):
        return text
    last = _parser().parse(text)[-1]
    ends = (last.markup,) if last.type == "fence" else _HTML_ENDS
    for end in ends:
        if _is_closed(attempt := f"{text}\n{end}"):
            return attempt
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _is_closed(text: str) -> bool:
    """Whether a heading after the text is parsed as a heading."""
    tokens = _parser().parse(f"{text}\n\n## {_PROBE}\n")
    if len(tokens) < 3 or tokens[-3].type != "heading_open":  # noqa: PLR2004 - its three tokens
        return False
    return tokens[-3].level == 0 and tokens[-2].content == _PROBE


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415 - when something is exported

    return MarkdownIt("commonmark")


def _by_turn(messages: Sequence[Message]) -> Iterator[Message]:
    """Each message followed by its replies, also where others were sent in between."""
    ids, turns = array("q"), array("q")
    for place, message in enumerate(messages):
        ids.append(message.id)
        asked = message.meta.reply_to or message.id
        turn = min(bisect_left(ids, asked), place)
        turns.append(turn if ids[turn] == asked else place)
    for place in sorted(range(len(turns)), key=turns.__getitem__):
        yield messages[place]
