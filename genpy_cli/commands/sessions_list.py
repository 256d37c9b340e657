"""`genpy sessions list`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.grid import Column
from genpy_cli.parameters import Json, Option, Server
from genpy_cli.words import SHORT_ID, STATUS
from genpy_server.core.display import age, stars
from genpy_server.core.models import ListedSession, Session
from genpy_server.records import Records

COLUMNS = (
    Column("ID", style=output.DIM),
    Column("TITLE", most=40, least=14),
    Column("STATUS"),
    Column("ACTIVE", right=True),
    Column("MSGS", right=True),
    Column("RATING"),
    Column("SUMMARY", least=12, optional=True, style=output.DIM),
)


def run(
    *,
    limit: Annotated[int, Option("Conversations at most.", metavar="N", low=1)] = 20,
    status: Annotated[
        Literal["active", "completed"] | None, Option("Only these.", metavar="STATUS")
    ] = None,
    find: Annotated[
        str | None, Option("Only with this in title, summary or topics.", metavar="TEXT")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List conversations, the newest first."""

    async def work(records: Records) -> list[ListedSession]:
        return await records.sessions(limit=limit, status=status, query=find)

    sessions = with_records(server, work)
    if as_json:
        output.json_document(sessions)
    elif sessions:
        now = datetime.now(UTC)
        output.table(COLUMNS, [_row(session, now) for session in sessions])
    else:
        output.note("No conversations here. `genpy chat` begins one.")


def _row(session: Session, now: datetime) -> tuple[str, ...]:
    return (
        session.id[:SHORT_ID],
        session.title,
        STATUS[session.status],
        age(_last_active(session), now),
        str(session.message_count),
        stars(session.rating),
        session.summary or session.note or "",
    )


def _last_active(session: Session) -> str:
    """When something was said last; a session is updated by its end and its rating as well."""
    counted = session.metrics if session.status == "completed" else None
    return (counted and counted.last_at) or session.updated_at
