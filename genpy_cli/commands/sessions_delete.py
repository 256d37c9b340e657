"""`genpy sessions delete`."""

import sys
from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.failures import Misused
from genpy_cli.parameters import Json, Option, Ref, Server
from genpy_server.core.display import one_line, visible
from genpy_server.core.models import Session
from genpy_server.records import Records


def run(
    *,
    ref: Ref,
    yes: Annotated[bool, Option("Do not ask.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> int:
    """Remove a conversation with all its messages, after asking."""

    async def find(records: Records) -> Session:
        return await records.session(ref)

    session = with_records(server, find)
    if not yes and not _agreed(session):
        output.note("Nothing was deleted.")
        return 1

    async def work(records: Records) -> Session:
        return await records.delete(session.id)

    deleted = with_records(server, work)
    if as_json:
        output.json_document(deleted)
    else:
        output.text(f"Deleted “{one_line(deleted.title)}”.")
    return 0


def _agreed(session: Session) -> bool:
    """Ask the person, beside the output."""
    if not output.is_terminal(sys.stdin):
        raise Misused("Nobody is here to ask. Add --yes to delete without asking.")
    count = session.message_count
    what = f"“{one_line(session.title)}” with {count} message{'' if count == 1 else 's'}"
    sys.stderr.write(f"Delete {visible(what)}? This cannot be undone. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
