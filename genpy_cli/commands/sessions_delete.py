"""`genpy sessions delete`."""

import sys
from typing import Annotated

import typer

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.exit_codes import FAILED, WrongUsageError
from genpy_cli.options import Json, Ref, Server
from genpy_server.core.display import one_line


def delete(
    *,
    ref: Ref,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Delete a conversation with all its messages, after asking."""
    session = with_records(server, lambda records: records.session(ref))
    if not yes:
        what = f"“{one_line(session.title)}” with {output.count(session.message_count, 'message')}"
        if not output.is_terminal(sys.stdin):
            raise WrongUsageError("No terminal to ask on. Add --yes to delete without asking.")
        if not output.confirmed(f"Delete {what}? This cannot be undone."):
            output.note("Nothing was deleted.")
            raise typer.Exit(FAILED)
    deleted = with_records(server, lambda records: records.delete(session.id), writes=True)
    if as_json:
        output.json_document(deleted)
    else:
        output.text(f"Deleted “{one_line(deleted.title)}”.")
