"""`genpy summary`."""

from typing import Annotated

import typer

from genpy_cli import backend, exit_codes, options, output
from genpy_server.core.display import date_time, stars
from genpy_server.core.identity import short_id
from genpy_server.core.metrics import statistics
from genpy_server.core.models import Session


def summary(
    *,
    ref: options.Ref,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Write it again; this ends an active conversation.")
    ] = False,
    trust: options.Trust = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show the summary, topics, outcomes and metrics.

    With --regenerate the exit code is 1 where no summary could be written.
    """
    if regenerate:
        backend.ensure_trusted(backend.settings_with(server), trust=trust)
    session = backend.with_records(
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
        raise typer.Exit(exit_codes.FAILED)


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
