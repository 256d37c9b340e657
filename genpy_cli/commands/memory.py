"""`genpy memory`."""

from typing import Annotated, Literal

import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import one_line
from genpy_server.core.models import SessionMemory
from genpy_server.records import Records


def memory(
    *,
    action: Annotated[
        Literal["show", "forget", "off", "on"],
        typer.Argument(help="Show the notes, forget one, or switch the memory off or on."),
    ] = "show",
    number: Annotated[
        int | None, typer.Argument(help="The number of the note to forget.", min=1)
    ] = None,
    ref: Annotated[
        str, options.session_option("An id, any unambiguous prefix of it, a name, or `last`.")
    ] = "last",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show or change what is remembered of a long conversation."""
    if (action == "forget") != (number is not None):
        raise options.WrongUsageError(
            "A note is forgotten by its number, which `genpy memory` shows: forget 2."
        )
    on = {"on": True, "off": False}.get(action)

    async def work(records: Records) -> SessionMemory:
        if action == "show":
            return await records.memory(ref)
        return await records.change_memory(ref, forget=number, on=on)

    kept = backend.with_records(server, work, writes=action != "show")
    output.result(kept, _shown(kept), as_json=as_json)


def _shown(kept: SessionMemory) -> str:
    lines = (
        [] if kept.on else ["The memory of this conversation is off; `genpy memory on` starts it."]
    )
    for note in kept.notes:
        lines.append(f"{note.number:3}  {one_line(note.text)}")
        if note.message_id is not None:
            quote = f": {one_line(note.said)}" if note.said else ""
            lines.append(f"     from message {note.message_id}{quote}")
    if not kept.notes:
        lines.append(
            "No notes. They are made when a conversation outgrows what is sent to the model."
        )
    return "\n".join(lines)
