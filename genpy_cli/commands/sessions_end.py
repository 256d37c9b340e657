"""`genpy sessions end`."""

from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core import display, identity, models
from genpy_server.records import Records
from genpy_server.settings import Settings


def sessions_end(
    *,
    ref: options.OptionalRef = None,
    abandoned: Annotated[
        bool,
        typer.Option(
            "--abandoned", help="Every active conversation that no program attends, after asking."
        ),
    ] = False,
    yes: options.Yes = False,
    trust: options.Trust = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """End a conversation and write its summary."""
    if (ref is None) != abandoned:
        raise options.WrongUsageError("Name the conversation to end, or --abandoned.")
    settings = backend.settings_with(server)
    backend.ensure_trusted(settings, trust=trust)
    ended = [_end(ref, server)] if ref is not None else _end_abandoned(settings, yes=yes)
    if as_json:
        output.json_document(ended)
        return
    for session in ended:
        output.text(f"Ended “{display.one_line(session.title)}”.")
        if session.note:
            output.note(session.note)


def _end(ref: str, server: str | None) -> models.Session:
    async def work(records: Records) -> models.Session:
        session = await records.session(ref)
        if session.status == "completed":
            raise options.WrongUsageError(
                f"“{display.one_line(session.title)}” has ended already. `genpy summary "
                f"{identity.short_id(session.id)} --regenerate` writes its summary again."
            )
        return await records.regenerate(session.id)

    return backend.with_records(server, work, model=True, writes=True)


def _end_abandoned(settings: Settings, *, yes: bool) -> list[models.Session]:
    if settings.server is not None:
        raise options.WrongUsageError(
            "A server ends its own conversations. Leave out GENPY_SERVER, and run this with the "
            "settings of the database."
        )
    from genpy_server.local import open_records

    async def found() -> list[str]:
        async with open_records(settings) as records:
            return await records.abandoned()

    async def end_all(ids: list[str]) -> list[models.Session]:
        async with open_records(settings, model=True) as records:
            ended = [await records.end_abandoned(session_id) for session_id in ids]
        return [session for session in ended if session is not None]

    ids = backend.run(found())
    if not ids:
        output.note("No conversation is abandoned: a program has each active one open.")
        return []
    if not yes:
        what = display.count(len(ids), "conversation")
        options.require_yes(
            f"End {what} of {settings.user}, asking the model for summaries?",
            no_terminal=f"{what} would be ended. Add --yes to do it without asking.",
            declined="Nothing was ended.",
        )
    return backend.run(end_all(ids))
