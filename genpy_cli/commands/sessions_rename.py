"""`genpy sessions rename`."""

from typing import Annotated

import typer

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.options import Json, Ref, Server
from genpy_server.core.display import one_line


def sessions_rename(
    *,
    ref: Ref,
    title: Annotated[list[str], typer.Argument(help="The new title.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Give a conversation another title."""
    session = with_records(
        server, lambda records: records.rename(ref, " ".join(title)), writes=True
    )
    output.result(session, f"Renamed to “{one_line(session.title)}”.", as_json=as_json)
