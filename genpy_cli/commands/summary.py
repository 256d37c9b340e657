"""`genpy summary`."""

from typing import Annotated

import typer

from genpy_cli import output
from genpy_cli.backend import settings_with, with_records
from genpy_cli.exit_codes import FAILED
from genpy_cli.options import Json, Ref, Server, Trust
from genpy_cli.trust import ensure_trusted
from genpy_server.core.display import date_time, stars
from genpy_server.core.identity import short_id
from genpy_server.core.metrics import statistics
from genpy_server.core.models import Session


def summary(
    *,
    ref: Ref,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Write it again; this ends an active conversation.")
    ] = False,
    trust: Trust = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show the summary, topics, outcomes and metrics.

    With --regenerate the exit code is 1 where no summary could be written.
    """
    if regenerate:
        ensure_trusted(settings_with(server), trust=trust)
    session = with_records(
        server,
        lambda records: records.regenerate(ref) if regenerate else records.session(ref),
        model=regenerate,
        writes=regenerate,
    )
    if as_json:
        output.json_document(session)
    else:
        _show(session)
    if regenerate and not session.summary:
        raise typer.Exit(FAILED)


def _show(session: Session) -> None:
    output.heading(session.title)
    output.dim(f"{session.id} · {output.STATUS[session.status]} {date_time(session.updated_at)}")
    output.text("")
    again = f"`genpy summary {short_id(session.id)} --regenerate` ends it and writes a summary."
    output.message(session.summary or session.note or f"It has not ended yet. {again}")
    facts = [
        ("Topics", ", ".join(session.topics)),
        ("Sentiment", session.sentiment or ""),
        *(("Outcome", outcome) for outcome in session.outcomes),
        *(statistics(session.metrics, None) if session.metrics is not None else ()),
        ("Rating", stars(session.rating)),
    ]
    if facts := [(name, value) for name, value in facts if value]:
        output.text("")
        output.pairs(facts)
