"""`genpy rate`."""

from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.parameters import Argument, Json, Ref, Server
from genpy_server.core.display import one_line, stars
from genpy_server.core.models import Session
from genpy_server.records import Records


def run(
    *,
    ref: Ref,
    rating: Annotated[int, Argument("From 1 to 5.", "RATING", low=1, high=5)],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Rate a conversation from 1 to 5."""

    async def work(records: Records) -> Session:
        return await records.rate(ref, rating)

    session = with_records(server, work)
    if as_json:
        output.json_document(session)
    else:
        output.text(f"Rated “{one_line(session.title)}” {stars(session.rating)}.")
