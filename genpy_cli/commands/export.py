"""`genpy export` and `genpy sessions export`."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from genpy_cli import output
from genpy_cli.backend import every_session, with_records
from genpy_cli.failures import Misused
from genpy_cli.parameters import Option, OptionalRef, Server
from genpy_server.core.display import escaped
from genpy_server.core.export import corrections, markdown
from genpy_server.core.models import Message, Session
from genpy_server.errors import BadRequest
from genpy_server.records import Records, every_message

VERSION = 1
"""Of the form of an export."""

Write = Callable[[str], object]
Conversations = AsyncIterator[tuple[Session, list[Message]]]


def run(
    *,
    ref: OptionalRef = None,
    every: Annotated[
        bool, Option("Every conversation, as JSON unless told otherwise.", name="--all")
    ] = False,
    corrected: Annotated[
        bool,
        Option(
            "The turns whose intent was corrected, one JSON line each: text, intent, detected.",
            name="--corrections",
        ),
    ] = False,
    form: Annotated[
        Literal["md", "json"] | None,
        Option(
            "Markdown to read, or JSON that can be imported.", name="--format", metavar="md|json"
        ),
    ] = None,
    output_file: Annotated[
        str | None, Option("Where to write it, instead of here.", name="--output", metavar="FILE")
    ] = None,
    server: Server = None,
    as_json: Annotated[bool, Option("The same as --format json.", name="--json")] = False,
) -> None:
    """Export a conversation, or all, as Markdown or JSON."""
    if (ref is None) != (every or (corrected and ref is None)):
        raise Misused("Say which conversation to export, or --all.")
    if corrected and form is not None:
        raise Misused("--corrections has a form of its own; leave --format away.")
    write_all = (
        _corrections if corrected else _FORMS[form or ("json" if every or as_json else "md")]
    )

    async def work(records: Records) -> None:
        with _target(output_file) as write:
            await write_all(_conversations(records, ref), write)

    with_records(server, work)


async def _conversations(records: Records, ref: str | None) -> Conversations:
    if ref is not None:
        session = await records.session(ref)
        yield session, await every_message(records, session.id)
        return
    async for session in every_session(records):
        yield session, await every_message(records, session.id)


async def _markdown(conversations: Conversations, write: Write) -> None:
    between = ""
    async for session, messages in conversations:
        write(between + markdown(session.title, messages))
        between = "\n---\n\n"


async def _json(conversations: Conversations, write: Write) -> None:
    """One document, written conversation by conversation: all of them may be large."""
    write(f'{{"version": {VERSION}, "sessions": [')
    between = "\n"
    async for session, messages in conversations:
        line = msgspec.json.encode({"session": session, "messages": messages}).decode()
        write(between + escaped(line))
        between = ",\n"
    write("\n]}\n")


async def _corrections(conversations: Conversations, write: Write) -> None:
    async for _, messages in conversations:
        for correction in corrections(messages):
            write(escaped(msgspec.json.encode(correction).decode()) + "\n")


_FORMS = {"md": _markdown, "json": _json}


@contextmanager
def _target(name: str | None) -> Iterator[Write]:
    """Standard output, or a file that appears when it is complete."""
    if name is None:
        yield partial(output.text, end="")
        return
    path = Path(name).expanduser()
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file.write
        part.replace(path)
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
