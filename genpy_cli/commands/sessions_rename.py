"""`genpy sessions rename`."""

from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.parameters import Argument, Json, Ref, Server
from genpy_server.core.display import one_line
from genpy_server.core.models import Session
from genpy_server.records import Records


def run(
    *,
    ref: Ref,
    title: Annotated[list[str], Argument("Its new title.", "TITLE...")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Give a conversation another title."""

    async def work(records: Records) -> Session:
        return await records.rename(ref, " ".join(title))

    session = with_records(server, work)
    if as_json:
        output.json_document(session)
    else:
        output.text(f"Renamed to “{one_line(session.title)}”.")
