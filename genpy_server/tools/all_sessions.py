"""get_all_sessions: the person's conversations, by time and topic."""

from datetime import date, datetime, time
from typing import Annotated

import msgspec

from genpy_server.core.models import Session
from genpy_server.core.understanding.periods import Period, days
from genpy_server.errors import BadRequest
from genpy_server.tools.base import (
    Asker,
    Tool,
    ToolResult,
    counted,
    safe_excerpt,
    short_date,
    spec,
)

Topic = Annotated[
    str, msgspec.Meta(max_length=200, description="A word of the title, summary or topics.")
]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A day, YYYY-MM-DD.")]


class ListArguments(msgspec.Struct, forbid_unknown_fields=True):
    """Which conversations: of a topic; of a period, or from `since` to before `until`."""

    topic: Topic | None = None
    period: Period | None = None
    since: Day | None = None
    until: Day | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10


async def ask(asker: Asker, arguments: ListArguments) -> ToolResult:
    """Sessions by last activity, newest first, the current one included."""
    since, until = arguments.since, arguments.until
    if arguments.period is not None:
        first, after = days(arguments.period, datetime.now().astimezone().date())
        since, until = first.isoformat(), after.isoformat()
    found = await asker.store.sessions(
        asker.user_id,
        limit=arguments.limit + 1,
        query=arguments.topic,
        since=since and _midnight(since),
        until=until and _midnight(until),
    )
    sessions = found[: arguments.limit]
    data = [
        {
            "title": session.title,
            "current": session.id == asker.session_id,
            "started": short_date(session.started_at),
            "last": short_date(session.updated_at),
            "messages": session.message_count,
            "topics": session.topics,
            "summary": session.summary,
            "rating": session.rating,
        }
        for session in sessions
    ]
    topic = f" about **{safe_excerpt(arguments.topic)}**" if arguments.topic else ""
    when = f" {arguments.period.replace('_', ' ')}" if arguments.period else ""
    if not sessions:
        return ToolResult(data, f"You had no conversation{topic}{when}.")
    lead = f"Your conversations{topic}{when}, the latest first"
    if len(found) > len(sessions):
        lead = f"Your {counted(len(sessions), 'latest conversation')}{topic}{when}, of more"
    lines = "\n".join(_line(session, current=asker.session_id) for session in sessions)
    return ToolResult(data, f"{lead}:\n\n{lines}")


def _midnight(day: str) -> str:
    """When a day begins where this server is."""
    try:
        return datetime.combine(date.fromisoformat(day), time()).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise BadRequest(f"{day} is no day; write it as YYYY-MM-DD.") from None


def _line(session: Session, *, current: str) -> str:
    here = " (this one)" if session.id == current else ""
    stars = f" · {'★' * session.rating}" if session.rating else ""
    topics = f"  \n  {safe_excerpt(', '.join(session.topics))}" if session.topics else ""
    return (
        f"- **{safe_excerpt(session.title, limit=60)}**{here} · {short_date(session.updated_at)} · "
        f"{counted(session.message_count, 'message')}{stars} · `{session.id[:8]}`{topics}"
    )


TOOL = Tool(
    spec(
        "get_all_sessions",
        "List the person's conversations with their topics and summaries, newest first, perhaps "
        "only those of some days or about some topic. Use it when they ask for earlier chats.",
        ListArguments,
    ),
    ListArguments,
    ask,
)
