"""get_all_sessions: the person's conversations, by time and topic."""

from typing import Annotated

import msgspec

from genpy_server.core.context.excerpts import safe_excerpt
from genpy_server.core.display import count
from genpy_server.core.identity import short_id
from genpy_server.core.models import Session
from genpy_server.core.understanding.periods import Period
from genpy_server.tools import base
from genpy_server.tools.chat_history import find_messages

COUNTED = 500
"""Largest number of conversations that is counted exactly."""

Topic = Annotated[
    str, msgspec.Meta(max_length=200, description="A word of the title, summary or topics.")
]


class ListArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which conversations: about a topic, from `since` to before `until`."""

    topic: Topic | None = None
    since: base.Day | None = None
    until: base.Day | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


class ListRequest(ListArguments, forbid_unknown_fields=True):
    """The arguments of a request that GenPy recognised in a message."""

    period: Period | None = None
    unused_time: base.Unused | None = None


async def ask(context: base.ToolContext, arguments: ListRequest) -> base.ToolResult:
    """Sessions by last activity, newest first, the current one included.

    Where no title, summary or topic has what they are to be about, those with messages about it.
    """
    when = base.times(arguments.period, arguments.since, arguments.until)
    found = await context.store.sessions(
        context.user_id,
        limit=COUNTED + 1,
        query=arguments.topic,
        since=when.since,
        until=when.until,
    )
    if arguments.topic and not found:
        return await _with_messages(context, arguments, arguments.topic, when)
    sessions = found[: arguments.limit]
    total = f"{len(found)}" if len(found) <= COUNTED else f"more than {COUNTED}"
    topic = f" about **{safe_excerpt(arguments.topic)}**" if arguments.topic else ""
    many = count(len(found), "conversation") if len(found) <= COUNTED else f"{total} conversations"
    lead = f"Your {many}{topic}{when.text}, the latest first"
    if len(found) > len(sessions):
        lead = f"{many[:1].upper()}{many[1:]}{topic}{when.text}; the latest {len(sessions)}"
    if not sessions:
        lead = f"You had no conversation{when.text}"
    return _result(context, arguments, total, lead, sessions)


async def _with_messages(
    context: base.ToolContext, arguments: ListRequest, topic: str, when: base.Times
) -> base.ToolResult:
    """The sessions with messages that have every word of a topic, the best first."""
    matches = await find_messages(context, topic, when, here=False)
    ids = dict.fromkeys(hit.message.session_id for hit in matches.hits) if matches.whole else {}
    read = [await context.store.session(context.user_id, id_) for id_ in [*ids][: arguments.limit]]
    sessions = [session for session in read if session is not None]
    about = f"about **{safe_excerpt(topic)}**{when.text}"
    more = " or more" if ids and matches.more else ""
    lead = f"Messages {about} are in {count(len(ids), 'conversation')}{more}"
    if len(ids) > len(sessions):
        lead += f"; the best {len(sessions)}"
    if not sessions:
        lead = f"You had no conversation {about}"
    return _result(context, arguments, f"{len(ids)}{more}", lead, sessions)


def _result(
    context: base.ToolContext,
    arguments: ListRequest,
    total: str,
    lead: str,
    sessions: list[Session],
) -> base.ToolResult:
    data = {
        "total": total,
        "conversations": [
            {
                "title": session.title,
                "current": session.id == context.session_id,
                "started": base.short_date(session.started_at),
                "last": base.short_date(session.updated_at),
                "messages": session.message_count,
                "topics": session.topics,
                "summary": session.summary,
                "rating": session.rating,
            }
            for session in sessions
        ],
    }
    note = base.unused_note(arguments.unused_time)
    if not sessions:
        return base.ToolResult(data, f"{lead}.{note}")
    lines = "\n".join(_line(session, current=context.session_id) for session in sessions)
    return base.ToolResult(data, f"{lead}:\n\n{lines}{note}")


def _line(session: Session, *, current: str) -> str:
    here = " (this one)" if session.id == current else ""
    stars = f" · {'★' * session.rating}" if session.rating else ""
    topics = f"  \n  {safe_excerpt(', '.join(session.topics))}" if session.topics else ""
    return (
        f"- **{safe_excerpt(session.title, limit=60)}**{here} · {base.short_date(session.updated_at)} · "
        f"{count(session.message_count, 'message')}{stars} · `{short_id(session.id)}`{topics}"
    )


TOOL = base.Tool(
    base.spec(
        "get_all_sessions",
        "List the person's conversations with their topics and summaries, newest first, perhaps "
        "only those of some days or about some topic, and count them. Use it when they ask for "
        "earlier chats.",
        ListArguments,
    ),
    ListRequest,
    ask,
    reads_only=True,
)
