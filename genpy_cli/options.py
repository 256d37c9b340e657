"""Arguments and options that several commands share."""

from typing import Annotated, Any

import typer

from genpy_cli.completion import complete_mode, complete_model, complete_session


def session_option(help_text: str) -> Any:
    """The option --session of a command."""
    return typer.Option(
        "--session",
        "-s",
        help=help_text,
        metavar="SESSION",
        autocompletion=complete_session,
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
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
