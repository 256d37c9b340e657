"""`genpy sessions delete`."""

from genpy_cli import backend, options, output
from genpy_server.core.display import count, one_line


def sessions_delete(
    *,
    ref: options.Ref,
    yes: options.Yes = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Delete a conversation with all its messages, after asking."""
    session = backend.with_records(server, lambda records: records.session(ref))
    if not yes:
        what = f"“{one_line(session.title)}” with {count(session.message_count, 'message')}"
        options.require_yes(
            f"Delete {what}? This cannot be undone.",
            no_terminal="No terminal to ask on. Add --yes to delete without asking.",
            declined="Nothing was deleted.",
        )
    deleted = backend.with_records(server, lambda records: records.delete(session.id), writes=True)
    output.result(deleted, f"Deleted “{one_line(deleted.title)}”.", as_json=as_json)
