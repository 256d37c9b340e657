"""`genpy import`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from genpy_cli import output
from genpy_cli.options import Json
from genpy_cli.standard_input import decoded
from genpy_server.core.export import exported_session
from genpy_server.core.models import Session, SessionMemory
from genpy_server.errors import BadRequest
from genpy_server.settings import Settings, load


class ExportedSession(msgspec.Struct, frozen=True):
    """One conversation of an export; the store reads its messages."""

    session: dict[str, Any]
    messages: list[dict[str, Any]]
    memory: SessionMemory | None = None


class ExportFile(msgspec.Struct, frozen=True):
    """What `genpy export` writes."""

    sessions: list[ExportedSession]


class Imported(msgspec.Struct, frozen=True):
    """What an import has seen and done."""

    conversations: int = 0
    messages: int = 0
    new: int = 0
    """Messages that were not there before."""


ImportedSession = tuple[Session, list[dict[str, Any]], SessionMemory | None]


def import_(
    *,
    file: Annotated[str, typer.Argument(help="An export, or - for standard input.")],
    as_json: Json = False,
) -> None:
    """Import an export; a second time changes nothing."""
    settings = load()
    if settings.server is not None:
        raise BadRequest(
            "An import writes into the database itself. Run it where the server runs, "
            "with the server's settings and without GENPY_SERVER."
        )
    export = _read(file)

    import asyncio

    done = asyncio.run(_write(settings, export))
    if as_json:
        output.json_document(done)
    else:
        output.text(
            f"Imported {output.count(done.conversations, 'conversation')} "
            f"with {output.count(done.messages, 'message')}, {done.new:,} of them new."
        )


def _read(file: str) -> list[ImportedSession]:
    path = Path(file).expanduser()
    try:
        content = sys.stdin.buffer.read() if file == "-" else path.read_bytes()
        export = msgspec.json.decode(decoded(content), type=ExportFile)
        return [
            (exported_session(one.session), one.messages, one.memory) for one in export.sessions
        ]
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            f"{file} is not an export of GenPy: {error}. Write one with `genpy export --all`."
        ) from error


async def _write(settings: Settings, export: list[ImportedSession]) -> Imported:
    """Conversation by conversation, in the order of their last activity."""
    from genpy_server.local import open_records

    done = Imported()
    async with open_records(settings) as records:
        for session, messages, memory in sorted(export, key=lambda one: one[0].last_message_id):
            new = await records.take(session, messages, memory)
            done = Imported(done.conversations + 1, done.messages + len(messages), done.new + new)
    return done
