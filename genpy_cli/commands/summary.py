"""`genpy summary`."""

from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.parameters import Json, Option, Ref, Server
from genpy_cli.words import STATUS, local_time
from genpy_server.core.display import stars
from genpy_server.core.metrics import statistics
from genpy_server.core.models import Session
from genpy_server.records import Records


def run(
    *,
    ref: Ref,
    regenerate: Annotated[
        bool, Option("Write it anew; an active conversation is ended by this.")
    ] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show what a conversation was about: summary, topics, outcomes, metrics."""

    async def work(records: Records) -> Session:
        return await (records.regenerate(ref) if regenerate else records.session(ref))

    session = with_records(server, work, model=regenerate)
    if as_json:
        output.json_document(session)
        return
    output.heading(session.title)
    output.faint(f"{session.id} · {STATUS[session.status]} {local_time(session.updated_at)}")
    output.text("")
    output.markdown(session.summary or session.note or _missing(session))
    facts = list(_facts(session))
    if facts:
        output.text("")
        output.pairs(facts)


def _missing(session: Session) -> str:
    return (
        f"It has not ended yet. `genpy summary {session.id[:8]} --regenerate` ends it "
        "and writes a summary."
    )


def _facts(session: Session) -> list[tuple[str, str]]:
    facts = [
        ("Topics", ", ".join(session.topics)),
        ("Sentiment", session.sentiment or ""),
        *(("Outcome", outcome) for outcome in session.outcomes),
        *(statistics(session.metrics) if session.metrics is not None else ()),
        ("Rating", stars(session.rating)),
    ]
    return [(name, value) for name, value in facts if value]
