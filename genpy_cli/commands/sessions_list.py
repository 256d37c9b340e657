"""`genpy sessions list`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.options import Json, Server
from genpy_server.core.display import age, stars
from genpy_server.core.models import ListedSession, Session

ROOM_FOR_SUMMARY = 100
"""Columns from which on the summary is shown."""


def list_sessions(
    *,
    limit: Annotated[int, typer.Option(help="Conversations at most.", metavar="N", min=1)] = 20,
    status: Annotated[
        Literal["active", "completed"] | None, typer.Option(help="Only these.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option(help="Only with this in title, summary or topics.", metavar="TEXT"),
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List conversations, the newest first."""
    sessions = with_records(
        server, lambda records: records.sessions(limit=limit, status=status, query=find)
    )
    if as_json:
        output.json_document(sessions)
    elif sessions:
        show(sessions)
    else:
        output.note("No conversations here. `genpy chat` begins one.")


def show(sessions: list[ListedSession]) -> None:
    """Print a table of conversations."""
    now = datetime.now(UTC)
    columns = ["ID", "TITLE", "STATUS", "ACTIVE", "MSGS", "RATING", "SUMMARY"]
    if output.width() < ROOM_FOR_SUMMARY:
        columns.remove("SUMMARY")
    rows = [_row(session, now)[: len(columns)] for session in sessions]
    output.table(columns, rows, right=("ACTIVE", "MSGS"), cut=("TITLE", "SUMMARY"))


def _row(session: Session, now: datetime) -> tuple[str, ...]:
    return (
        session.id[: output.SHORT_ID],
        session.title,
        output.STATUS[session.status],
        age(_last_active(session), now),
        str(session.message_count),
        stars(session.rating),
        session.summary or session.note or "",
    )


def _last_active(session: Session) -> str:
    """The time of the last message; a session is updated by its end and its rating as well."""
    counted = session.metrics if session.status == "completed" else None
    return (counted and counted.last_at) or session.updated_at
