"""Frames text that is data for a model, so that it cannot end the frame or imitate another record.

Between two lines of === every line begins with a label or with two spaces. The lines of a text are
indented, split at every character that counts as a line end: none can be a fence, a label, or the
beginning of another record.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from genpy_server.core.context.tokens import CUT_NOTE, count_tokens, cut
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
    """A text with its label; untrusted parts of the label must be `quoted`."""
    first, *rest = text.splitlines() or [""]
    return "\n".join([f"{label}: {first}", *(INDENT + line for line in rest)])


def block(text: str) -> str:
    """An indented text without a label."""
    return "\n".join(INDENT + line for line in text.splitlines())


def quoted(text: str) -> str:
    """A short text, such as a title, as one line in quotes."""
    return msgspec.json.encode(" ".join(text.split())).decode()


def framed(records: Iterable[str], tokens: int | None = None) -> str:
    """Records between fences; cut in the middle, with a note, to at most `tokens`."""
    inner = "\n".join(records)
    if tokens is not None:
        inner = cut(inner, tokens - FRAME_TOKENS)
        # The text after the note begins a line and must be indented; before it may be half a label.
        inner = _NOTE.sub(lambda note: note["note"] + INDENT, inner)
    inner = _RULE.sub(lambda rule: rule.group().replace("=", "-"), inner)
    return f"{FENCE}\n{inner}\n{FENCE}"


def dialogue(
    messages: Sequence[Message], tokens: int | None = None, *, numbered: bool = False
) -> str:
    """Messages as data for a model, for instance to summarise; `numbered` prefixes their ids."""
    labels = (f"[{m.id}] {m.role}" if numbered else m.role for m in messages)
    texts = (message.text for message in messages)
    return framed((record(*one) for one in zip(labels, texts, strict=True)), tokens)
