"""Control tokens of chat templates in the text of a reply.

A server whose template does not fit its model sends `</s>`, `<|im_end|>` and others as text, and some
models then write the next turn of the person. A mark counts as a control token if it ends the reply,
or is on a line of its own, outside of code; in a sentence it is part of the text.
"""

import re
from string import ascii_uppercase
from typing import NamedTuple

from genpy_server.llm.field_names import PHRASES

END_MARKS = tuple(PHRASES.lines("end marks"))
TURN_MARKS = tuple(PHRASES.lines("turn marks"))
REPLY_MARKS = tuple(PHRASES.lines("reply marks"))
"""Tokens that end a turn, begin another one, and begin the reply, in lower case."""

FOLDED = {**{ord(c): c.lower() for c in ascii_uppercase}, 0xFF5C: "|", 0x2581: "_"}
"""Makes letters small and bars plain, for `str.translate`; the text keeps its length."""
_END = f"(?:{'|'.join(map(re.escape, END_MARKS))})"
_ENDS = re.compile(rf"(?:{_END}\s*)+")
_TWO = re.compile(rf"{_END}\s*{_END}", re.IGNORECASE)
_LAST = re.compile(rf"(?:{_END}\s*)+$")
_STRUCK = "<s>"
"""HTML's, which `</s>` ends."""
_LONGEST = max(map(len, (*END_MARKS, *TURN_MARKS)))
_UNFINISHED = re.compile(r"[\w,:;=+&|/\\(\[{\"'`\u2013\u2014\u2018\u201c\u201e\u00ab<-]\s+$")
"""The end of a line in the middle of a sentence."""


class Marks(NamedTuple):
    """The marks at a place of a text."""

    text: str
    """End marks, with the white space after them."""
    turn: bool
    """Whether another turn begins after them."""
    open: bool
    """Whether more text is needed to decide."""

    def are_control(self, line: str, before: str) -> bool:
        """Whether they are control tokens and not part of the message.

        `line` is the text before them on their line, `before` the last non-empty line above.
        """
        if not line.strip():
            return not before.rstrip().endswith(":")
        sure = self.turn or _TWO.match(self.text) or not _UNFINISHED.search(line)
        return bool(self.text and sure)


def without_ends(text: str) -> str:
    """A text without the end marks behind it."""
    last = _LAST.search(text.translate(FOLDED))
    return text[: last.start()] if last else text


def marks_at(text: str, place: int) -> Marks | None:
    """The marks at a place of a text, also incomplete ones; None without any."""
    ends = _ENDS.match(text[place:].translate(FOLDED))
    place, start = place + (ends.end() if ends else 0), place
    found = text[start:place]
    rest = text[place : place + _LONGEST].translate(FOLDED)
    turn = rest.startswith(TURN_MARKS)
    begun = not turn and any(m.startswith(rest) for m in (*END_MARKS, *TURN_MARKS, _STRUCK))
    if not (found or turn or begun or rest.startswith(_STRUCK)):
        return None
    alone = turn and rest.rstrip() in TURN_MARKS and len(text) - place <= _LONGEST
    return Marks(found, turn, begun or alone)
