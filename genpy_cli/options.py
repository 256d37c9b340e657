"""Arguments and options that several commands share, what they must not be, and their completion.

A completion reads the data of this machine: a key press must not wait for the network.
"""

import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from genpy_cli import output
from genpy_server.core.identity import short_id
from genpy_server.errors import GenPyError
from genpy_server.records import Records
from genpy_server.settings import load

SESSIONS = 100
TITLE_CHARS = 50


class WrongUsageError(Exception):
    """The arguments can be parsed but do not fit together; the message says what to type."""


def require_yes(question: str, *, no_terminal: str, declined: str) -> None:
    """Ask before something is lost.

    Raises `WrongUsageError` with `no_terminal` where nobody can be asked; after "no", prints
    `declined` and raises `typer.Exit`.
    """
    if not output.is_terminal(sys.stdin):
        raise WrongUsageError(no_terminal)
    if not output.confirmed(question):
        output.note(declined)
        raise typer.Exit(1)


def complete_session(incomplete: str) -> list[tuple[str, str]]:
    """Session names and ids, each with its title; Typer leaves out what starts in another way."""
    from genpy_cli.backend import with_records

    named = [("last", "the newest")]

    async def newest(records: Records) -> None:
        for session in await records.sessions(limit=SESSIONS):
            short = short_id(session.id)
            ref = short if short.startswith(incomplete) else session.id
            with suppress(GenPyError):  # a title that is not a name
                if (await records.session(session.title)).id == session.id:
                    ref = session.title
            named.append((ref, _shell_safe(session.title)))

    try:
        if load().server is None:
            with_records(None, newest)
    except GenPyError:
        return []  # a completion has no place to print an error
    return named


def complete_model() -> list[tuple[str, str]]:
    """The models of the cached lists; no provider is asked."""
    from genpy_server.llm.catalog import Catalog, default_file, providers_to_ask

    try:
        return [(name, "") for name in Catalog(default_file()).kept(providers_to_ask(load()))]
    except GenPyError:
        return []


def complete_mode() -> list[tuple[str, str]]:
    """The modes of this machine, each with its label."""
    from genpy_server.modes import open_modes

    try:
        return [(one.name, _shell_safe(one.label)) for one in open_modes(load().folder).listed]
    except GenPyError:
        return []


def _shell_safe(title: str) -> str:
    """A title without characters that a completion script could evaluate."""
    kept = "".join(c if c.isalnum() or c in " .,+-" else " " for c in title)
    return " ".join(kept.split())[:TITLE_CHARS]


def session_option(help_text: str) -> Any:
    """The option --session of a command."""
    return typer.Option(
        "--session", "-s", help=help_text, metavar="SESSION", autocompletion=complete_session
    )


_SESSION: Any = typer.Argument(
    help="An id, any unambiguous prefix of it, a name, or `last`.",
    metavar="SESSION",
    autocompletion=complete_session,
)
Ref = Annotated[str, _SESSION]
OptionalRef = Annotated[str | None, _SESSION]
Server = Annotated[
    str | None, typer.Option(help="Server to use instead of the local store.", metavar="URL")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model to use, as PROVIDER/NAME; `genpy models` lists them.",
        metavar="MODEL",
        autocompletion=complete_model,
    ),
]
OwnApp = Annotated[
    str | None,
    typer.Option(
        "--app", help="Your own App: its module, and its name in it.", metavar="MODULE:NAME"
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        help="Mode of the replies, instead of detecting it.",
        metavar="MODE",
        autocompletion=complete_mode,
    ),
]
System = Annotated[
    str | None,
    typer.Option(help="Instructions to the model for this conversation.", metavar="TEXT"),
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Allow the address that the folder's .env names.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
