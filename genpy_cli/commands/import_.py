"""`genpy import`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from genpy_cli import output
from genpy_cli.parameters import Argument, Json
from genpy_server.core.export import exported_session
from genpy_server.core.models import Session
from genpy_server.errors import BadRequest
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import load


class Conversation(msgspec.Struct, frozen=True):
    """One conversation of an export; the store reads its messages."""

    session: dict[str, Any]
    messages: list[dict[str, Any]]


class Export(msgspec.Struct, frozen=True):
    """What `genpy export` writes."""

    sessions: list[Conversation]


class Imported(msgspec.Struct, frozen=True):
    """What an import has seen and done."""

    conversations: int = 0
    messages: int = 0
    new: int = 0
    """Messages that were not there before."""


def run(
    *,
    file: Annotated[str, Argument("An export, or - to read it here.", "FILE")],
    as_json: Json = False,
) -> None:
    """Import conversations that `genpy export` wrote; a second time changes nothing."""
    settings = load()
    if settings.server is not None:
        raise BadRequest(
            "An import writes into the database itself. Run it where the server runs, "
            "with the server's settings and without GENPY_SERVER."
        )
    export = _read(file)
    from genpy_server import local  # noqa: PLC0415 - a wrong file needs no database

    done = local.with_records(settings, lambda records: _write(records, export))
    if as_json:
        output.json_document(done)
    else:
        output.text(
            f"Imported {_count(done.conversations, 'conversation')} "
            f"with {_count(done.messages, 'message')}, {done.new:,} of them new."
        )


def _read(file: str) -> list[tuple[Session, list[dict[str, Any]]]]:
    path = Path(file).expanduser()
    try:
        content = sys.stdin.buffer.read() if file == "-" else path.read_bytes()
        export = msgspec.json.decode(content, type=Export)
        return [(exported_session(one.session), one.messages) for one in export.sessions]
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            f"{file} is no export of GenPy: {error}. Write one with `genpy export --all`."
        ) from error


async def _write(
    records: LocalRecords, export: list[tuple[Session, list[dict[str, Any]]]]
) -> Imported:
    """Conversation by conversation, in the order in which they were talked in last."""
    done = Imported()
    for session, messages in sorted(export, key=lambda one: one[0].last_message_id):
        new = await records.take(session, messages)
        done = Imported(done.conversations + 1, done.messages + len(messages), done.new + new)
    return done


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
