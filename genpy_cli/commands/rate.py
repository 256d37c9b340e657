"""`genpy rate`."""

from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import one_line, stars


def rate(
    *,
    ref: options.Ref,
    rating: Annotated[int, typer.Argument(help="From 1 to 5.", min=1, max=5)],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Rate a conversation from 1 to 5."""
    session = backend.with_records(server, lambda records: records.rate(ref, rating), writes=True)
    sentence = f"Rated “{one_line(session.title)}” {stars(session.rating)}."
    output.result(session, sentence, as_json=as_json)
