"""`genpy sessions rename`."""

from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import one_line


def sessions_rename(
    *,
    ref: options.Ref,
    title: Annotated[list[str], typer.Argument(help="The new title.")],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Give a conversation another title."""
    session = backend.with_records(
        server, lambda records: records.rename(ref, " ".join(title)), writes=True
    )
    output.result(session, f"Renamed to “{one_line(session.title)}”.", as_json=as_json)
