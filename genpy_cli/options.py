"""Arguments and options that several commands share."""

from typing import Annotated

import typer

from genpy_cli.completion import complete_session

_SESSION = "An id, any unambiguous prefix of it, a name, or `last`."

Ref = Annotated[
    str, typer.Argument(help=_SESSION, metavar="SESSION", autocompletion=complete_session)
]
OptionalRef = Annotated[
    str | None, typer.Argument(help=_SESSION, metavar="SESSION", autocompletion=complete_session)
]
Server = Annotated[
    str | None, typer.Option(help="Server to use instead of the local store.", metavar="URL")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]
