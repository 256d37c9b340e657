"""The newest messages as HTML, which is seen before the script of the chat page has come."""

import re
from collections.abc import Sequence

from genpy_server.wire import Frame, Html, MessageEvent

MOST_CHARS = 40_000
"""Characters of the HTML of messages; a screen holds less."""

_CODE = re.compile(r'<pre(?: data-language="([^"]*)")?>.*?</pre>', re.DOTALL)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)


def still(frames: Sequence[Frame]) -> str:
    """The newest messages as the page shows them, without what can be done with them.

    The newest reply to a message stands for the earlier ones. A message without HTML ends them.
    """
    html = {one.message_id: one.html for one in frames if isinstance(one, Html)}
    shown: list[str] = []
    left, answered = MOST_CHARS, set[int | None]()
    for message in reversed(frames):
        if not isinstance(message, MessageEvent) or message.meta.reply_to in answered:
            continue
        text = html.get(message.message_id)
        if text is None or len(text) > left:
            break
        left -= len(text)
        answered |= {message.meta.reply_to} - {None}
        shown.append(_article(message.role, text))
    return "".join(reversed(shown))


def _article(role: str, html: str) -> str:
    """A message, as entry.js makes it."""
    who, foot = ("You", "") if role == "user" else ("GenPy", "<footer></footer>")
    html = _TABLE.sub(r'<div class="wide">\g<0></div>', _CODE.sub(_code_box, html))
    return (
        f'<article class="message {role}"><header><h2>{who}</h2></header>'
        f'<div class="body" dir="auto">{html}</div>{foot}</article>'
    )


def _code_box(pre: re.Match[str]) -> str:
    """Code, as code.js makes it."""
    head = f'<div class="code-head"><span>{pre[1] or "text"}</span></div>'
    return f'<div class="code" dir="ltr">{head}{pre[0]}</div>'
