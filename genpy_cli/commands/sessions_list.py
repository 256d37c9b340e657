"""`genpy sessions list`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import age, stars
from genpy_server.core.identity import is_question, short_id
from genpy_server.core.models import ListedSession, Session
from genpy_server.records import PAGE, Records

QUESTIONS = 5
"""Single questions that are shown below the conversations."""


def sessions_list(
    *,
    limit: Annotated[int, typer.Option(help="Conversations at most.", metavar="N", min=1)] = 20,
    status: Annotated[
        Literal["active", "completed"] | None, typer.Option(help="Only these.")
    ] = None,
    find: Annotated[
        str | None, typer.Option(help="Only with this in title, summary or topics.", metavar="TEXT")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List conversations, newest first, and single questions apart."""
    if as_json:
        found = backend.with_records(
            server, lambda records: records.sessions(limit=limit, status=status, query=find)
        )
        output.json_document(found[:limit])
        return

    async def work(records: Records) -> tuple[list[ListedSession], list[ListedSession], str | None]:
        conversations: list[ListedSession] = []
        questions: list[ListedSession] = []
        before: int | None = None
        while len(conversations) < limit and (
            page := await records.sessions(
                limit=min(limit, PAGE), before=before, status=status, query=find
            )
        ):
            for session in page:
                alone = is_question(session.id, session.message_count)
                (questions if alone else conversations).append(session)
            before = page[-1].last_message_id
        return conversations[:limit], questions, await records.user_among_others()

    conversations, questions, user = backend.with_records(server, work)
    if conversations:
        show(conversations)
    elif not questions:
        output.note(_none(status, find))
    if questions:
        if conversations:
            output.text("")
        _show_questions(questions)
    if user is not None:
        output.note(f"These are the conversations of the user {user!r}; others have some too.")


def _none(status: str | None, find: str | None) -> str:
    which = f"{status} conversation" if status else "conversation"
    if find is not None:
        return f"No {which} has {find!r} in its title, summary or topics."
    return f"No {which}s." if status else "No conversations here. `genpy chat` begins one."


def _show_questions(questions: list[ListedSession]) -> None:
    """Print the questions of `genpy ask` that were not continued."""
    shown, now = questions[:QUESTIONS], datetime.now(UTC)
    more = f", the newest {len(shown)} of {len(questions)}" if len(shown) < len(questions) else ""
    output.heading("Single questions", f"genpy ask{more}")
    output.table(
        ("ID", "QUESTION", "ASKED"),
        [(short_id(one.id), one.title, age(_last_active(one), now)) for one in shown],
        right=("ASKED",),
        cut=("QUESTION",),
    )


def show(sessions: list[ListedSession]) -> None:
    """Print a table of conversations."""
    now = datetime.now(UTC)
    output.table(
        ("ID", "TITLE", "STATUS", "ACTIVE", "MSGS", "RATING", "SUMMARY"),
        [
            (
                short_id(one.id),
                one.title,
                output.STATUS[one.status],
                age(_last_active(one), now),
                str(one.message_count),
                stars(one.rating),
                one.summary or one.note or "",
            )
            for one in sessions
        ],
        right=("ACTIVE", "MSGS"),
        cut=("TITLE", "SUMMARY"),
        spare=("SUMMARY", "RATING", "MSGS", "STATUS"),
    )


def _last_active(session: Session) -> str:
    """The time of the last message; `updated_at` changes with the end and the rating too."""
    counted = session.metrics if session.status == "completed" else None
    return (counted and counted.last_at) or session.updated_at
