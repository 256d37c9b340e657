"""`genpy export` and `genpy sessions export`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Literal, TextIO

import msgspec
import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import escaped
from genpy_server.core.export import corrections
from genpy_server.core.models import Message, Session, SessionMemory
from genpy_server.errors import BadRequest
from genpy_server.files import replacing
from genpy_server.records import PAGE, MessageFile, Records, each_message

VERSION = 1
"""Version of the export format."""
MEMORY_BYTES = 16 * 1024 * 1024
"""Of an export that are kept in memory until it is complete; a larger one goes to a temporary file."""
BLOCK_CHARS = 65_536

Write = Callable[[str], object]
Conversations = AsyncIterator[tuple[Session, AsyncIterator[Message], SessionMemory]]
WriteAll = Callable[[Conversations, Write], Awaitable[None]]


def export(
    *,
    ref: options.OptionalRef = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every conversation, as JSON unless Markdown is asked for."),
    ] = False,
    corrected: Annotated[
        bool,
        typer.Option(
            "--corrections",
            help="The turns whose intent was corrected, one JSON line each: "
            "text, intent, detected.",
        ),
    ] = False,
    form: Annotated[
        Literal["md", "json"] | None,
        typer.Option(
            "--format", help="Markdown to read, or JSON that can be imported; else as FILE ends."
        ),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, for you only (0600); else standard output.",
            metavar="FILE",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Overwrite the file without asking.")
    ] = False,
    server: options.Server = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Export a conversation, or all, as Markdown or JSON."""
    if (ref is None) != (every or (corrected and ref is None)):
        raise options.WrongUsageError("Name the conversation to export, or --all: one of them.")
    if corrected and form is not None:
        raise options.WrongUsageError("--corrections is JSON lines; leave --format out.")
    path = None if output_file is None else output_file.expanduser()
    suffix = "" if path is None else path.suffix.lower().removeprefix(".")
    named = form or ("json" if as_json else suffix)
    write_all = _corrections if corrected else _FORMS.get(named, _json if every else _markdown)
    if path is not None and path.is_file() and not yes:
        options.require_yes(
            f"{path} exists. Overwrite it?",
            no_terminal=f"{path} exists. Add --yes to overwrite it.",
            declined="Nothing was written.",
        )

    async def work(records: Records) -> None:
        with output.Progress("Exporting message") as progress:
            conversations = _conversations(records, ref, progress)
            if path is None:
                await _to_standard_output(conversations, write_all, progress)
            else:
                await _to_file(conversations, write_all, path)

    backend.with_records(server, work)


async def _conversations(
    records: Records, ref: str | None, progress: output.Progress
) -> Conversations:
    async def messages(session: Session) -> AsyncIterator[Message]:
        async for message in each_message(records, session.id):
            progress.count()
            yield message

    if ref is not None:
        session = await records.session(ref)
        yield session, messages(session), await records.memory(session.id)
        return
    before: int | None = None
    while page := await records.sessions(limit=PAGE, before=before):
        for session in page:
            yield session, messages(session), await records.memory(session.id)
        before = page[-1].last_message_id


async def _markdown(conversations: Conversations, write: Write) -> None:
    from genpy_server.markdown_export import blocks

    between = ""
    async for session, messages, _ in conversations:
        write(between)
        with await MessageFile.of(messages) as file:
            for block in blocks(session.title, file):
                write(block)
        between = "\n---\n\n"


async def _json(conversations: Conversations, write: Write) -> None:
    """One document, written message by message, so that memory use does not grow with it."""
    write(f'{{"version": {VERSION}, "sessions": [')
    between = "\n"
    async for session, messages, memory in conversations:
        write(f'{between}{{"session":{_encoded(session)},"messages":[')
        comma = ""
        async for message in messages:
            write(comma + _encoded(message))
            comma = ","
        write(f'],"memory":{_encoded(memory)}}}')
        between = ",\n"
    write("\n]}\n")


async def _corrections(conversations: Conversations, write: Write) -> None:
    async for _, messages, _ in conversations:
        with await MessageFile.of(messages) as file:
            for correction in corrections(file):
                write(_encoded(correction) + "\n")


def _encoded(value: object) -> str:
    return escaped(msgspec.json.encode(value).decode())


_FORMS = {"md": _markdown, "json": _json}


async def _to_standard_output(
    conversations: Conversations, write_all: WriteAll, progress: output.Progress
) -> None:
    """Print it once it is complete, so that a failure prints no half of it."""
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(MEMORY_BYTES, "w+", encoding="utf-8", newline="") as whole:
        await write_all(conversations, whole.write)
        progress.clear()
        whole.seek(0)
        while block := whole.read(BLOCK_CHARS):
            output.text(block, end="")


def _opened(path: Path) -> AbstractContextManager[TextIO]:
    if path.exists() and not path.is_file():
        return path.open("w", encoding="utf-8", newline="")
    return replacing(path)


async def _to_file(conversations: Conversations, write_all: WriteAll, path: Path) -> None:
    """Write a file that appears when it is complete; a pipe or device is written directly."""
    try:
        with _opened(path) as file:
            await write_all(conversations, file.write)
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror}.") from error
