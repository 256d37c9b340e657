"""`genpy sessions delete`."""

from typing import Annotated

import typer

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.exit_codes import require_yes
from genpy_cli.options import Json, Ref, Server
from genpy_server.core.display import count, one_line


def sessions_delete(
    *,
    ref: Ref,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Delete a conversation with all its messages, after asking."""
    session = with_records(server, lambda records: records.session(ref))
    if not yes:
        what = f"“{one_line(session.title)}” with {count(session.message_count, 'message')}"
        require_yes(
            f"Delete {what}? This cannot be undone.",
            no_terminal="No terminal to ask on. Add --yes to delete without asking.",
            declined="Nothing was deleted.",
        )
    deleted = with_records(server, lambda records: records.delete(session.id), writes=True)
    output.result(deleted, f"Deleted “{one_line(deleted.title)}”.", as_json=as_json)
