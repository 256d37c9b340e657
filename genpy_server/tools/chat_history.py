"""search_chat_history: whether, where and when something was said."""

from typing import Annotated, Literal

import msgspec

from genpy_server.core.models import Hit, Message
from genpy_server.core.replaced import without
from genpy_server.tools.base import Asker, Tool, ToolResult, excerpt, message_data, short_date, spec

LIMIT = 8


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to look for, and where."""

    keyword: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="The words to look for.")
    ]
    scope: Annotated[
        Literal["this_session", "all_sessions"],
        msgspec.Meta(description="Where; all_sessions covers every conversation of the person."),
    ] = "this_session"


async def ask(asker: Asker, arguments: Arguments) -> ToolResult:
    """Ranked hits with their neighbours; what this session lacks is looked for in all of them."""
    here = arguments.scope == "this_session"
    hits = await _hits(asker, arguments.keyword, asker.session_id if here else None)
    widened = here and not hits
    if widened:
        hits = await _hits(asker, arguments.keyword, None)
    where = "all conversations" if widened or not here else "this conversation"
    data = {
        "looked_for": arguments.keyword,
        "where": where,
        "found_in_this_conversation": bool(hits) and here and not widened,
        "hits": [_hit_data(hit) for hit in hits],
    }
    return ToolResult(data, _display(arguments.keyword, hits, where=where, widened=widened))


async def _hits(asker: Asker, keyword: str, session_id: str | None) -> list[Hit]:
    limit = LIMIT + len(asker.left_out)
    found = await asker.store.search(
        asker.user_id, keyword, limit=limit, session_id=session_id, neighbours=True
    )
    return without(found, asker.left_out)[:LIMIT]


def _hit_data(hit: Hit) -> dict[str, object]:
    return {
        "conversation": hit.session_title,
        **message_data(hit.message),
        "near": [message_data(m) for m in (hit.before, hit.after) if m is not None],
    }


def _display(keyword: str, hits: list[Hit], *, where: str, widened: bool) -> str:
    if not hits:
        return f"Nothing about **{excerpt(keyword)}** was said before."
    times = "1 message" if len(hits) == 1 else f"{len(hits)} messages"
    lead = f"{times} about **{excerpt(keyword)}** in {where}:"
    if widened:
        lead = f"Not in this conversation, but {times} about **{excerpt(keyword)}** elsewhere:"
    return lead + "\n\n" + "\n".join(_line(hit.message, hit.session_title) for hit in hits)


def _line(message: Message, title: str) -> str:
    who = "you" if message.role == "user" else message.role
    where = f"{excerpt(title, 40)} · `{message.session_id[:8]}#{message.id}`"
    return f"- {short_date(message.at)} · {who} · {where}  \n  {excerpt(message.text)}"


TOOL = Tool(
    spec(
        "search_chat_history",
        "Search what was said in this conversation, or in all conversations of the person. Use it "
        "when they ask whether, where or when something was mentioned.",
        Arguments,
    ),
    Arguments,
    ask,
)
