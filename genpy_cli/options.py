"""Arguments and options that several commands share, what they must not be, and their completion.

A completion reads the data of this machine: a key press must not wait for the network.
"""

import sys
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
    """Session names and ids that start with `incomplete`, each with its title."""
    try:
        sessions = _sessions()
    except GenPyError:
        return []  # a completion has no place to print an error
    named = [("last", "the newest")]
    for id_, name, title in sessions:
        short = short_id(id_)
        ref = name or (short if short.startswith(incomplete) else id_)
        named.append((ref, _shell_safe(title)))
    return [(ref, title) for ref, title in named if ref.startswith(incomplete)]


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Models that start with `incomplete`, from the cached lists; no provider is asked."""
    from genpy_server.llm.catalog import Catalog, default_file, providers_to_ask

    try:
        named = Catalog(default_file()).kept(providers_to_ask(load()))
    except GenPyError:
        return []
    return [(name, "") for name in named if name.startswith(incomplete)]


def complete_mode(incomplete: str) -> list[tuple[str, str]]:
    """Modes of this machine that start with `incomplete`, each with its label."""
    from genpy_server.modes import open_modes

    try:
        modes = open_modes(load().folder).listed
    except GenPyError:
        return []
    return [
        (mode.name, _shell_safe(mode.label)) for mode in modes if mode.name.startswith(incomplete)
    ]


def _sessions() -> list[tuple[str, str, str]]:
    """The id, name (empty for none) and title of the newest sessions."""
    from genpy_cli.backend import with_records

    if load().server is not None:
        return []  # a key press must not wait for the network

    async def newest(records: Records) -> list[tuple[str, str, str]]:
        found = await records.sessions(limit=SESSIONS)
        return [(s.id, await _name(records, s.id, s.title), s.title) for s in found]

    return with_records(None, newest)


async def _name(records: Records, session_id: str, title: str) -> str:
    """The title, if the session was opened with it as its name; else empty."""
    try:
        return title if (await records.session(title)).id == session_id else ""
    except GenPyError:  # a title that is not a name
        return ""


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
