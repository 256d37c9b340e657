"""Text that is data to a model, framed so that nothing in it ends the frame or speaks for another.

Between two lines of === every line begins with a label of ours or with two spaces. Whatever a text
holds, its lines are indented, at every character that some reader takes for the end of a line: none
can be a fence, a label, or the beginning of another record.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from genpy_server.core.context.prompts import CUT_NOTE
from genpy_server.core.context.tokens import count_tokens, cut
from genpy_server.core.models import Message

FENCE = "==="
INDENT = "  "
FRAME_TOKENS = count_tokens(f"{FENCE}\n\n{FENCE}") + count_tokens(INDENT)

_RULE = re.compile(r"^[^\S\n]*={3,}[^\S\n]*$", re.MULTILINE)
_NOTE = re.compile(
    r"(?:^[^\s:][^:\n]*:?)?(?P<note>"
    + re.escape(CUT_NOTE).replace(re.escape("{count}"), r"\d+")
    + ")",
    re.MULTILINE,
)


def record(label: str, text: str) -> str:
    """A text with its label; of the label only the quoted part may be foreign (see `quoted`)."""
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"{label}: {first}", *(INDENT + line for line in rest)])


def block(text: str) -> str:
    """A text without a label."""
    return "\n".join(INDENT + line for line in text.splitlines())


def quoted(text: str) -> str:
    """A short text, such as a title, in quotes on one line."""
    return msgspec.json.encode(" ".join(text.split())).decode()


def framed(records: Iterable[str], tokens: int | None = None) -> str:
    """Records between fences, in at most `tokens`: cut in the middle, with a note."""
    inner = "\n".join(records)
    if tokens is not None:
        inner = cut(inner, tokens - FRAME_TOKENS)
        # What follows the note of a cut begins a line, and may be any part of a text; what stands
        # before it may be a part of a label.
        inner = _NOTE.sub(lambda note: note["note"] + INDENT, inner)
    inner = _RULE.sub(lambda rule: rule.group().replace("=", "-"), inner)
    return f"{FENCE}\n{inner}\n{FENCE}"


def dialogue(
    messages: Sequence[Message], tokens: int | None = None, *, numbered: bool = False
) -> str:
    """Messages as a model reads them when they are its subject, not its conversation.

    With `numbered` each has its id in front.
    """
    labels = (f"[{m.id}] {m.role}" if numbered else m.role for m in messages)
    texts = (message.text for message in messages)
    return framed((record(*one) for one in zip(labels, texts, strict=True)), tokens)
