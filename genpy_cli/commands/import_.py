"""`genpy import`."""

import sys
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import msgspec
import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import count
from genpy_server.errors import BadRequest, GenPyError
from genpy_server.settings import Settings, load

if TYPE_CHECKING:
    from genpy_cli.export_file import ExportFile


class Imported(msgspec.Struct, frozen=True):
    """Counts of an import."""

    conversations: int = 0
    messages: int = 0
    new: int = 0
    """Messages that were not stored before."""


def import_(
    *,
    file: Annotated[str, typer.Argument(help="An export, or - for standard input.")],
    as_json: options.Json = False,
) -> None:
    """Import an export; a second time changes nothing."""
    settings = load()
    if settings.server is not None:
        raise BadRequest(
            "An import writes into the database itself. Run it where the server runs, "
            "with the server's settings and without GENPY_SERVER."
        )

    from tempfile import TemporaryFile

    with TemporaryFile() as copy:
        done = backend.run(_write(settings, _read(file, copy)))
    output.result(
        done,
        f"Imported {count(done.conversations, 'conversation')} "
        f"with {count(done.messages, 'message')}, {done.new:,} of them new.",
        as_json=as_json,
    )


def _read(file: str, copy: IO[bytes]) -> "ExportFile":
    """Read an export and check all of it."""
    from genpy_cli.export_file import ExportFile
    from genpy_server.stores.foreign import checked_messages, checked_session

    path = Path(file).expanduser()
    name = "Standard input" if file == "-" else file
    # A standard input that was closed before the start is None.
    standard = BytesIO() if sys.stdin is None else sys.stdin.buffer
    try:
        with (
            output.Progress("Reading message") as progress,
            nullcontext(standard) if file == "-" else path.open("rb") as given,
        ):
            export = ExportFile(given.read, copy, progress.count)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"{name} is not an export of GenPy: {error}. Write one with `genpy export --all`."
        ) from error
    with output.Progress("Checking message", export.messages_count) as progress:
        for one in export:
            checked_session(one.session)
            for _ in progress.counted(checked_messages(one.session, one.messages)):
                pass
    return export


async def _write(settings: Settings, export: "ExportFile") -> Imported:
    """Conversation by conversation, in the order of their last activity."""
    from genpy_server.local import open_records

    done = Imported()
    try:
        async with open_records(settings) as records:
            with output.Progress("Importing message", export.messages_count) as progress:
                for session, messages, number, memory in export:
                    new = await records.import_session(session, progress.counted(messages), memory)
                    done = Imported(done.conversations + 1, done.messages + number, done.new + new)
    except GenPyError as error:
        if done.conversations:
            before = count(done.conversations, "conversation")
            error.message += f" It came after {before}. Repeat the import for the rest."
        raise
    return done
