"""search_chat_history: finds messages of the person's conversations.

What is done with the texts of the hits, which may be long, is done beside the event loop.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec

from genpy_server.core.context.excerpts import safe_excerpt
from genpy_server.core.display import count
from genpy_server.core.identity import short_id
from genpy_server.core.models import Hit
from genpy_server.core.understanding.periods import Period
from genpy_server.core.words import WordPlaces
from genpy_server.tools import base

LIMIT = 8
"""Hits that are shown."""
MOST = 100
"""Largest number of hits that is counted exactly."""
TIMED = 1_000
"""Hits that are read when only those of some days count."""
WHO = {"user": "you", "assistant": "GenPy"}


class HistoryArguments(msgspec.Struct, forbid_unknown_fields=True):
    """What to look for, and where."""

    keyword: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="The words to look for.")
    ]
    scope: Annotated[
        Literal["this_session", "all_sessions"],
        msgspec.Meta(description="Where; all_sessions covers every conversation of the person."),
    ] = "this_session"
    since: base.Day | None = None
    until: base.Day | None = None


class HistoryRequest(HistoryArguments, forbid_unknown_fields=True):
    """The arguments of a request that GenPy recognised in a message."""

    period: Period | None = None
    unused_time: base.Unused | None = None


class HistoryMatches(NamedTuple):
    """Hits with all words (`whole`), or else with some; `here`: in this session alone."""

    hits: list[Hit]
    whole: bool
    here: bool
    more: bool


async def ask(context: base.ToolContext, arguments: HistoryRequest) -> base.ToolResult:
    """Ranked hits with their neighbours; without a full match here, of all conversations."""
    keyword = arguments.keyword
    when = base.times(arguments.period, arguments.since, arguments.until)
    found = await find_messages(context, keyword, when, here=arguments.scope == "this_session")
    if found.here and not found.whole:
        elsewhere = await find_messages(context, keyword, when, here=False)
        if elsewhere.whole or not found.hits:
            found = elsewhere
    return await asyncio.to_thread(_result, arguments, when, found)


def _result(arguments: HistoryRequest, when: base.Times, found: HistoryMatches) -> base.ToolResult:
    keyword = arguments.keyword
    shown = _once(found.hits[:LIMIT])
    widened = arguments.scope == "this_session" and not found.here
    data = {
        "looked_for": f"{keyword}{when.text}",
        "where": "this conversation" if found.here else "all conversations",
        "found_in_this_conversation": found.here and found.whole,
        "found": f"{len(found.hits)}{' or more' if found.more else ''}",
        "all_words_found": found.whole,
        "hits": [_hit_data(hit, keyword) for hit in shown],
    }
    display = _display(keyword, when, found, shown, widened=widened)
    return base.ToolResult(data, display + base.unused_note(arguments.unused_time))


async def find_messages(
    context: base.ToolContext, keyword: str, when: base.Times, *, here: bool
) -> HistoryMatches:
    """The messages of this or of every conversation about a keyword, best first."""
    asked = MOST if when.since is when.until is None else TIMED
    hits = await context.store.search(
        context.user_id,
        keyword,
        limit=asked,
        session_id=context.session_id if here else None,
        about_records=False,
        left_out=sorted(context.left_out),
    )
    in_time = [hit for hit in hits if _within(hit.message.at, when)]
    whole = await asyncio.to_thread(_whole, in_time, keyword)
    return HistoryMatches(whole or in_time, bool(whole), here, len(hits) >= asked)


def _whole(hits: list[Hit], keyword: str) -> list[Hit]:
    """The hits with every word of the keyword, in any form that a search finds."""
    places = WordPlaces(keyword)
    return [hit for hit in hits if places.held_in(hit.message.text) == len(places.words)]


def _within(at: str, when: base.Times) -> bool:
    time = datetime.fromisoformat(at)
    return (when.since is None or datetime.fromisoformat(when.since) <= time) and (
        when.until is None or time < datetime.fromisoformat(when.until)
    )


def _once(hits: list[Hit]) -> list[Hit]:
    """The hits, each message once: a hit is not repeated as the neighbour of another."""
    shown = {hit.message.id for hit in hits}
    result = []
    for hit in hits:
        before, after = (
            None if near is None or near.id in shown else near for near in (hit.before, hit.after)
        )
        shown |= {near.id for near in (before, after) if near is not None}
        result.append(msgspec.structs.replace(hit, before=before, after=after))
    return result


def _hit_data(hit: Hit, keyword: str) -> dict[str, object]:
    return {
        "conversation": hit.session_title,
        **base.message_data(hit.message, keyword),
        "near": [base.message_data(m, keyword) for m in (hit.before, hit.after) if m is not None],
    }


def _display(
    keyword: str, when: base.Times, found: HistoryMatches, shown: list[Hit], *, widened: bool
) -> str:
    subject = f"**{safe_excerpt(keyword)}**{when.text}"
    if not shown and found.more:  # there are hits that were not read
        about = f"**{safe_excerpt(keyword)}**"
        return f"None of the {TIMED:,} best messages about {about} was sent{when.text}."
    if not shown:
        return f"No earlier message about {subject} was found."
    where = "this conversation" if found.here else "all conversations"
    many = count(len(found.hits), "message") + (" or more" if found.more else "")
    if not found.whole:
        lead = f"Nothing has all of {subject}. What comes nearest in {where}"
    elif widened:
        lead = f"Not in this conversation, but {many} about {subject} elsewhere"
    else:
        lead = f"{many} about {subject} in {where}"
    if found.whole and len(shown) < len(found.hits):
        lead += f"; the best {len(shown)}"
    return f"{lead}:\n\n" + "\n".join(_line(hit, keyword) for hit in shown)


def _line(hit: Hit, keyword: str) -> str:
    message = hit.message
    who = WHO.get(message.role, message.role)
    where = f"{safe_excerpt(hit.session_title, limit=40)} · `{short_id(message.session_id)}#{message.id}`"
    near = [m for m in (hit.before, hit.after) if m is not None]
    lines = [
        f"- {base.short_date(message.at)} · {who} · {where}",
        safe_excerpt(message.text, keyword),
    ]
    lines += [f"*{WHO.get(m.role, m.role)}: {safe_excerpt(m.text, limit=80)}*" for m in near]
    return "  \n  ".join(lines)


TOOL = base.Tool(
    base.spec(
        "search_chat_history",
        "Search what was said in this conversation, or in all conversations of the person. Use it "
        "when they ask whether, where or when something was mentioned; a time they name limits it.",
        HistoryArguments,
    ),
    HistoryRequest,
    ask,
    reads_only=True,
)
